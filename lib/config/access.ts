import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import type { Access, Authentication, Secret, ServicePrefix } from '../domain/access'
import { azureScope, flag, httpUrl, oneOf, scopes, textLike } from './kinds'
import { type Environment, type Problems, type SettingDescription, decoded, optional, withDefault } from './setting'

const text = textLike('a text', /\S/)
const file = textLike('the path of a file', /\S/)
const modes = ['none', 'managedIdentity', 'basic', 'bearerFile', 'clientCredentials'] as const

const accessSettings = {
  Authentication__Enabled: withDefault(flag, 'false', 'Send a token of the managed identity. Azure needs it.'),
  Authentication__Scope: optional(scopes, 'Scope of the token.'),
  Authentication__Mode: optional(
    oneOf(...modes),
    'How we say who we are.',
    'managedIdentity where Enabled is true, else none',
  ),
  Authentication__Username: optional(textLike('a name without a colon', /^[^:]+$/), '`basic`: the user.'),
  Authentication__Password: optional(text, '`basic`: the password.'),
  Authentication__PasswordFile: optional(file, '… or the file that holds it, read for each request.'),
  Authentication__TokenFile: optional(file, '`bearerFile`: the file that holds the token, read for each request.'),
  Authentication__Issuer: optional(
    httpUrl,
    '`clientCredentials`: the provider, whose metadata name its token endpoint.',
  ),
  Authentication__TokenEndpoint: optional(httpUrl, '… or the token endpoint itself.'),
  Authentication__ClientId: optional(text, '`clientCredentials`: the client.'),
  Authentication__ClientSecret: optional(text, '`clientCredentials`: its secret.'),
  Authentication__ClientSecretFile: optional(file, '… or the file that holds it, read for each token.'),
  Authentication__PrivateKeyFile: optional(
    file,
    '… or its private key (PKCS #8 or JWK), with which it signs (`private_key_jwt`, SMART Backend Services).',
  ),
  Authentication__KeyId: optional(text, 'The `kid` of that key.'),
  Authentication__Audience: optional(text, '`clientCredentials`: sent as `audience`, where the provider asks for it.'),
  Authentication__Resource: optional(httpUrl, '`clientCredentials`: sent as `resource` (RFC 8707).'),
  Tls__CaFile: optional(file, 'Certificates (PEM) that are trusted in the place of the public ones.'),
  Tls__CertificateFile: optional(file, 'Our certificate (PEM), for a service that asks for one.'),
  Tls__KeyFile: optional(file, 'Its private key (PEM).'),
}

type Name = keyof typeof accessSettings

/** Those that the README's table has, with defaults of their own. */
const inReadme: ReadonlyArray<string> = ['Authentication__Enabled', 'Authentication__Scope']

/** The settings of docs/access.md: the name without the service's. */
export const accessDescriptions: ReadonlyArray<SettingDescription> = Object.entries(accessSettings)
  .filter(([name]) => !inReadme.includes(name))
  .map(([name, { description }]) => ({ name, ...description }))

const prefixed = (prefix: ServicePrefix): typeof accessSettings =>
  Object.fromEntries(
    Object.entries(accessSettings).map(([name, setting]) => [`${prefix}__${name}`, setting]),
  ) as unknown as typeof accessSettings

/** By the name without the service's. */
type Given = { readonly [K in Name]: (typeof accessSettings)[K]['_A'] }

const given = (environment: Environment, prefix: ServicePrefix): E.Either<Problems, Given> =>
  pipe(
    decoded(prefixed(prefix), environment),
    E.map((read) =>
      Object.fromEntries(Object.entries(read).map(([name, value]) => [name.slice(prefix.length + 2), value])),
    ),
    E.map((read) => read as unknown as Given),
  )

/** What each mode reads; one that is set and not read would be believed to count. */
const readBy: Readonly<Record<(typeof modes)[number], ReadonlyArray<Name>>> = {
  none: [],
  managedIdentity: [],
  basic: ['Authentication__Username', 'Authentication__Password', 'Authentication__PasswordFile'],
  bearerFile: ['Authentication__TokenFile'],
  clientCredentials: [
    ...(['Authentication__Issuer', 'Authentication__TokenEndpoint', 'Authentication__ClientId'] as const),
    ...(['Authentication__ClientSecret', 'Authentication__ClientSecretFile'] as const),
    ...(['Authentication__PrivateKeyFile', 'Authentication__KeyId'] as const),
    ...(['Authentication__Audience', 'Authentication__Resource'] as const),
  ],
}
const ofModes = new Set(Object.values(readBy).flat())

type Problem = readonly [Name, string]

