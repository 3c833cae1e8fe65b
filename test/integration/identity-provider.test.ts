import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { sole } from '../support/fhir/cast-fhir'
import { images } from '../support/world/cast-images'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { type IdentityProvider, startIdentityProvider } from '../support/world/identity-provider'
import { type MayPass, type TokenGate, startTokenGate } from '../support/world/token-gate'

const newWorld = useCastWorld()
const tables = ['SyncStateTable', 'RunHistoryTable', 'DicomFailToStoreExceptionTable'] as const
const audience = 'https://fhir.example/r4'
/** A canary: it must be nowhere but at the provider. */
const secret = `s3cret-${randomUUID()}`
const folder = mkdtempSync(join(tmpdir(), 'dicomcast-identity-'))

const keyPairs = ['first', 'second'].map((kid) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } }
})
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

let provider: IdentityProvider
const gates: TokenGate[] = []
beforeAll(async () => {
  const withKey = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: keyPairs.map(({ jwk }) => jwk) } }
  provider = await startIdentityProvider({
    audience,
    clients: [
      { client_id: 'by-secret', client_secret: secret },
      { client_id: 'by-post', client_secret: secret, token_endpoint_auth_method: 'client_secret_post' },
      { client_id: 'by-key', ...withKey, token_endpoint_auth_signing_alg: 'RS384' },
    ],
  })
})
afterEach(async () => {
  await Promise.all(gates.splice(0).map((gate) => gate.close()))
})
afterAll(async () => {
  await provider.stop()
  rmSync(folder, { recursive: true })
})

/** As a FHIR server behind OAuth 2.0 does: signature, audience and scope. */
const verified: MayPass = async (authorization = '') => {
  const { createRemoteJWKSet, jwtVerify } = await import('jose')
  const keys = createRemoteJWKSet(new URL(`${provider.url}/jwks`))
  const token = authorization.replace(/^Bearer /, '')
  const { payload } = await jwtVerify(token, keys, { audience, issuer: provider.url }).catch(() => ({ payload: {} }))
  return 'scope' in payload && payload.scope === 'system/*.cruds'
}

const behind = async (mayPass: MayPass) => {
  const world = await newWorld()
  world.dicom.control.append(...images(3, { study: '1.2.3' }))
  const gate = await startTokenGate(world.fhir.url, mayPass)
  gates.push(gate)
  const casting = (overrides: Overrides) => world.cast({ Fhir__Endpoint: gate.url, ...overrides })
  return { world, gate, casting }
}

const bySecret = (): Overrides => ({
  Fhir__Authentication__Mode: 'clientCredentials',
  Fhir__Authentication__Issuer: provider.url,
  Fhir__Authentication__ClientId: 'by-secret',
  Fhir__Authentication__ClientSecret: secret,
  Fhir__Authentication__Scope: 'system/*.cruds',
})
const byKey = (keyFile: string, kid?: string): Overrides => ({
  Fhir__Authentication__Mode: 'clientCredentials',
  Fhir__Authentication__TokenEndpoint: `${provider.url}/token`,
  Fhir__Authentication__ClientId: 'by-key',
  Fhir__Authentication__PrivateKeyFile: keyFile,
  ...(kid === undefined ? {} : { Fhir__Authentication__KeyId: kid }),
  Fhir__Authentication__Scope: 'system/*.cruds',
})
const pem = (index: number): string => String(keyPairs[index]?.privateKey.export({ type: 'pkcs8', format: 'pem' }))
const jwkOf = (index: number): string =>
  JSON.stringify({ ...keyPairs[index]?.privateKey.export({ format: 'jwk' }), kid: keyPairs[index]?.kid })

const said = async (world: CastWorld): Promise<string> =>
  inspect([world.logged, await Promise.all(tables.map(world.rows)), await world.failed()], {
    depth: 9,
    maxArrayLength: null,
  })

