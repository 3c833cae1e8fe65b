import { StringDecoder } from 'node:string_decoder'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { Agent, type Dispatcher } from 'undici'
import type { Hop, ServiceError } from '../../domain/cast-error'
import { tagOf } from '../../domain/dicom/tags'
import { parseJson } from '../../domain/json'

export type Service = Exclude<Hop, 'storage'>

/** What one run asks of the services. `retries` is counted by whoever retries. */
export interface Meter {
  dicomRequests: number
  fhirRequests: number
  fhirBytesSent: number
  retries: number
}

export const newMeter = (): Meter => ({ dicomRequests: 0, fhirRequests: 0, fhirBytesSent: 0, retries: 0 })

/** May overwrite the piece, and give back a part of it. */
export type Keep = (piece: Uint8Array) => Uint8Array

export interface HttpRequest {
  readonly service: Service
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Of the answer's body, decoded. */
  readonly maxBytes: number
  /** What of the answer's body is kept, all when it is left out. Asked of each piece as it comes, wherever it begins. */
  readonly keep?: Keep
}

export interface HttpAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: string
  /** Of the body as it came, decoded, also of what was not kept. */
  readonly bytes: number
}

/** `outOfTime`: the run's own time was up, not the request's. */
export type HttpFailure =
  /** No byte of it left us: it was certainly not carried out. */
  | { readonly _tag: 'NotSent'; readonly reason: string; readonly outOfTime?: boolean }
  /** It left, and no whole answer came back: it may have been carried out. */
  | { readonly _tag: 'AnswerLost'; readonly reason: string; readonly outOfTime?: boolean }
  | { readonly _tag: 'AnswerTooBig' }

/** One attempt. A redirect is an answer like any other: it is not followed, since it would take our token along. */
export type Send = (request: HttpRequest) => TE.TaskEither<HttpFailure, HttpAnswer>

const notSent = (reason: string): HttpFailure => ({ _tag: 'NotSent', reason })
const answerLost = (reason: string): HttpFailure => ({ _tag: 'AnswerLost', reason })
const answerTooBig: HttpFailure = { _tag: 'AnswerTooBig' }

let agent: Agent | undefined

// One for the process, so that connections are kept. An idle one is dropped after four seconds, undici's default: later
// a server may close it while our next request is under way. The only time limit is the one of the whole request.
const sharedAgent = (): Agent =>
  (agent ??= new Agent({ connections: 8, pipelining: 1, allowH2: false, headersTimeout: 0, bodyTimeout: 0 }))

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const whyNotSent = (error: unknown): string => {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return 'the connection was refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name was not found'
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'no connection came about in time'
  if (/CERT|SELF_SIGNED|SIGNATURE|TLS|SSL/.test(code)) return 'no trusted TLS connection came about'
  return 'no connection came about'
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

interface Answered {
  readonly status: number
  readonly headers: Headers
}

interface RawAnswer extends Answered {
  /** Text when it came as it is, else bytes. */
  readonly body: Uint8Array | string
  readonly bytes: number
}

interface Body {
  readonly add: (piece: Uint8Array) => void
  readonly end: () => RawAnswer['body']
}

/** A body that is cut as it comes: what is left of a piece becomes text at once, so that nothing holds on to the piece. */
const cutBody = (keep: Keep): Body => {
  const decoder = new StringDecoder('utf8')
  let text = ''
  return {
    add: (piece) => {
      text += decoder.write(keep(piece))
    },
    end: () => text + decoder.end(),
  }
}

const wholeBody = (): Body => {
  const pieces: Array<Uint8Array> = []
  return { add: (piece) => void pieces.push(piece), end: () => Buffer.concat(pieces) }
}

// Of an error the status is what counts. A body that is no use must not hide it: "too large" would mean "ask for less".
const maxErrorBytes = 1024 * 1024
const noBody = { body: Buffer.alloc(0), bytes: 0 }
const isSuccess = (status: number): boolean => status >= 200 && status < 300
const limitOf = ({ status }: Answered, maxBytes: number): number => (isSuccess(status) ? maxBytes : maxErrorBytes)

const encodingOf = ({ headers }: Answered): string =>
  String(headers['content-encoding'] ?? 'identity')
    .trim()
    .toLowerCase() || 'identity'

const exchange = (
  { method, url, headers, body, maxBytes, keep }: HttpRequest,
  timeout: { readonly ms: number; readonly outOfTime: boolean },
  onSent: () => void,
): Promise<E.Either<HttpFailure, RawAnswer>> =>
  new Promise((resolve) => {
    let sending: Dispatcher.DispatchController | undefined
    let ended = false
    let start: Answered = { status: 0, headers: {} }
    let content = wholeBody()
    let bytes = 0

    const end = (result: E.Either<HttpFailure, RawAnswer>): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      resolve(result)
    }
    const giveUp = (result: E.Either<HttpFailure, RawAnswer>): void => {
      end(result)
      sending?.abort(new Error('given up'))
    }
    // From the first byte to the last, so that a server that drips its answer ends with it too.
    const timer = setTimeout(() => {
      const failure =
        sending === undefined
          ? notSent('no connection came about in time')
          : answerLost(`no complete answer within ${timeout.ms} ms`)
      giveUp(E.left(timeout.outOfTime ? { ...failure, outOfTime: true } : failure))
    }, timeout.ms)

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) => {
        if (ended) return controller.abort(new Error('given up'))
        sending = controller
        onSent()
      },
      onResponseStart: (_controller, status, responseHeaders) => {
        start = { status, headers: responseHeaders }
        if (keep !== undefined && encodingOf(start) === 'identity') content = cutBody(keep)
      },
      onResponseData: (_controller, chunk) => {
        bytes += chunk.length
        if (bytes > limitOf(start, maxBytes)) {
          giveUp(isSuccess(start.status) ? E.left(answerTooBig) : E.right({ ...start, ...noBody }))
        } else content.add(chunk)
      },
      onResponseEnd: () => end(E.right({ ...start, body: content.end(), bytes })),
      onResponseError: (_controller, error) =>
        end(
          E.left(
            sending === undefined
              ? notSent(whyNotSent(error))
              : answerLost('the connection ended before the answer was complete'),
          ),
        ),
    }
    try {
      const { origin, pathname, search } = new URL(url)
      sharedAgent().dispatch({ origin, path: pathname + search, method, headers, body: body ?? null }, handler)
    } catch {
      giveUp(E.left(notSent('the request cannot be written')))
    }
  })

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
}

