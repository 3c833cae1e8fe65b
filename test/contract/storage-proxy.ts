import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** What happens to a request: `lose` carries it out and drops the answer; `hang` never answers. */
export type Fault =
  'pass' | 'lose' | 'hang' | { readonly status: number; readonly code?: string; readonly body?: string }

export interface StorageProxy {
  readonly connectionString: string
  /** How many requests were made, by `METHOD /path`. */
  readonly seen: ReadonlyArray<string>
  /** From now on; asked for each request. */
  readonly breakWith: (fault: (request: string) => Fault) => void
  readonly close: () => Promise<void>
}

/** Stands between the SDK and Azurite, to break what a network breaks. */
export const startStorageProxy = async (connectionString: string): Promise<StorageProxy> => {
  const seen: string[] = []
  const servers: Server[] = []
  let faultOf: (request: string) => Fault = () => 'pass'

  const open = async (target: URL): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      const name = `${incoming.method} ${incoming.url}`
      seen.push(name)
      handle(faultOf(name), target, incoming, outgoing)
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`
  }

  const parts = await Promise.all(
    connectionString.split(';').map(async (part) => {
      const [, name, url] = /^(BlobEndpoint|TableEndpoint|QueueEndpoint)=(.*)$/.exec(part) ?? []
      return name === undefined || url === undefined ? part : `${name}=${await open(new URL(url))}`
    }),
  )
  return {
    connectionString: parts.join(';'),
    seen,
    breakWith: (fault) => {
      faultOf = fault
    },
    close: async () => {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
    },
  }
}

const handle = (fault: Fault, target: URL, incoming: IncomingMessage, outgoing: ServerResponse): void => {
  if (fault === 'hang') return void incoming.resume()
  if (typeof fault === 'object') {
    incoming.resume()
    outgoing.writeHead(fault.status, fault.code === undefined ? {} : { 'x-ms-error-code': fault.code })
    outgoing.end(fault.body)
    return
  }
  const { method, url, headers } = incoming
  const onward = request({ host: target.hostname, port: target.port, method, path: url, headers }, (answer) => {
    if (fault === 'lose') {
      // Azurite has carried it out; the caller never learns of it.
      answer.resume().on('end', () => outgoing.destroy())
      return
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  onward.on('error', () => outgoing.destroy())
  incoming.pipe(onward)
}

/** The first request that fits gets the fault, all others pass. */
export const onceFor = (pattern: RegExp, fault: Fault): ((request: string) => Fault) => {
  let done = false
  return (request) => {
    if (done || !pattern.test(request)) return 'pass'
    done = true
    return fault
  }
}
