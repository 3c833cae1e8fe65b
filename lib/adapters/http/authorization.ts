import { readFile } from 'node:fs/promises'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { Authentication, Secret, ServicePrefix } from '../../domain/access'
import type { ServiceError } from '../../domain/cast-error'
import { azureTokens } from './azure-tokens'
import { type Provider, clientCredentials } from './client-credentials'
import { codeOf } from './exchange'
import { identityDown } from './identity-errors'
import type { TokenSource } from './kept-tokens'

/** The Authorization header; none without authentication. `refused`: the one that was just sent. */
export type Authorization = (refused?: string) => TE.TaskEither<ServiceError, string | undefined>

/** What has been read of a file is never told, only why it cannot be. */
const textOfFile = (file: string, setting: string): TE.TaskEither<ServiceError, string> =>
  pipe(
    TE.tryCatch(
      () => readFile(file, 'utf8'),
      (error) => identityDown(`the file of ${setting} cannot be read (${codeOf(error) || 'unknown'})`),
    ),
    TE.map((text) => text.trim()),
    TE.filterOrElse(
      // A header of other characters would fail as a request that nobody understands.
      (text) => /^[\x20-\x7e]+$/.test(text),
      () => identityDown(`the file of ${setting} is empty, or holds more than one line`),
    ),
  )

const textOfSecret = (secret: Secret, setting: string): TE.TaskEither<ServiceError, string> =>
  'value' in secret ? TE.right(secret.value) : textOfFile(secret.file, setting)

const bearer =
  (source: TokenSource): Authorization =>
  (refused) =>
    pipe(
      source(refused?.replace(/^Bearer /, '')),
      TE.map((token) => `Bearer ${token}`),
    )

export const authorizationOf = (
  prefix: ServicePrefix,
  authentication: Authentication,
  provider: Provider,
): Authorization => {
  switch (authentication.mode) {
    case 'none':
      return () => TE.right(undefined)
    case 'managedIdentity':
      return bearer(azureTokens(authentication.scope))
    case 'basic':
      return () =>
        pipe(
          textOfSecret(authentication.secret, `${prefix}__Authentication__PasswordFile`),
          TE.map((password) => `Basic ${Buffer.from(`${authentication.username}:${password}`).toString('base64')}`),
        )
    case 'bearerFile':
      return () =>
        pipe(
          textOfFile(authentication.tokenFile, `${prefix}__Authentication__TokenFile`),
          TE.map((token) => `Bearer ${token}`),
        )
    case 'clientCredentials':
      return bearer(clientCredentials(prefix, authentication, provider))
  }
}