describe('a FHIR server behind OAuth 2.0', () => {
  it.each<[string, () => Overrides]>([
    ['a secret', bySecret],
    [
      'a secret in a file',
      () => ({
        ...bySecret(),
        Fhir__Authentication__ClientSecret: '',
        Fhir__Authentication__ClientSecretFile: file('secret', `${secret}\n`),
      }),
    ],
    ['a secret in the body of the request', () => ({ ...bySecret(), Fhir__Authentication__ClientId: 'by-post' })],
    ['an audience of its own', () => ({ ...bySecret(), Fhir__Authentication__Resource: audience })],
    ['a private key (PEM)', () => byKey(file('key.pem', pem(0)), 'first')],
    ['a private key (JWK)', () => byKey(file('key.jwk', jwkOf(1)))],
  ])('is written to with %s, and the token is asked for once', async (_name, settings) => {
    const { world, gate, casting } = await behind(verified)
    expect(await casting(settings())).toMatchObject({ ended: 'CaughtUp', stored: 3, reason: '' })
    expect([new Set(gate.seen).size, sole(world, 'ImagingStudy').numberOfInstances]).toEqual([1, 3])
    expect(await said(world)).not.toContain(secret)
  })

  it('gets a new token where the last one has ended in the middle of a cast', async () => {
    const { gate, casting } = await behind(
      async (authorization, before) => before < 3 && (await verified(authorization, before)),
    )
    const settings = { ...bySecret(), Fhir__Authentication__Audience: 'of this test alone' }
    expect(await casting({ ...settings, DicomCast__BatchSize: '1', DicomCast__TimerBatches: '0' })).toMatchObject({
      ended: 'CaughtUp',
      stored: 3,
    })
    expect(new Set(gate.seen).size).toBeGreaterThan(2)
  })

  it('gets one by the key of now: its file is read for each token', async () => {
    const keyFile = file('rotated.jwk', jwkOf(0))
    const { world, casting } = await behind(
      async (authorization, before) => before < 3 && (await verified(authorization, before)),
    )
    const settings = byKey(keyFile)
    expect(await casting(settings)).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    file('rotated.jwk', 'no key any more')
    world.dicom.control.append(...images(1, { study: '1.2.4' }))
    expect(
      await casting({ ...settings, Fhir__Authentication__Audience: 'not kept', DicomCast__TimeBudget: '00:00:03' }),
    ).toMatchObject({
      ended: 'ServiceUnavailable',
      reason:
        'identity: the file of Fhir__Authentication__PrivateKeyFile holds no private key that the identity provider takes',
    })
    file('rotated.jwk', jwkOf(1))
    expect(await casting(settings)).toMatchObject({ ended: 'CaughtUp', stored: 1 })
  })

  it.each<[string, Overrides, string, string]>([
    [
      'a wrong secret',
      { Fhir__Authentication__ClientSecret: 'wrong' },
      'AccessDenied',
      'identity: the identity provider of Fhir refuses us (401): check Fhir__Authentication__ClientId, its secret or key, Scope, Audience and Resource',
    ],
    [
      'a resource that it does not know',
      { Fhir__Authentication__Resource: 'https://unknown.example' },
      'AccessDenied',
      'identity: the identity provider of Fhir refuses us (invalid_target, 400): check Fhir__Authentication__ClientId, its secret or key, Scope, Audience and Resource',
    ],
    [
      'another audience',
      { Fhir__Authentication__Resource: 'https://another.example' },
      'AccessDenied',
      'fhir: the token is refused (401): check Fhir__Endpoint and Fhir__Authentication__Scope, Audience and Resource',
    ],
    [
      'a secret that cannot be read',
      { Fhir__Authentication__ClientSecret: '', Fhir__Authentication__ClientSecretFile: '/nowhere/secret' },
      'ServiceUnavailable',
      'identity: the file of Fhir__Authentication__ClientSecretFile cannot be read (ENOENT)',
    ],
    [
      'a provider that is down',
      { Fhir__Authentication__Issuer: '', Fhir__Authentication__TokenEndpoint: 'http://127.0.0.1:9/token' },
      'ServiceUnavailable',
      'identity: the identity provider of Fhir gives no token: the connection was refused',
    ],
  ])('is named with %s, and costs no entry', async (_name, wrong, ended, reason) => {
    const { world, casting } = await behind(verified)
    expect(await casting({ ...bySecret(), ...wrong, DicomCast__TimeBudget: '00:00:03' })).toMatchObject({
      ended,
      reason,
      recorded: 0,
    })
    expect([await world.failed(), await world.syncedSequence()]).toEqual([{}, 0])
    expect(await said(world)).not.toContain(secret)
    expect(await casting(bySecret())).toMatchObject({ ended: 'CaughtUp', stored: 3 })
  })
})

describe('a FHIR server behind a password', () => {
  const password = `p4ss-${randomUUID()}`
  const good = `Basic ${Buffer.from(`cast:${password}`).toString('base64')}`
  const settings: Overrides = {
    Fhir__Authentication__Mode: 'basic',
    Fhir__Authentication__Username: 'cast',
    Fhir__Authentication__Password: password,
  }

  it('is written to, and a wrong one is sent once: it would lock the account', async () => {
    const { world, gate, casting } = await behind((authorization) => authorization === good)
    const wrong = { ...settings, Fhir__Authentication__Password: 'wrong' }
    expect(await casting(wrong)).toMatchObject({
      ended: 'AccessDenied',
      reason: 'fhir: the password is refused (401): check Fhir__Authentication__Username and its password',
    })
    expect(gate.seen).toHaveLength(1)
    expect(await casting(settings)).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect(await said(world)).not.toContain(password)
  })
})

describe('a FHIR server behind a token that somebody else writes to a file', () => {
  it('is written to with the token of now', async () => {
    const tokenFile = file('token', 'one\n')
    const { world, gate, casting } = await behind((authorization, before) => {
      // Its writer is ahead of the service's refusal.
      if (before === 1) file('token', 'two\n')
      return authorization === 'Bearer one' ? before < 2 : authorization === 'Bearer two'
    })
    const settings = { Fhir__Authentication__Mode: 'bearerFile', Fhir__Authentication__TokenFile: tokenFile }
    expect(await casting(settings)).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect([...new Set(gate.seen)]).toEqual(['Bearer one', 'Bearer two'])
    world.dicom.control.append(...images(1, { study: '1.2.4' }))
    expect(
      await casting({
        ...settings,
        Fhir__Authentication__TokenFile: file('empty', '\n'),
        DicomCast__TimeBudget: '00:00:03',
      }),
    ).toMatchObject({
      reason: 'identity: the file of Fhir__Authentication__TokenFile is empty, or holds more than one line',
    })
  })
})
