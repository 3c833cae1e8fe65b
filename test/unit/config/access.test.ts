import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { accessDescriptions, shownAuthentication } from '../../../lib/config/access'
import { readSettings } from '../../../lib/config/read-settings'
import { settingWarnings } from '../../../lib/config/setting-names'

const read = (given: Readonly<Record<string, string>>) =>
  readSettings({
    DicomWeb__Endpoint: 'https://dicom.example',
    Fhir__Endpoint: 'https://fhir.example/r4',
    AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    ...Object.fromEntries(Object.entries(given).map(([name, value]) => [`Fhir__${name}`, value])),
  })
const problemsOf = (given: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  E.match(
    (problems: ReadonlyArray<string>) => problems,
    () => [],
  )(read(given))
const authenticationOf = (given: Readonly<Record<string, string>>) => {
  const settings = read(given)
  if (E.isLeft(settings)) throw new Error(settings.left.join('\n'))
  return settings.right.fhir.authentication
}

const client = {
  Authentication__Mode: 'clientCredentials',
  Authentication__Issuer: 'https://id.example',
  Authentication__ClientId: 'cast',
  Authentication__ClientSecret: 'secret',
}
const basic = { Authentication__Mode: 'basic', Authentication__Username: 'cast', Authentication__Password: 'secret' }

describe('how a service lets us in', () => {
  it.each([
    [{}, { mode: 'none' }],
    [{ Authentication__Enabled: 'true' }, { mode: 'managedIdentity', scope: 'https://fhir.example/r4/.default' }],
    [
      { Authentication__Mode: 'managedidentity' },
      { mode: 'managedIdentity', scope: 'https://fhir.example/r4/.default' },
    ],
    [basic, { mode: 'basic', username: 'cast', secret: { value: 'secret' } }],
    [
      { Authentication__Mode: 'bearerFile', Authentication__TokenFile: '/run/token' },
      { mode: 'bearerFile', tokenFile: '/run/token' },
    ],
    [
      { ...client, Authentication__Scope: 'system/*.cruds system/Basic.u' },
      {
        ...{ mode: 'clientCredentials', clientId: 'cast', provider: { issuer: 'https://id.example' } },
        ...{ proof: { secret: { value: 'secret' } }, scope: 'system/*.cruds system/Basic.u' },
      },
    ],
    [
      {
        ...{ Authentication__Mode: 'clientCredentials', Authentication__TokenEndpoint: 'https://id.example/token' },
        ...{ Authentication__ClientId: 'cast', Authentication__PrivateKeyFile: '/run/key', Authentication__KeyId: 'k' },
      },
      {
        ...{ mode: 'clientCredentials', clientId: 'cast', provider: { tokenEndpoint: 'https://id.example/token' } },
        proof: { privateKeyFile: '/run/key', keyId: 'k' },
      },
    ],
  ])('is read: %j', (given, expected) => {
    expect(authenticationOf(given)).toEqual(expected)
  })

  it.each<[Readonly<Record<string, string>>, ReadonlyArray<string>]>([
    [
      { Authentication__Mode: 'oauth' },
      [
        'Authentication__Mode: not understood; expected one of none, managedIdentity, basic, bearerFile, clientCredentials',
      ],
    ],
    [{ ...basic, Authentication__Enabled: 'true' }, ['Authentication__Enabled: expected false with the mode basic']],
    [
      { Authentication__Username: 'cast' },
      ['Authentication__Username: has no effect with the mode none; expected another Authentication__Mode'],
    ],
    [
      { ...client, Authentication__Password: 'x' },
      [
        'Authentication__Password: has no effect with the mode clientCredentials; expected another Authentication__Mode',
      ],
    ],
    [
      { Authentication__Mode: 'basic' },
      [
        'Authentication__Username: missing; this mode needs Username',
        'Authentication__Password: missing; this mode needs Password or PasswordFile',
      ],
    ],
    [
      { ...basic, Authentication__PasswordFile: '/x' },
      ['Authentication__PasswordFile: expected only one of Password or PasswordFile'],
    ],
    [{ Authentication__Mode: 'bearerFile' }, ['Authentication__TokenFile: missing; this mode needs TokenFile']],
    [
      { Authentication__Mode: 'clientCredentials' },
      [
        'Authentication__Issuer: missing; this mode needs Issuer or TokenEndpoint',
        'Authentication__ClientId: missing; this mode needs ClientId',
        'Authentication__ClientSecret: missing; this mode needs ClientSecret or ClientSecretFile or PrivateKeyFile',
      ],
    ],
    [
      { Authentication__Mode: 'managedIdentity', Authentication__Scope: 'system/*.read' },
      [
        'Authentication__Scope: not understood; expected a token scope such as https://dicom.healthcareapis.azure.com/.default',
      ],
    ],
    [{ Tls__CertificateFile: '/x' }, ['Tls__KeyFile: missing; a certificate and its key go together']],
    [
      { ...client, Authentication__Issuer: 'http://id.example' },
      [
        'Authentication__Issuer: a token would go over plain http; expected https, or its host in DicomCast__AllowPlainHttp where nobody else is on the network',
      ],
    ],
    [
      { ...basic, Endpoint: 'http://fhir.example' },
      [
        'Endpoint: a token would go over plain http; expected https, or its host in DicomCast__AllowPlainHttp where nobody else is on the network',
      ],
    ],
  ])('is refused with each problem named: %j', (given, problems) => {
    expect(problemsOf(given)).toEqual(problems.map((problem) => `Fhir__${problem}`))
  })

  it('is shown without what proves who we are', () => {
    for (const given of [basic, client]) {
      expect(JSON.stringify(shownAuthentication(authenticationOf(given)))).not.toContain('secret')
    }
    expect(shownAuthentication(authenticationOf(client))).toMatchObject({ mode: 'clientCredentials', clientId: 'cast' })
  })

  it('has names that a slip is told of', () => {
    expect(settingWarnings({ Fhir__Authentication__ClientID: 'x', DicomWeb__Tls__CaFile: '/x' })).toEqual([
      'Fhir__Authentication__ClientID is no setting of DICOMcast, and has no effect; did you mean Fhir__Authentication__ClientId?',
    ])
  })
})

it('docs/access.md lists every setting of it', () => {
  const rows = accessDescriptions.map(
    ({ name, meaning, expected, default: standard }) =>
      `| \`…__${name}\` | ${meaning} | ${expected} | ${standard ?? '–'} |`,
  )
  const [, listed] =
    /<!-- settings:[^>]*-->\n([\s\S]*?)<!-- \/settings -->/.exec(readFileSync('docs/access.md', 'utf8')) ?? []
  expect(listed?.trim()).toBe(['| setting | meaning | value | default |', '|---|---|---|---|', ...rows].join('\n'))
})
