import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { CheckAnswer } from '../../lib/composition/check'
import { writeCertificates } from '../support/world/certificates'
import { dicomcast } from '../support/world/command-line'
import { type IdentityProvider, startIdentityProvider } from '../support/world/identity-provider'
import { useOperateWorld } from '../support/world/operate-world'
import { type TokenGate, startTokenGate } from '../support/world/token-gate'

const newWorld = useOperateWorld()
const folder = mkdtempSync(join(tmpdir(), 'dicomcast-access-'))
const { ca, server } = writeCertificates(folder)
const noKey = join(folder, 'no-key')
writeFileSync(noKey, 'nothing')
/** A canary: it must not be in what is told. */
const secret = `s3cret-${randomUUID()}`

let provider: IdentityProvider
const gates: TokenGate[] = []
beforeAll(async () => {
  provider = await startIdentityProvider({
    audience: 'https://fhir.example',
    clients: [{ client_id: 'cast', client_secret: secret }],
  })
})
afterEach(async () => {
  await Promise.all(gates.splice(0).map((gate) => gate.close()))
})
afterAll(async () => {
  await provider.stop()
  rmSync(folder, { recursive: true })
})

type Changes = Readonly<Record<string, string>>

/** The FHIR service behind a gate: what `check` says of it with these settings, as the command prints them. */
const checked = async (changes: Changes, tls?: 'server' | 'both') => {
  const world = await newWorld()
  const own = { cert: readFileSync(server.certificate), key: readFileSync(server.key), maxVersion: 'TLSv1.2' } as const
  const wanted = { ca: readFileSync(ca.certificate), requestCert: true }
  const gate = await startTokenGate(
    world.fhir.url,
    (authorization) => authorization !== undefined && !/Basic|other/.test(authorization) && !isOther(authorization),
    tls === undefined ? undefined : { ...own, ...(tls === 'both' ? wanted : {}) },
  )
  gates.push(gate)
  const good = {
    Fhir__Endpoint: gate.url,
    Fhir__Authentication__Mode: 'clientCredentials',
    Fhir__Authentication__Issuer: provider.url,
    Fhir__Authentication__ClientId: 'cast',
    Fhir__Authentication__ClientSecret: secret,
    Fhir__Authentication__Scope: 'system/*.cruds',
    DicomCast__RequestTimeout: '00:00:05',
  }
  const settings = Object.entries({ ...good, ...changes }).filter(([, value]) => value !== '')
  const { stdout } = await dicomcast(world.environment(Object.fromEntries(settings)), 'check', '--json')
  const { facts } = JSON.parse(stdout) as CheckAnswer
  expect(stdout).not.toContain(secret)
  return facts.flatMap(({ name, state, says }) => (state === 'bad' ? [`${name}: ${says}`] : []))
}

/** A token for somebody else. */
const isOther = (authorization: string): boolean =>
  Buffer.from(authorization.split('.')[1] ?? '', 'base64url')
    .toString()
    .includes('another.example')

const noClient: Changes = {
  Fhir__Authentication__Issuer: '',
  Fhir__Authentication__ClientId: '',
  Fhir__Authentication__ClientSecret: '',
  Fhir__Authentication__Scope: '',
}
const refusesUs = 'check Fhir__Authentication__ClientId, its secret or key, Scope, Audience and Resource'
const refused =
  'fhir: the token is refused (401): check Fhir__Endpoint and Fhir__Authentication__Scope, Audience and Resource'

describe('dicomcast check tells what is wrong with the way to FHIR', () => {
  it('and nothing where all is well', async () => {
    expect(await checked({})).toEqual([])
  })

  it.each<[string, Changes, ReadonlyArray<string>, ('server' | 'both')?]>([
    [
      'a wrong secret',
      { Fhir__Authentication__ClientSecret: 'wrong' },
      [`fhir-identity: identity: the identity provider of Fhir refuses us (401): ${refusesUs}`],
    ],
    [
      'a client that is not registered',
      { Fhir__Authentication__ClientId: 'nobody' },
      [`fhir-identity: identity: the identity provider of Fhir refuses us (401): ${refusesUs}`],
    ],
    [
      'a resource that the provider does not know',
      { Fhir__Authentication__Resource: 'https://unknown.example' },
      [`fhir-identity: identity: the identity provider of Fhir refuses us (invalid_target, 400): ${refusesUs}`],
    ],
    [
      'a token for somebody else',
      { Fhir__Authentication__Resource: 'https://another.example' },
      [`fhir-r4: ${refused}`],
    ],
    [
      'an issuer that is none',
      { Fhir__Authentication__Issuer: 'http://127.0.0.1:9' },
      ['fhir-identity: identity: the identity provider of Fhir gives no token: the connection was refused'],
    ],
    [
      'a secret that cannot be read',
      { Fhir__Authentication__ClientSecret: '', Fhir__Authentication__ClientSecretFile: '/nowhere' },
      ['fhir-identity: identity: the file of Fhir__Authentication__ClientSecretFile cannot be read (ENOENT)'],
    ],
    [
      'a key that is none',
      { Fhir__Authentication__ClientSecret: '', Fhir__Authentication__PrivateKeyFile: noKey },
      [
        'fhir-identity: identity: the file of Fhir__Authentication__PrivateKeyFile holds no private key that the identity provider takes',
      ],
    ],
    [
      'no mode at all',
      { ...noClient, Fhir__Authentication__Mode: '' },
      ['fhir-r4: fhir: it asks for a token (401), and Fhir__Authentication__Mode is none'],
    ],
    [
      'a wrong password',
      {
        ...noClient,
        Fhir__Authentication__Mode: 'basic',
        Fhir__Authentication__Username: 'cast',
        Fhir__Authentication__Password: 'wrong',
      },
      ['fhir-r4: fhir: the password is refused (401): check Fhir__Authentication__Username and its password'],
    ],
    ['an authority that is not trusted', {}, ['fhir-reach: fhir: no trusted TLS connection came about'], 'server'],
    [
      'a certificate that is not sent',
      { Fhir__Tls__CaFile: ca.certificate },
      ['fhir-reach: fhir: it does not take our certificate, or wants one'],
      'both',
    ],
    [
      'a password over plain http',
      {
        ...noClient,
        Fhir__Endpoint: 'http://fhir.example',
        Fhir__Authentication__Mode: 'basic',
        Fhir__Authentication__Username: 'cast',
        Fhir__Authentication__Password: 'p',
      },
      [
        'settings: Fhir__Endpoint: a token would go over plain http; expected https, or its host in DicomCast__AllowPlainHttp where nobody else is on the network',
      ],
    ],
  ])('%s', async (_name, changes, bad, ...[tls]) => {
    // Further facts may follow from the first.
    expect((await checked(changes, tls)).slice(0, 1)).toEqual(bad)
  })
})
