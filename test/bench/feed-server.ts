import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Workload, entryText, pageText } from './workload'

export interface FeedServer {
  readonly url: string
  readonly close: () => void
}

export interface FeedOptions {
  /** Each request waits so long. */
  readonly latencyMs: number
  readonly seen: (path: string) => void
}

const keptEntries = 50_000

/** Pages without the cost of making them, as far as they fit into memory: the app shares the machine with its services. */
const pagesOf = (workload: Workload): ((offset: number, limit: number) => string | Buffer) => {
  const { entries } = workload
  if (entries > keptEntries) return (offset, limit) => pageText(workload, offset, limit, true)
  const texts = Array.from({ length: entries }, (_, index) => Buffer.from(`${entryText(workload, index + 1, true)},`))
  const ends = [0]
  for (const { length } of texts) ends.push((ends.at(-1) ?? 0) + length)
  const all = Buffer.concat(texts)
  return (offset, limit) => {
    const [start = 0, end = 0] = [ends[Math.min(offset, entries)], ends[Math.min(offset + limit, entries)]]
    return Buffer.concat([Buffer.from('['), all.subarray(start, Math.max(start, end - 1)), Buffer.from(']')])
  }
}

/** A change feed that is at rest, and long. */
export const startFeedServer = async (workload: Workload, { latencyMs, seen }: FeedOptions): Promise<FeedServer> => {
  const pages = pagesOf(workload)
  const server = createServer((incoming, outgoing) => {
    const serve = async (): Promise<void> => {
      const path = incoming.url ?? '/'
      seen(path)
      const { pathname, searchParams } = new URL(path, 'http://feed')
      const number = (name: string): number => Number(searchParams.get(name) ?? 0)
      const withMetadata = searchParams.get('includeMetadata') === 'true'
      const [offset, limit] = [number('offset'), number('limit')]
      if (latencyMs > 0) await sleep(latencyMs)
      const known = /^\/v1\/changefeed(\/latest)?$/.exec(pathname)
      if (known === null) return void outgoing.writeHead(404).end()
      const body =
        known[1] !== undefined
          ? entryText(workload, workload.entries, withMetadata)
          : withMetadata
            ? pages(offset, limit)
            : pageText(workload, offset, limit, false)
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      outgoing.writeHead(200, headers).end(body)
    }
    serve().catch(() => outgoing.destroy())
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
