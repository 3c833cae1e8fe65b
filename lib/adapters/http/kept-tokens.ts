import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { ServiceError } from '../../domain/cast-error'

export interface Token {
  readonly token: string
  /** ms since 1970, by our clock. */
  readonly expiresOnTimestamp: number
}

/** `refused`: the token that was just sent, and is not to be had again. */
export type TokenSource = (refused?: string) => TE.TaskEither<ServiceError, string>

const refreshBeforeMs = 5 * 60_000
const tokenTimeoutMs = 30_000

export const timedOut = Symbol('timed out')

const withTimeout = async <A>(work: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(timedOut), tokenTimeoutMs)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Tokens, kept per scope until five minutes before they expire, or a quarter of their life; requests that wait for one
 * share it, also those whose last one was refused. (A managed identity may still answer from a cache of its own.)
 */
export const keptTokens = (
  getToken: (scope: string) => Promise<Token | null>,
  failed: (scope: string, error: unknown) => ServiceError,
  now: () => number = Date.now,
) => {
  const kept = new Map<string, Token & { readonly refreshBeforeMs: number }>()
  const asked = new Map<string, Promise<string>>()

  const ask = (scope: string): Promise<string> => {
    const pending = asked.get(scope)
    if (pending !== undefined) return pending
    const askedAt = now()
    const answer = withTimeout(getToken(scope))
      .then((token) => {
        if (token === null) throw new Error('no credential')
        const lifeMs = token.expiresOnTimestamp - askedAt
        kept.set(scope, { ...token, refreshBeforeMs: Math.min(refreshBeforeMs, lifeMs / 4) })
        return token.token
      })
      .finally(() => asked.delete(scope))
    asked.set(scope, answer)
    return answer
  }

  return (scope: string): TokenSource =>
    (refused) => {
      const last = kept.get(scope)
      const current = last === undefined || last.token === refused ? undefined : last
      const leftMs = current === undefined ? 0 : current.expiresOnTimestamp - now()
      if (current !== undefined && leftMs > current.refreshBeforeMs) return TE.right(current.token)
      return pipe(
        TE.tryCatch(
          // Called inside the promise: a credential may also throw while it is being made.
          async () => ask(scope),
          (error) => failed(scope, error),
        ),
        // One that is about to expire is still good while no new one can be had.
        TE.orElse((error) => (current !== undefined && leftMs > 0 ? TE.right(current.token) : TE.left(error))),
      )
    }
}
