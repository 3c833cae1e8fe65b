import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Exchange {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface Proxy {
  readonly url: string
  readonly close: () => void
}

/**
 * Stands before a service, and lets each request wait. `seen` is told of each, in the order they come; what it throws drops
 * the request. `namesItself`: answers hold the service's URL, in links that must lead here. `answered` is told of each
 * before whoever asked is; what it throws drops the answer.
 */
export const startProxy = async (
  target: string,
  latencyMs: number | (() => number),
  seen: (exchange: Exchange) => void,
  namesItself = false,
  answered: (exchange: Exchange, status: number) => void = () => undefined,
): Promise<Proxy> => {
  let url = ''
  const { hostname, port } = new URL(target)
  const server = createServer((incoming, outgoing) => {
    const serve = async (): Promise<void> => {
      const chunks: Array<Buffer> = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks)
      const { method = 'GET', url: path = '/' } = incoming
      const { 'accept-encoding': accepted, ...others } = incoming.headers as Record<string, string>
      const headers = namesItself || accepted === undefined ? others : { ...others, 'accept-encoding': accepted }
      const exchange = { method, path, headers, body }
      seen(exchange)
      const waitMs = typeof latencyMs === 'number' ? latencyMs : latencyMs()
      if (waitMs > 0) await sleep(waitMs)
      // The host header stays: a storage account's signature covers it.
      const through = forward({ hostname, port, method, path, headers }, (answer) => {
        try {
          answered(exchange, answer.statusCode ?? 502)
        } catch {
          answer.resume()
          return void outgoing.destroy()
        }
        const { 'content-length': length, ...rest } = answer.headers
        outgoing.writeHead(
          answer.statusCode ?? 502,
          namesItself || length === undefined ? rest : { ...rest, 'content-length': length },
        )
        if (!namesItself) return void answer.pipe(outgoing)
        void text(answer).then(
          (said) => outgoing.end(said.replaceAll(target, url)),
          () => outgoing.destroy(),
        )
      })
      through.once('error', () => outgoing.destroy())
      through.end(body)
    }
    serve().catch(() => outgoing.destroy())
  })
  server.requestTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