/** Exactly one of these: of one, that one. */
const oneOfThese = (read: Given, ...names: ReadonlyArray<Name>): ReadonlyArray<Problem> => {
  const [first, ...others] = names.filter((name) => read[name] !== undefined)
  const all = names.map((name) => name.replace('Authentication__', '')).join(' or ')
  if (first === undefined) return names.slice(0, 1).map((name) => [name, `missing; this mode needs ${all}`])
  return others.map((name) => [name, `expected only one of ${all}`])
}

const problemsOf = (read: Given, mode: (typeof modes)[number], scopeOf: string): ReadonlyArray<Problem> => [
  ...[...ofModes]
    .filter((name) => read[name] !== undefined && !readBy[mode].includes(name))
    .map((name): Problem => [name, `has no effect with the mode ${mode}; expected another Authentication__Mode`]),
  ...(read.Authentication__Enabled && mode !== 'managedIdentity'
    ? [['Authentication__Enabled', `expected false with the mode ${mode}`] as const]
    : []),
  ...(mode !== 'clientCredentials' && azureScope.read(scopeOf) === undefined
    ? [['Authentication__Scope', `not understood; expected ${azureScope.expected}`] as const]
    : []),
  ...(mode === 'basic'
    ? [
        ...oneOfThese(read, 'Authentication__Username'),
        ...oneOfThese(read, 'Authentication__Password', 'Authentication__PasswordFile'),
      ]
    : []),
  ...(mode === 'bearerFile' ? oneOfThese(read, 'Authentication__TokenFile') : []),
  ...(mode === 'clientCredentials'
    ? [
        ...oneOfThese(read, 'Authentication__Issuer', 'Authentication__TokenEndpoint'),
        ...oneOfThese(read, 'Authentication__ClientId'),
        ...oneOfThese(
          read,
          'Authentication__ClientSecret',
          'Authentication__ClientSecretFile',
          'Authentication__PrivateKeyFile',
        ),
      ]
    : []),
  ...((read.Tls__CertificateFile === undefined) === (read.Tls__KeyFile === undefined)
    ? []
    : [
        [
          read.Tls__KeyFile === undefined ? 'Tls__KeyFile' : 'Tls__CertificateFile',
          'missing; a certificate and its key go together',
        ] as const,
      ]),
]

const secretOf = (value: string | undefined, path: string | undefined): Secret =>
  value === undefined ? { file: path ?? '' } : { value }

const authenticationOf = (read: Given, mode: (typeof modes)[number], scopeOf: string): Authentication => {
  switch (mode) {
    case 'none':
      return { mode }
    case 'managedIdentity':
      return { mode, scope: scopeOf }
    case 'basic':
      return {
        mode,
        username: read.Authentication__Username ?? '',
        secret: secretOf(read.Authentication__Password, read.Authentication__PasswordFile),
      }
    case 'bearerFile':
      return { mode, tokenFile: read.Authentication__TokenFile ?? '' }
    case 'clientCredentials':
      return {
        mode,
        clientId: read.Authentication__ClientId ?? '',
        provider:
          read.Authentication__Issuer === undefined
            ? { tokenEndpoint: read.Authentication__TokenEndpoint ?? '' }
            : { issuer: read.Authentication__Issuer },
        proof:
          read.Authentication__PrivateKeyFile === undefined
            ? { secret: secretOf(read.Authentication__ClientSecret, read.Authentication__ClientSecretFile) }
            : { privateKeyFile: read.Authentication__PrivateKeyFile, keyId: read.Authentication__KeyId },
        scope: read.Authentication__Scope,
        audience: read.Authentication__Audience,
        resource: read.Authentication__Resource,
      }
  }
}

/** `standardScope`: of the managed identity's token, where no other is named. */
export const readAccess = (
  environment: Environment,
  prefix: ServicePrefix,
  standardScope: string,
): E.Either<Problems, Access> =>
  pipe(
    given(environment, prefix),
    E.flatMap((read): E.Either<Problems, Access> => {
      const mode = read.Authentication__Mode ?? (read.Authentication__Enabled ? 'managedIdentity' : 'none')
      const scopeOf = read.Authentication__Scope ?? standardScope
      const problems = problemsOf(read, mode, scopeOf)
      return problems.length > 0
        ? E.left(problems.map(([name, problem]) => `${prefix}__${name}: ${problem}`))
        : E.right({
            authentication: authenticationOf(read, mode, scopeOf),
            tls: {
              caFile: read.Tls__CaFile,
              certificateFile: read.Tls__CertificateFile,
              keyFile: read.Tls__KeyFile,
            },
          })
    }),
  )

const secrets = new Set(['secret', 'proof'])

/** Without what proves who we are. */
export const shownAuthentication = (authentication: Authentication): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(authentication).filter(([name]) => !secrets.has(name)))
