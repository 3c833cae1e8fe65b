import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Kind, type ServiceName, kindOf } from './request-kinds'

export interface Passing {
  readonly kind: Kind
  readonly service: ServiceName
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Writes another answer in the place of the true one. */
export type Spoil = (outgoing: ServerResponse, answer: Answer) => void

/** Asked for each request; false: go no further, the connection just ends. */
export interface Watcher {
  /** It has come, whole, and the service does not know of it. */
  readonly before: (request: Passing) => Promise<boolean>
  /** The service has done it and answered, and the app does not know of it. */
  readonly after: (request: Passing) => Promise<boolean | Spoil>
}

export const passAll: Watcher = { before: () => Promise.resolve(true), after: () => Promise.resolve(true) }

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const read = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const forward = (target: URL, method: string, path: string, headers: IncomingHttpHeaders, body: Buffer) =>
  new Promise<Answer>((resolve, reject) => {
    const onward = httpRequest({ host: target.hostname, port: target.port, method, path, headers }, (answer) => {
      read(answer).then(
        (content) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: content }),
        reject,
      )
    })
    onward.on('error', reject).end(body)
  })

export interface Gates {
  /** Where the app finds each service. */
  readonly urls: Readonly<Record<ServiceName, string>>
  /** From now on. */
  readonly watch: (watcher: Watcher) => void
  readonly close: () => Promise<void>
}

/** Stands between the app and its services, and knows every request by its kind. */
export const openGates = async (targets: Readonly<Record<ServiceName, string>>): Promise<Gates> => {
  let watcher = passAll
  const servers: Server[] = []
  const sockets = new Set<Socket>()

  const open = async (service: ServiceName, target: URL): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      const pass = async (): Promise<void> => {
        const { method = 'GET', url = '/', headers } = incoming
        const body = await read(incoming)
        const kind = kindOf({ service, method, url, body: body.toString(), leaseAction: headers['x-ms-lease-action'] })
        const passing = { kind, service, method, url, headers }
        if (!(await watcher.before(passing))) return void outgoing.destroy()
        // Plain, so that an answer can be read and changed on its way.
        const onward = { ...headers, 'accept-encoding': 'identity' }
        const answer = await forward(target, method, url, onward, body)
        const handling = await watcher.after(passing)
        if (typeof handling === 'function') return handling(outgoing, answer)
        if (!handling) return void outgoing.destroy()
        outgoing.writeHead(answer.status, answer.headers).end(answer.body)
      }
      // The app is gone, or the service: either way there is nobody to tell.
      pass().catch(() => outgoing.destroy())
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname.replace(/\/$/, '')}`
  }

  const names = Object.keys(targets) as ReadonlyArray<ServiceName>
  const opened = await Promise.all(names.map(async (name) => [name, await open(name, new URL(targets[name]))] as const))
  return {
    urls: Object.fromEntries(opened) as Record<ServiceName, string>,
    watch: (next) => {
      watcher = next
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
    },
  }
}
