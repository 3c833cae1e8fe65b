import { randomUUID } from 'node:crypto'
import { request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { InvocationRequest, RpcHttp } from './core-api'
import { triggerOf, type Invoke, type Outcome } from './invoke'
import type { Match, router } from './routes'

interface Front {
  readonly match: ReturnType<typeof router>
  /** What `POST /admin/functions/{name}` runs, and with which input. */
  readonly fire: (name: string) => ((input: string) => Promise<Outcome>) | undefined
  readonly invoke: Invoke
  /** Where the library wants requests streamed to, when the app asked for `enableHttpStream`. */
  readonly streamTo: string | undefined
}

/** The host's HTTP side: the app's functions, and `POST /admin/functions/{name}`. Function keys are not asked for. */
export const httpFront =
  (front: Front): RequestListener =>
  (request, response) => {
    const pathname = pathOf(request)
    const admin = /^\/admin\/functions\/([^/]+)$/.exec(pathname)?.[1]
    const match = front.match(request.method ?? 'GET', pathname)
    const answered =
      admin !== undefined && request.method === 'POST'
        ? fireFunction(front.fire(admin), request, response)
        : match === undefined
          ? end(response, 404)
          : front.streamTo === undefined
            ? callFunction(front, match, request, response)
            : streamFunction(front, front.streamTo, match, request, response)
    // A failed invocation is a 500 without a body; here only the connection can still have failed.
    answered.catch(() => response.destroy())
  }

// The real host answers 202 and lets the function run. `Prefer: wait` (RFC 7240) answers when it has ended, and how.
const fireFunction = async (
  fire: ReturnType<Front['fire']>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  if (fire === undefined) return end(response, 404)
  const outcome = fire(inputIn(await buffer(request)))
  if (!String(request.headers.prefer).startsWith('wait')) return end(response, 202)
  const { http: _, ...told } = { http: undefined, ...(await outcome) }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told))
}

/** `{ "input": … }`; a timer has none. */
const inputIn = (body: Buffer): string => {
  try {
    const { input } = JSON.parse(body.toString()) as { readonly input?: unknown }
    return typeof input === 'string' ? input : input === undefined ? '' : JSON.stringify(input)
  } catch {
    return ''
  }
}

const callFunction = async (
  front: Front,
  match: Match,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  // The real host drops a body that does not tell its length.
  const bytes = request.headers['content-length'] === undefined ? undefined : await buffer(request)
  const outcome = await front.invoke(match.fn, httpInvocation(match, request, bytes))
  if (!outcome.succeeded) return end(response, 500)
  return outcome.http === undefined ? end(response, 204) : send(outcome.http, response)
}

const httpInvocation = ({ fn, params }: Match, request: IncomingMessage, bytes?: Uint8Array): InvocationRequest => {
  const url = urlOf(request)
  const query: Record<string, string> = {}
  // Repeated keys arrive joined by a comma.
  for (const key of url.searchParams.keys()) query[key] = url.searchParams.getAll(key).join(',')
  const http = {
    method: request.method,
    url: url.href,
    headers: headersOf(request),
    query,
    params,
    body: bytes && { bytes },
  }
  const texts = Object.entries(params).map(([name, string]) => [name, { string }] as const)
  return {
    inputData: [{ name: triggerOf(fn).name, data: { http } }],
    triggerMetadata: { ...Object.fromEntries(texts), Headers: { json: JSON.stringify(headersOf(request)) } },
  }
}

const send = (http: RpcHttp, response: ServerResponse): void => {
  response.writeHead(Number(http.statusCode), http.headers).end(http.body?.bytes)
}

// With `enableHttpStream` the library listens itself: the request goes there under the invocation's id, in parallel.
const streamFunction = async (
  front: Front,
  streamTo: string,
  match: Match,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const invocationId = randomUUID()
  const { host, pathname, search } = urlOf(request)
  const forwarded = { 'x-ms-invocation-id': invocationId, 'x-forwarded-host': host, 'x-forwarded-proto': 'http' }
  const upstream = httpRequest(new URL(pathname + search, streamTo), {
    method: request.method,
    headers: { ...request.headers, ...forwarded },
  })
  const relayed = new Promise<void>((resolve, reject) => {
    upstream.once('error', reject)
    upstream.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      pipeline(answer, response).then(resolve, reject)
    })
  })
  request.pipe(upstream)
  const outcome = await front.invoke(match.fn, httpInvocation(match, request), invocationId)
  if (outcome.succeeded) return relayed
  relayed.catch(() => undefined)
  upstream.destroy()
  return end(response, 500)
}

const end = async (response: ServerResponse, status: number): Promise<void> => {
  response.writeHead(status).end()
}

const urlOf = (request: IncomingMessage): URL =>
  new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`)

/** What a path is judged by must be what it is answered by. */
export const pathOf = (request: IncomingMessage): string => urlOf(request).pathname

const headersOf = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(', ')]))
