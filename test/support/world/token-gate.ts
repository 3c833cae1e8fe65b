import { type IncomingMessage, type RequestListener, type Server, createServer, request as send } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface TokenGate {
  readonly url: string
  /** The Authorization headers that came, in order. */
  readonly seen: ReadonlyArray<string | undefined>
  readonly close: () => Promise<void>
}

/** Whether this may pass; `before`: how often this header came. */
export type MayPass = (authorization: string | undefined, before: number) => boolean | Promise<boolean>

/** In front of a service: who may not pass gets 401, and the others its answers. */
export const startTokenGate = async (service: string, mayPass: MayPass, tls?: ServerOptions): Promise<TokenGate> => {
  const seen: Array<string | undefined> = []
  const pass = (request: IncomingMessage, response: Parameters<RequestListener>[1]): void => {
    const { method, headers, url = '/' } = request
    const on = send(
      new URL(url, service),
      { method, headers: { ...headers, host: new URL(service).host } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    on.on('error', () => response.destroy())
    request.pipe(on)
  }
  const judge = async (request: IncomingMessage, response: Parameters<RequestListener>[1]): Promise<void> => {
    const { authorization } = request.headers
    const before = seen.filter((each) => each === authorization).length
    seen.push(authorization)
    if (await mayPass(authorization, before)) return pass(request, response)
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    request.resume()
  }
  const listener: RequestListener = (request, response) => void judge(request, response)
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
