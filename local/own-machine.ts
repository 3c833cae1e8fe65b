import type { IncomingMessage, RequestListener } from 'node:http'

// The local services have no passwords, and hold what somebody tries out, at worst real patients. A page of any site that is
// open in a browser here can send them requests, and read the answers under a name of its own that leads to 127.0.0.1.

const isLoopback = (host: string): boolean => {
  const url = `http://${host}`
  return URL.canParse(url) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
}

const refusalOf = ({ headers: { host = '', origin } }: IncomingMessage): string | undefined => {
  if (!isLoopback(host)) return 'This service answers to localhost alone.'
  return origin === undefined || origin === `http://${host}`
    ? undefined
    : 'This service answers no page of another site.'
}

/** Answers 403 to what was not meant for this service: another Host, or a page of another origin. */
export const fromOwnMachine =
  (listener: RequestListener): RequestListener =>
  (request, response) => {
    const refusal = refusalOf(request)
    if (refusal === undefined) return listener(request, response)
    response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${refusal}\n`)
  }

export const isJson = (contentType: string | undefined): boolean => /^application\/json *(;|$)/i.test(contentType ?? '')
