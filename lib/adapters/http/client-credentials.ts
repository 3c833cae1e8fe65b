import { readFile } from 'node:fs/promises'
import * as E from 'fp-ts/Either'
import type * as Client from 'openid-client' with { 'resolution-mode': 'import' }
import type { ClientCredentials, ServicePrefix } from '../../domain/access'
import { isRecord } from './answers'
import type { Connector } from './dispatchers'
import { type HttpFailure, codeOf, exchange } from './exchange'
import { denied, identityDown } from './identity-errors'
import { type Token, type TokenSource, keptTokens, timedOut } from './kept-tokens'
import { signingKeyOf } from './signing-key'

/** How the provider is reached: with the private CA of the service, and over http where that is allowed. */
export interface Provider {
  readonly connector: () => Connector
}

/** What we ourselves know of why there is no token; the words are for an operator. */
class NoToken extends Error {}

// RFC 6749 §5.2, RFC 8707 §2: what else a provider writes may be anybody's words.
const codes = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'],
  ...['invalid_scope', 'invalid_target', 'access_denied'],
])

const lifeMs = 5 * 60_000
const timeoutMs = 30_000
const maxBytes = 1024 * 1024
const toleratedSkewMs = 60_000

const hasBody = (status: number): boolean => status >= 200 && status !== 204 && status !== 304

const whyNone = (failure: HttpFailure): string =>
  failure._tag === 'AnswerTooBig' ? 'its answer is larger than the limit' : failure.reason

/** The clock of the provider less ours, as its last answer told it. */
interface Clocks {
  skewMs: number | undefined
}

const skewWords = ({ skewMs }: Clocks): string =>
  skewMs === undefined || Math.abs(skewMs) <= toleratedSkewMs
    ? ''
    : `; its clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} ours`

const read = async (file: string, setting: string): Promise<string> => {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new NoToken(`the file of ${setting} cannot be read (${codeOf(error) || 'unknown'})`)
  }
}

/** openid-client is slow to load, and is not needed by who has an identity of Azure. */
const load = async (): Promise<typeof Client> => import('openid-client')

const authenticationOf = async (
  client: typeof Client,
  prefix: ServicePrefix,
  { proof }: ClientCredentials,
  server: Client.ServerMetadata,
): Promise<Client.ClientAuth> => {
  if ('secret' in proof) {
    const { secret } = proof
    const text =
      'value' in secret ? secret.value : await read(secret.file, `${prefix}__Authentication__ClientSecretFile`)
    const methods = server.token_endpoint_auth_methods_supported
    const onlyPost = methods?.includes('client_secret_post') === true && !methods.includes('client_secret_basic')
    return onlyPost ? client.ClientSecretPost(text) : client.ClientSecretBasic(text)
  }
  const setting = `${prefix}__Authentication__PrivateKeyFile`
  const text = await read(proof.privateKeyFile, setting)
  const offered = server.token_endpoint_auth_signing_alg_values_supported
  const signing = await signingKeyOf(text, proof.keyId, offered).catch(() => {
    throw new NoToken(`the file of ${setting} holds no private key that the identity provider takes`)
  })
  const key = signing.kid === undefined ? { key: signing.key } : { key: signing.key, kid: signing.kid }
  return client.PrivateKeyJwt(key, {
    // Ours may be ahead of the provider's clock: what is not valid yet is refused.
    [client.modifyAssertion]: (_header, payload) => {
      for (const name of ['iat', 'nbf'] as const) {
        const time = payload[name]
        if (typeof time === 'number') payload[name] = time - toleratedSkewMs / 1000
      }
    },
  })
}

/** What happened, of what was made of it on the way. */
const innermost = (error: unknown, depth = 0): unknown =>
  isRecord(error) && isRecord(error['cause']) && depth < 5 ? innermost(error['cause'], depth + 1) : error

