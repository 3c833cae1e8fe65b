import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { type Connector, connectorOf } from './dispatchers'
import {
  type HttpAnswer,
  type HttpFailure,
  type HttpRequest,
  type RawAnswer,
  type Service,
  answerLost,
  answerTooBig,
  codeOf,
  encodingOf,
  exchange,
  isSuccess,
  limitOf,
  noBody,
  notSent,
} from './exchange'

/** `refused`: 4xx. `failed`: 5xx. `lost`: no answer that could be read, or none at all. */
export type RequestOutcome = 'fine' | 'refused' | 'failed' | 'lost'

/** What one run asks of the services. `retries` is counted by whoever retries. */
export interface Meter {
  readonly outcomes: Record<Service, Record<RequestOutcome, number>>
  dicomRequests: number
  fhirRequests: number
  fhirBytesSent: number
  retries: number
}

const noOutcomes = (): Record<RequestOutcome, number> => ({ fine: 0, refused: 0, failed: 0, lost: 0 })

export const newMeter = (): Meter => ({
  outcomes: { dicom: noOutcomes(), fhir: noOutcomes() },
  ...{ dicomRequests: 0, fhirRequests: 0, fhirBytesSent: 0, retries: 0 },
})

const outcomeOf = (answer: E.Either<HttpFailure, RawAnswer>): RequestOutcome => {
  if (E.isLeft(answer)) return 'lost'
  const { status } = answer.right
  return status >= 500 ? 'failed' : status >= 400 ? 'refused' : 'fine'
}

/** One attempt. A redirect is an answer like any other: it is not followed, since it would take our token along. */
export type Send = (request: HttpRequest) => TE.TaskEither<HttpFailure, HttpAnswer>

const unzip = promisify(gunzip)

/** The limit holds for what comes out: a small body may unfold to a huge one. */
const decoded = async (
  answer: RawAnswer,
  { maxBytes, keep }: HttpRequest,
): Promise<E.Either<HttpFailure, RawAnswer>> => {
  const encoding = encodingOf(answer)
  if (encoding === 'identity' || typeof answer.body === 'string' || answer.bytes === 0) return E.right(answer)
  const failed = (failure: HttpFailure) =>
    isSuccess(answer.status) ? E.left(failure) : E.right({ ...answer, ...noBody })
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    return failed(answerLost('the answer has an encoding not asked for'))
  try {
    const body = await unzip(answer.body, { maxOutputLength: limitOf(answer, maxBytes) })
    return E.right({ ...answer, body: keep === undefined ? body : keep(body), bytes: body.length })
  } catch (error) {
    return failed(
      codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? answerTooBig : answerLost('the answer cannot be decompressed'),
    )
  }
}

const byteOrderMark = '\uFEFF'

const textOf = (body: RawAnswer['body']): string => {
  if (typeof body !== 'string') return new TextDecoder().decode(body)
  return body.startsWith(byteOrderMark) ? body.slice(1) : body
}

interface Run {
  readonly meter: Meter
  readonly requestTimeoutMs: number
  /** Of the run's time; a request gets no more. */
  readonly remainingMs: () => number
  /** What a service is reached by; without it, plainly. */
  readonly connectors?: Readonly<Record<Service, () => Connector>>
}

const wasIdle = (result: E.Either<HttpFailure, RawAnswer>): boolean =>
  E.isLeft(result) && result.left._tag === 'AnswerLost' && result.left.wasIdle === true

const plainly = (): Connector => connectorOf('Fhir', {})

export const httpSender =
  ({ meter, requestTimeoutMs, remainingMs, connectors }: Run): Send =>
  (request) =>
  async () => {
    const startedAt = performance.now()
    const timeoutNow = () => {
      const leftMs = Math.floor(remainingMs())
      const wantedMs = Math.min(requestTimeoutMs, Math.floor(request.withinMs ?? Infinity))
      const stillMs = wantedMs - Math.floor(performance.now() - startedAt)
      return { ms: Math.min(stillMs, leftMs), outOfTime: leftMs < stillMs }
    }
    if (!(timeoutNow().ms > 0)) return E.left({ ...notSent("the run's time is used up"), outOfTime: true })
    const count = (): void => {
      if (request.service === 'dicom') meter.dicomRequests += 1
      else {
        meter.fhirRequests += 1
        meter.fhirBytesSent += Buffer.byteLength(request.body ?? '')
      }
    }
    const withEncoding = { ...request, headers: { ...request.headers, 'accept-encoding': 'gzip' } }
    const connector = (connectors?.[request.service] ?? plainly)()
    const once = async (): Promise<E.Either<HttpFailure, RawAnswer>> =>
      E.isLeft(connector)
        ? E.left(notSent(connector.left))
        : exchange(withEncoding, connector.right, timeoutNow(), count)
    const first = await once()
    // An idle connection that was closed is no outage: a reading is asked again, at once, and once.
    const isAskedAgain = request.method === 'GET' && wasIdle(first) && timeoutNow().ms > 0
    const raw = isAskedAgain ? await once() : first
    const answer = E.isLeft(raw) ? raw : await decoded(raw.right, request)
    meter.outcomes[request.service][outcomeOf(answer)] += 1
    if (E.isLeft(answer)) return answer
    const { status, headers, body, bytes } = answer.right
    const header = (name: string): string | undefined => {
      const value = headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    return E.right({ status, header, body: textOf(body), bytes })
  }
