import type * as Identity from '@azure/identity'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'
import { isRecord, unavailable } from './answers'
import type { HttpAnswer, HttpFailure, HttpRequest, Service } from './exchange'
import type { Send } from './http'

/** `forceRefresh`: the last one was refused. None when authentication is off. */
export type TokenSource = (forceRefresh: boolean) => TE.TaskEither<ServiceError, O.Option<string>>

export interface Authentication {
  readonly enabled: boolean
  readonly scope: string
}

type GetToken = (scope: string) => ReturnType<Identity.TokenCredential['getToken']>

const refreshBeforeMs = 5 * 60_000
const tokenTimeoutMs = 30_000

const settingsOf: Record<Service, string> = { dicom: 'DicomWeb', fhir: 'Fhir' }
const roleOf: Record<Service, string> = { dicom: 'DICOM Data Reader', fhir: 'FHIR Data Writer' }

const denied = (hop: Service, status: number, reason: string): ServiceError => ({
  _tag: 'AccessDenied',
  hop,
  status,
  reason,
})

/** No network, or a token service in trouble: worth a retry. A chained credential lists the errors of its members. */
const isTransient = (error: unknown, depth = 0): boolean => {
  if (!isRecord(error) || depth > 4) return false
  const { statusCode, code, errors, cause } = error
  if (typeof statusCode === 'number') return statusCode >= 500 || statusCode === 429 || statusCode === 408
  if (typeof code === 'string' && /^(E[A-Z_]{4,}|REQUEST_SEND_ERROR|network_error)$/.test(code)) return true
  return [...(Array.isArray(errors) ? errors : []), cause].some((inner) => isTransient(inner, depth + 1))
}

const timedOut = Symbol('timed out')

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
 * Tokens of one credential, kept per scope until five minutes before they expire; requests that wait for one share it.
 * A forced refresh asks the credential again (a managed identity may still answer from a cache of its own).
 */
export const tokens = (getToken: GetToken, now: () => number = Date.now) => {
  const kept = new Map<string, { readonly token: string; readonly expiresOnTimestamp: number }>()
  const asked = new Map<string, Promise<string>>()

  const ask = (scope: string): Promise<string> => {
    const pending = asked.get(scope)
    if (pending !== undefined) return pending
    const answer = withTimeout(getToken(scope))
      .then((token) => {
        if (token === null) throw new Error('no credential')
        kept.set(scope, token)
        return token.token
      })
      .finally(() => asked.delete(scope))
    asked.set(scope, answer)
    return answer
  }

  return (hop: Service, { enabled, scope }: Authentication): TokenSource =>
    (forceRefresh) => {
      if (!enabled) return TE.right(O.none)
      const current = forceRefresh ? undefined : kept.get(scope)
      const leftMs = current === undefined ? 0 : current.expiresOnTimestamp - now()
      if (current !== undefined && leftMs > refreshBeforeMs) return TE.right(O.some(current.token))
      return pipe(
        TE.tryCatch(
          // Called inside the promise: a credential may also throw while it is being made.
          async () => ask(scope),
          (error) =>
            error === timedOut || isTransient(error)
              ? unavailable(hop, `no token for scope ${scope}: the token service does not answer`)
              : denied(hop, 401, `no token for scope ${scope}: no identity here can get one`),
        ),
        // One that is about to expire is still good while no new one can be had.
        TE.orElse((error) => (current !== undefined && leftMs > 0 ? TE.right(current.token) : TE.left(error))),
        TE.map(O.some),
      )
    }
}

type Tokens = ReturnType<typeof tokens>

let credential: Identity.TokenCredential | undefined

/** Of this process's identity. @azure/identity is slow to load, so only a run that needs it does. */
export const azureTokens: Tokens = tokens((scope) => {
  if (credential === undefined) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const identity = require('@azure/identity') as typeof Identity
    credential = new identity.DefaultAzureCredential()
  }
  return credential.getToken(scope)
})

/** One call of a service with its token, for any answer but 401 and 403. */
export type Call = (request: Omit<HttpRequest, 'service'>) => TE.TaskEither<ServiceError, HttpAnswer>

const serviceError =
  (hop: Service, method: HttpRequest['method']) =>
  (failure: HttpFailure): ServiceError => {
    if (failure._tag === 'AnswerTooBig') return { _tag: 'AnswerTooLarge', hop }
    const error = {
      ...unavailable(hop, failure.reason),
      ...(failure.outOfTime === true ? { outOfTime: true } : {}),
      ...(failure._tag === 'AnswerLost' && failure.timedOut === true ? { timedOut: true } : {}),
    }
    return failure._tag === 'AnswerLost' && method !== 'GET' ? { ...error, answerLost: true } : error
  }

/** A 401 is tried once more, with a fresh token; then it names what to look at. */
export const authorized = (
  send: Send,
  hop: Service,
  authentication: Authentication,
  tokensOf: Tokens = azureTokens,
): Call => {
  const source = tokensOf(hop, authentication)
  const name = settingsOf[hop]
  const attempt = (request: Omit<HttpRequest, 'service'>, fresh: boolean): TE.TaskEither<ServiceError, HttpAnswer> =>
    pipe(
      source(fresh),
      TE.flatMap((token) =>
        pipe(
          send({
            ...request,
            service: hop,
            headers: O.isNone(token) ? request.headers : { ...request.headers, authorization: `Bearer ${token.value}` },
          }),
          TE.mapLeft(serviceError(hop, request.method)),
        ),
      ),
    )
  const refusal = `the token is refused (401): check ${name}__Endpoint and ${name}__Authentication__Scope, now ${authentication.scope}`
  const asksForOne = `it asks for a token (401), and ${name}__Authentication__Enabled is false`
  return (request) =>
    pipe(
      attempt(request, false),
      TE.flatMap((answer) =>
        answer.status === 401 && authentication.enabled ? attempt(request, true) : TE.right(answer),
      ),
      TE.flatMapEither((answer): E.Either<ServiceError, HttpAnswer> => {
        if (answer.status === 401) return E.left(denied(hop, 401, authentication.enabled ? refusal : asksForOne))
        if (answer.status === 403) {
          return E.left(denied(hop, 403, `it refuses this identity (403): does it have the role ${roleOf[hop]}?`))
        }
        return E.right(answer)
      }),
    )
}