const failureOf = (prefix: ServicePrefix, clocks: Clocks, error: unknown) => {
  const provider = `the identity provider of ${prefix}`
  const known = [error, innermost(error)].find((each) => each instanceof NoToken)
  if (known !== undefined) return identityDown(known.message)
  if (error === timedOut) return identityDown(`${provider} does not answer`)
  const { error: code, status, cause } = isRecord(error) ? error : {}
  const answered = typeof status === 'number' ? status : isRecord(cause) ? cause['status'] : undefined
  if (typeof answered === 'number' && (answered >= 500 || answered === 429)) {
    return identityDown(`${provider} has trouble of its own (${answered})`, answered)
  }
  if (typeof answered === 'number' && answered >= 400 && answered !== 404) {
    const named = typeof code === 'string' && codes.has(code) ? `${code}, ` : ''
    const look = `check ${prefix}__Authentication__ClientId, its secret or key, Scope, Audience and Resource`
    return denied('identity', answered, `${provider} refuses us (${named}${answered}): ${look}${skewWords(clocks)}`)
  }
  if (typeof answered === 'number') {
    return identityDown(
      `${provider} does not answer as one (${answered}): check Authentication__Issuer or TokenEndpoint`,
    )
  }
  return identityDown(`${provider} gives no token: its answer is not understood`)
}

/** Tokens by OAuth 2.0 client credentials. The provider's metadata are read once, and again after a failure. */
export const clientCredentials = (
  prefix: ServicePrefix,
  credentials: ClientCredentials,
  { connector }: Provider,
  now: () => number = Date.now,
): TokenSource => {
  const { provider, clientId, scope, audience, resource } = credentials
  // Whether this URL may be http was decided when the settings were read; what metadata over https name may not.
  const isPlain = new URL('issuer' in provider ? provider.issuer : provider.tokenEndpoint).protocol === 'http:'
  const clocks: Clocks = { skewMs: undefined }
  let metadata: Promise<Client.ServerMetadata> | undefined

  const fetching: Client.CustomFetch = async (url, request) => {
    const dispatcher = connector()
    if (E.isLeft(dispatcher)) throw new NoToken(dispatcher.left)
    const { method, headers } = request
    const body = request.body == null ? {} : { body: String(request.body) }
    const asked = {
      ...({ service: 'fhir', url, headers, maxBytes } as const),
      method: method as 'GET' | 'POST',
      ...body,
    }
    const answered = await exchange(asked, dispatcher.right, { ms: timeoutMs, outOfTime: false }, () => undefined)
    if (E.isLeft(answered))
      throw new NoToken(`the identity provider of ${prefix} gives no token: ${whyNone(answered.left)}`)
    const { status, headers: told } = answered.right
    const date = Date.parse(String(told['date']))
    clocks.skewMs = Number.isNaN(date) ? undefined : date - now()
    const known = Object.entries(told).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))
    return new Response(hasBody(status) ? answered.right.body : null, {
      status,
      headers: Object.fromEntries(known) as Record<string, string>,
    })
  }

  const metadataOf = async (client: typeof Client): Promise<Client.ServerMetadata> => {
    if ('tokenEndpoint' in provider) {
      return { issuer: new URL(provider.tokenEndpoint).origin, token_endpoint: provider.tokenEndpoint }
    }
    const discovered = await client.discovery(new URL(provider.issuer), clientId, undefined, undefined, {
      [client.customFetch]: fetching,
      execute: isPlain ? [client.allowInsecureRequests] : [],
    })
    return discovered.serverMetadata()
  }

  const getToken = async (): Promise<Token> => {
    const client = await load()
    metadata ??= metadataOf(client)
    try {
      const server = await metadata
      const proof = await authenticationOf(client, prefix, credentials, server)
      const configuration = new client.Configuration(server, clientId, undefined, proof)
      configuration[client.customFetch] = fetching
      if (isPlain) client.allowInsecureRequests(configuration)
      const asked = Object.entries({ scope, audience, resource }).filter(([, value]) => value !== undefined)
      const granted = await client.clientCredentialsGrant(
        configuration,
        Object.fromEntries(asked) as Record<string, string>,
      )
      const lives = granted.expires_in === undefined ? lifeMs : granted.expires_in * 1000
      return { token: granted.access_token, expiresOnTimestamp: now() + lives }
    } catch (error) {
      metadata = undefined
      throw error
    }
  }

  return keptTokens(getToken, (_scope, error) => failureOf(prefix, clocks, error), now)('')
}
