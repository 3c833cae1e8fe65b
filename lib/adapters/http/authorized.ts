import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { Authentication, ServicePrefix } from '../../domain/access'
import type { ServiceError } from '../../domain/cast-error'
import { unavailable } from './answers'
import type { Authorization } from './authorization'
import type { HttpAnswer, HttpFailure, HttpRequest, Service } from './exchange'
import type { Send } from './http'
import { denied } from './identity-errors'

export const prefixOf: Readonly<Record<Service, ServicePrefix>> = { dicom: 'DicomWeb', fhir: 'Fhir' }
const roleOf: Record<Service, string> = { dicom: 'DICOM Data Reader', fhir: 'FHIR Data Writer' }

/** One call of a service with its token, for any answer but 401 and 403. */
export type Call = (request: Omit<HttpRequest, 'service'>) => TE.TaskEither<ServiceError, HttpAnswer>

export const serviceError =
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

/** What to look at when the service refuses what it was sent. */
const refusalOf = (name: ServicePrefix, authentication: Authentication): string => {
  const setting = `${name}__Authentication__`
  switch (authentication.mode) {
    case 'none':
      return `it asks for a token (401), and ${setting}Mode is none`
    case 'basic':
      return `the password is refused (401): check ${setting}Username and its password`
    case 'bearerFile':
      return `the token is refused (401): check the file of ${setting}TokenFile`
    case 'managedIdentity':
      return `the token is refused (401): check ${name}__Endpoint and ${setting}Scope, now ${authentication.scope}`
    case 'clientCredentials':
      return `the token is refused (401): check ${name}__Endpoint and ${setting}Scope, Audience and Resource`
  }
}

const forbiddenOf = (hop: Service, { mode }: Authentication): string =>
  mode === 'managedIdentity' || mode === 'none'
    ? `it refuses this identity (403): does it have the role ${roleOf[hop]}?`
    : 'it refuses this identity (403): may it read, and write?'

/** A 401 is tried once more, if there is another token to be had; then it names what to look at. */
export const authorized = (
  send: Send,
  hop: Service,
  authentication: Authentication,
  authorization: Authorization,
): Call => {
  const attempt = (
    request: Omit<HttpRequest, 'service'>,
    header: string | undefined,
  ): TE.TaskEither<ServiceError, HttpAnswer> =>
    pipe(
      send({
        ...request,
        service: hop,
        headers: header === undefined ? request.headers : { ...request.headers, authorization: header },
      }),
      TE.mapLeft(serviceError(hop, request.method)),
    )
  return (request) =>
    pipe(
      authorization(),
      TE.flatMap((sent) =>
        pipe(
          attempt(request, sent),
          TE.flatMap((answer) =>
            answer.status !== 401 || sent === undefined
              ? TE.right(answer)
              : pipe(
                  authorization(sent),
                  // The same password again would only lock the account.
                  TE.flatMap((fresh) => (fresh === sent ? TE.right(answer) : attempt(request, fresh))),
                ),
          ),
        ),
      ),
      TE.flatMapEither((answer): E.Either<ServiceError, HttpAnswer> => {
        if (answer.status === 401) return E.left(denied(hop, 401, refusalOf(prefixOf[hop], authentication)))
        if (answer.status === 403) return E.left(denied(hop, 403, forbiddenOf(hop, authentication)))
        return E.right(answer)
      }),
    )
}