export const httpSender =
  ({ meter, requestTimeoutMs, remainingMs }: Run): Send =>
  (request) =>
  async () => {
    const leftMs = Math.floor(remainingMs())
    const timeout = { ms: Math.min(requestTimeoutMs, leftMs), outOfTime: leftMs < requestTimeoutMs }
    if (!(timeout.ms > 0)) return E.left({ ...notSent("the run's time is used up"), outOfTime: true })
    const count = (): void => {
      if (request.service === 'dicom') meter.dicomRequests += 1
      else {
        meter.fhirRequests += 1
        meter.fhirBytesSent += Buffer.byteLength(request.body ?? '')
      }
    }
    const withEncoding = { ...request, headers: { ...request.headers, 'accept-encoding': 'gzip' } }
    const raw = await exchange(withEncoding, timeout, count)
    if (E.isLeft(raw)) return raw
    const answer = await decoded(raw.right, request)
    if (E.isLeft(answer)) return answer
    const { status, headers, body, bytes } = answer.right
    const header = (name: string): string | undefined => {
      const value = headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    return E.right({ status, header, body: textOf(body), bytes })
  }

const dateOf = (text: string | undefined): number | undefined => {
  const time = text === undefined ? NaN : Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

/** The server's clock as its Date header tells it, ms; ours when it tells nothing. */
export const servedAt = (answer: HttpAnswer): number => dateOf(answer.header('date')) ?? Date.now()

const secondsAsMs = (text: string): number | undefined =>
  /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Math.ceil(Number(text) * 1000) : undefined

const retryAfterMs = (answer: HttpAnswer): number | undefined => {
  const exact = answer.header('x-ms-retry-after-ms')?.trim() ?? ''
  if (/^\d{1,12}(\.\d+)?$/.test(exact)) return Math.ceil(Number(exact))
  const standard = answer.header('retry-after')?.trim() ?? ''
  const date = /[a-z]/i.test(standard) ? dateOf(standard) : undefined
  return secondsAsMs(standard) ?? (date === undefined ? undefined : Math.max(0, date - servedAt(answer)))
}

export type Unavailable = Extract<ServiceError, { _tag: 'ServiceUnavailable' }>

export const unavailable = (hop: Service, reason: string): Unavailable => ({ _tag: 'ServiceUnavailable', hop, reason })

/** Reasons are our own words and the status: a body may hold a patient's data. */
export const unavailableWith = (hop: Service, answer: HttpAnswer, reason: string): Unavailable => {
  const retryAfter = retryAfterMs(answer)
  return {
    ...unavailable(hop, `${reason} (${answer.status})`),
    status: answer.status,
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  }
}

const urlSetting: Record<Service, string> = { dicom: 'DicomWeb__Endpoint', fhir: 'Fhir__Endpoint' }

/** For every answer that the caller has no meaning of its own for. `request`: in our own words, when there are several. */
export const unexpected = (hop: Service, answer: HttpAnswer, request = 'this request'): Unavailable => {
  const { status } = answer
  const says = (reason: string): Unavailable => unavailableWith(hop, answer, reason)
  if (status < 300) return says('its answer has no content')
  if (status < 400) return says(`it redirects elsewhere, which is not followed: check ${urlSetting[hop]}`)
  if (status === 404) return says(`nothing is at this URL: check ${urlSetting[hop]}`)
  if (status === 408) return says('it waited too long')
  if (status === 424) return says('it cannot use its encryption key')
  if (status === 429) return says('it asks for fewer requests')
  if (status >= 500) return says('it has trouble of its own')
  return says(`it does not take ${request}`)
}

const numericValue = `"${tagOf('NumericValue')}"`

/** The body as JSON; an unreadable one is never quoted, neither by JSON.parse's own words. */
export const jsonOf = (hop: Service, answer: HttpAnswer): E.Either<Unavailable, unknown> => {
  const unreadable = (what: string): Unavailable =>
    unavailable(hop, `unreadable ${hop === 'dicom' ? 'page' : 'answer'}: ${what}`)
  const mediaType = answer.header('content-type')?.split(';')[0] ?? ''
  if (!/^\s*(application\/([\w.-]+\+)?json|text\/json)?\s*$/i.test(mediaType)) {
    return E.left(unreadable('it is not JSON'))
  }
  return E.tryCatch(
    // Doses in a page, and what others wrote in FHIR, keep their digits.
    (): unknown =>
      hop === 'fhir' || answer.body.includes(numericValue) ? parseJson(answer.body) : JSON.parse(answer.body),
    () => unreadable('its JSON is broken'),
  )
}

export const isRecord = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json)
