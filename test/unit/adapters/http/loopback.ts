import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jest } from '@jest/globals'
import { type Call, authorized } from '../../../../lib/adapters/http/authorized'
import type { Service } from '../../../../lib/adapters/http/exchange'
import * as TE from 'fp-ts/TaskEither'
import { httpSender, newMeter } from '../../../../lib/adapters/http/http'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Loopback {
  readonly url: string
  readonly seen: ReadonlyArray<Seen>
}

const running = new Set<Server>()

/** A server on loopback that answers whatever a test wants it to answer. */
export const serve = (answer: (seen: Seen, response: ServerResponse) => void): Promise<Loopback> =>
  new Promise((resolve) => {
    const seen: Array<Seen> = []
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
        seen.push(one)
        answer(one, response)
      })
    })
    running.add(server)
    server.listen(0, '127.0.0.1', () =>
      resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }),
    )
  })

export const stopServers = (): void => {
  jest.useRealTimers()
  for (const server of running) {
    server.closeAllConnections()
    server.close()
  }
  running.clear()
}

const realTimers = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
] as const
const otherTimers = ['clearImmediate', 'clearInterval', 'requestIdleCallback', 'cancelIdleCallback'] as const

/** From here on time-outs come when `pass` is called: by a server that has the request, so nothing depends on speed. */
export const stopTimeouts = (): { readonly pass: (ms: number) => void } => {
  jest.useFakeTimers({ doNotFake: [...realTimers, ...otherTimers] })
  return { pass: (ms) => void jest.advanceTimersByTime(ms) }
}

/** A port on loopback where nothing listens. */
export const deadUrl = (): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(`http://127.0.0.1:${port}`))
    })
  })

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (_seen: unknown, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }

export const text =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  (_seen: unknown, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'text/plain', ...headers })
    response.end(body)
  }

/** Without authentication. */
export const callOf = (service: Service): Call =>
  authorized(
    httpSender({ meter: newMeter(), requestTimeoutMs: 60_000, remainingMs: () => Infinity }),
    service,
    { mode: 'none' },
    () => TE.right(undefined),
  )
