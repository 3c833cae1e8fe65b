import { StringDecoder } from 'node:string_decoder'
import * as E from 'fp-ts/Either'
import { type Dispatcher, errors } from 'undici'
import type { Hop } from '../../domain/cast-error'

// One exchange over undici: how long it may take, how much of the answer is kept, and whether it left us at all.

export type Service = Exclude<Hop, 'storage' | 'identity'>

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
  /** How long it may take when that is less than a request may, ms. */
  readonly withinMs?: number
}

export interface HttpAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: string
  /** Of the body as it came, decoded, also of what was not kept. */
  readonly bytes: number
}

/** `outOfTime`: the run's own time was up, not the request's. `timedOut`: the request's. */
export type HttpFailure =
  /** No byte of it left us: it was certainly not carried out. */
  | { readonly _tag: 'NotSent'; readonly reason: string; readonly outOfTime?: boolean }
  /** It left, and no whole answer came back: it may have been carried out. */
  | {
      readonly _tag: 'AnswerLost'
      readonly reason: string
      readonly outOfTime?: boolean
      readonly timedOut?: boolean
      /** Nothing of an answer came: the connection was, as it seems, closed while it was idle. */
      readonly wasIdle?: boolean
    }
  | { readonly _tag: 'AnswerTooBig' }

export const notSent = (reason: string): HttpFailure => ({ _tag: 'NotSent', reason })
export const answerLost = (reason: string): HttpFailure => ({ _tag: 'AnswerLost', reason })
export const answerTooBig: HttpFailure = { _tag: 'AnswerTooBig' }

export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const isAlert = (error: unknown): boolean => /^ERR_SSL_.*ALERT/.test(codeOf(error))

/** By the other side: a connection that had brought an answer before. Of one that was reset no more is known. */
const wasClosedIdle = (error: unknown): boolean =>
  error instanceof errors.SocketError
    ? (error.socket?.bytesRead ?? 0) > 0
    : ['ECONNRESET', 'EPIPE'].includes(codeOf(error))

const whyNotSent = (error: unknown): string => {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return 'the connection was refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name was not found'
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'no connection came about in time'
  if (isAlert(error)) return 'it does not take our certificate, or wants one'
  if (/CERT|SELF_SIGNED|SIGNATURE|TLS|SSL/.test(code)) return 'no trusted TLS connection came about'
  return 'no connection came about'
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

interface Answered {
  readonly status: number
  readonly headers: Headers
}

export interface RawAnswer extends Answered {
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
export const noBody = { body: Buffer.alloc(0), bytes: 0 }
export const isSuccess = (status: number): boolean => status >= 200 && status < 300
export const limitOf = ({ status }: Answered, maxBytes: number): number =>
  isSuccess(status) ? maxBytes : maxErrorBytes

export const encodingOf = ({ headers }: Answered): string =>
  String(headers['content-encoding'] ?? 'identity')
    .trim()
    .toLowerCase() || 'identity'

export const exchange = (
  { method, url, headers, body, maxBytes, keep }: HttpRequest,
  dispatcher: Dispatcher,
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
          : {
              ...answerLost(`no complete answer within ${timeout.ms} ms`),
              ...(timeout.outOfTime ? {} : { timedOut: true }),
            }
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
            // TLS 1.3 refuses our certificate when the request is on its way; nobody reads that.
            sending === undefined || isAlert(error)
              ? notSent(whyNotSent(error))
              : {
                  ...answerLost('the connection ended before the answer was complete'),
                  ...(start.status === 0 && wasClosedIdle(error) ? { wasIdle: true } : {}),
                },
          ),
        ),
    }
    try {
      const { origin, pathname, search } = new URL(url)
      dispatcher.dispatch({ origin, path: pathname + search, method, headers, body: body ?? null }, handler)
    } catch {
      giveUp(E.left(notSent('the request cannot be written')))
    }
  })
