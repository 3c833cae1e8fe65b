import { type JsonWebKey, type KeyObject, createPrivateKey, webcrypto } from 'node:crypto'
import { isRecord } from './answers'

export interface SigningKey {
  readonly key: webcrypto.CryptoKey
  readonly kid: string | undefined
}

const ofCurve: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }
const curveOf: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
// SMART Backend Services asks every server for RS384 and ES384; elsewhere RS256 is what all have.
const forRsa = ['RS384', 'RS256', 'PS384', 'PS256', 'RS512', 'PS512']

const algorithmOf = (key: KeyObject, offered: ReadonlyArray<string> | undefined): string | undefined => {
  if (key.asymmetricKeyType === 'rsa') {
    return offered === undefined ? forRsa[0] : forRsa.find((algorithm) => offered.includes(algorithm))
  }
  const curve = curveOf[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? ''
  return key.asymmetricKeyType === 'ec' ? ofCurve[curve] : undefined
}

const importParameters = (algorithm: string) => {
  const hash = `SHA-${algorithm.slice(2)}`
  if (algorithm.startsWith('RS')) return { name: 'RSASSA-PKCS1-v1_5', hash }
  if (algorithm.startsWith('PS')) return { name: 'RSA-PSS', hash }
  return { name: 'ECDSA', namedCurve: Object.keys(ofCurve).find((curve) => ofCurve[curve] === algorithm) ?? '' }
}

const fromText = (text: string): { readonly key: KeyObject; readonly alg?: unknown; readonly kid?: unknown } => {
  if (!text.startsWith('{')) return { key: createPrivateKey(text) }
  const jwk: unknown = JSON.parse(text)
  if (!isRecord(jwk)) throw new Error('no JWK')
  return {
    key: createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' }),
    alg: jwk['alg'],
    kid: jwk['kid'],
  }
}

/** Of a PEM (PKCS #8, PKCS #1, SEC 1) or a JWK; throws when it is none that can sign with what the provider takes. */
export const signingKeyOf = async (
  text: string,
  keyId: string | undefined,
  offered: ReadonlyArray<string> | undefined,
): Promise<SigningKey> => {
  const { key, alg, kid } = fromText(text)
  const algorithm = typeof alg === 'string' ? alg : algorithmOf(key, offered)
  if (algorithm === undefined) throw new Error('no algorithm')
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  return {
    key: await webcrypto.subtle.importKey('pkcs8', pkcs8, importParameters(algorithm), false, ['sign']),
    kid: keyId ?? (typeof kid === 'string' ? kid : undefined),
  }
}
