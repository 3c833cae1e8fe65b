import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Workload, entryText, pageText } from './workload'

export interface FeedServer {
  readonly url: string
  readonly close: () => void
}

/** A change feed that is at rest, and long: its pages are made when they are asked for. */
export const startFeedServer = async (workload: Workload): Promise<FeedServer> => {
  const server = createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://feed')
    const number = (name: string): number => Number(searchParams.get(name) ?? 0)
    const withMetadata = searchParams.get('includeMetadata') === 'true'
    const known = /^\/v1\/changefeed(\/latest)?$/.exec(pathname)
    if (known === null) return void outgoing.writeHead(404).end()
    const text =
      known[1] === undefined
        ? pageText(workload, number('offset'), number('limit'), withMetadata)
        : entryText(workload, workload.entries, withMetadata)
    outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
