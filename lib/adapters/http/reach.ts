import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { HttpHop, Reached, TokenFacts } from '../../app/ports-check'
import type { ServiceError } from '../../domain/cast-error'
import type { Authorization } from './authorization'
import { serviceError } from './authorized'
import { dateOf, isRecord } from './answers'
import type { Send } from './http'

type Result<A> = TE.TaskEither<ServiceError, A>

const maxBytes = 64 * 1024 * 1024
const nothing = new Uint8Array()

/** Does any answer come, whatever it is? Without a token: an address that is not known to be right gets none. */
export const reachOf = (send: Send, hop: HttpHop, url: string): Result<Reached> =>
  pipe(
    send({ service: hop, method: 'GET', url, headers: {}, maxBytes, keep: () => nothing }),
    TE.map((answer): Reached => {
      const servedAt = dateOf(answer.header('date'))
      return servedAt === undefined ? {} : { servedAt }
    }),
    TE.orElse((failure) =>
      failure._tag === 'AnswerTooBig'
        ? TE.right<ServiceError, Reached>({})
        : TE.left(serviceError(hop, 'GET')(failure)),
    ),
  )

const claim = (claims: Readonly<Record<string, unknown>>, name: string, pattern: RegExp): string | undefined => {
  const value = claims[name]
  return typeof value === 'string' && pattern.test(value) ? value : undefined
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whom it is for, and of which application: never a person's name, nor the token. */
export const factsOfToken = (token: string): TokenFacts => {
  const claims = E.tryCatch(
    () => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as unknown,
    () => undefined,
  )
  if (E.isLeft(claims) || !isRecord(claims.right)) return {}
  const audience = claim(claims.right, 'aud', /^[\w.:/-]{1,200}$/)
  const clientId = claim(claims.right, 'appid', uuid) ?? claim(claims.right, 'azp', uuid)
  return { ...(audience === undefined ? {} : { audience }), ...(clientId === undefined ? {} : { clientId }) }
}

export const tokenOf = (authorization: Authorization): Result<O.Option<TokenFacts>> =>
  pipe(
    authorization(),
    TE.map((header) => {
      if (header === undefined) return O.none
      return O.some(header.startsWith('Bearer ') ? factsOfToken(header) : { isPassword: true })
    }),
  )
