import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Serving } from './app-host'

/** The largest that a route reads is a delivery of events; what wants no key reads none. */
const maxBodyBytes = { keyed: 2_500_000, anonymous: 1_024 }

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Where a function key may stand, and where Prometheus and others put a token. */
const keysOf = ({ headers, url = '/' }: IncomingMessage): ReadonlyArray<string> => {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  const inUrl = URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost').searchParams.get('code') : null
  return [headers['x-functions-key'], bearer, inUrl].flatMap((each) => (typeof each === 'string' ? [each] : []))
}

const end = (response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void => {
  const common = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  response.writeHead(status, { ...common, ...headers }).end(`${text}\n`)
}

const isProbe = (method = 'GET'): boolean => method === 'GET' || method === 'HEAD'

/**
 * Before the functions of an app that is no longer behind Azure's front: a key for all but what is anonymous, an end to
 * bodies, and two probes. `/live`: the process answers. `/ready`: it is not about to end; how the services are is no part
 * of it, since the page must be there to tell of them.
 */
export const behindKey = (key: string, isStopping: () => boolean): Serving['guard'] => {
  const expected = digestOf(key)
  const hasKey = (request: IncomingMessage): boolean =>
    keysOf(request).some((each) => timingSafeEqual(digestOf(each), expected))
  return (front, isAnonymous) => (request, response) => {
    const { method, url = '/', headers } = request
    // What is judged here is what is answered behind it: the app puts the two together, and `//x` would be a host.
    if (!/^\/(?![\\/])/.test(url) || !URL.canParse(url, `http://${headers.host ?? 'localhost'}`)) {
      return end(response, 400, 'This is no path.', { connection: 'close' })
    }
    const [path] = url.split('?')
    if (isProbe(method) && path === '/live') return end(response, 200, 'live')
    if (isProbe(method) && path === '/ready') {
      return isStopping() ? end(response, 503, 'ending') : end(response, 200, 'ready')
    }
    const anonymous = isAnonymous(request)
    if (!anonymous && !hasKey(request)) {
      return end(response, 401, 'A key is wanted.', { 'www-authenticate': 'Bearer', connection: 'close' })
    }
    if (Number(headers['content-length'] ?? 0) > maxBodyBytes[anonymous ? 'anonymous' : 'keyed']) {
      return end(response, 413, 'The body is too large.', { connection: 'close' })
    }
    front(request, response)
  }
}
