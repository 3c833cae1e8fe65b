import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromOwnMachine, isJson } from '../own-machine'
import { dicomPage } from '../pages/dicom'
import { type Neighbours, askedPage, sendPage } from '../pages/page'
import type { Answer } from './answer'
import { BadRequest, plainText } from './answer'
import { createBulkUpdates } from './bulk-update'
import type { Control } from './control'
import { controlRoutes, createControl } from './control'
import type { Delivery } from './fault-effects'
import { deliver } from './fault-effects'
import { createPublisher } from './events'
import type { FaultSwitches } from './faults'
import { createFaultSwitches } from './faults'
import type { Feed } from './feed'
import { createFeed } from './feed'
import type { Page } from './page'
import { isPage } from './page'
import { readQuery } from './query'
import type { RequestLog } from './request-log'
import { createRequestLog } from './request-log'
import { createRoutes } from './routes'
import type { Saver } from './state-file'
import { createSaver, loadFeed } from './state-file'

export interface DicomServiceOptions {
  /** Default: any free port. */
  readonly port?: number
  /** The feed is loaded from here, and saved here. Without it, it ends with the process. */
  readonly stateFile?: string
  /** A webhook that is told of each new row of the feed, as by Event Grid. */
  readonly events?: string
  /** Requests must carry this token. */
  readonly bearer?: string
  readonly now?: () => Date
}

export interface DicomService {
  /** `http://127.0.0.1:{port}`, without version and trailing slash. */
  readonly url: string
  readonly feed: Feed
  readonly control: Control
  readonly faults: FaultSwitches
  readonly requests: RequestLog
  /** As the option `events`, from now on. */
  readonly publishTo: (url: string) => void
  /** What its pages link to. */
  readonly standBeside: (others: Neighbours) => void
  readonly close: () => Promise<void>
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const send = (response: ServerResponse, { answer, connection }: Delivery, date: Date): void => {
  if (connection === 'reset') {
    response.socket?.destroy()
    return
  }
  const body = Buffer.from(answer.body ?? '')
  // The reader of the feed judges the age of rows by this clock, so a test may set it.
  response.setHeader('date', date.toUTCString())
  const length = answer.status === 204 ? {} : { 'content-length': body.length }
  response.writeHead(answer.status, { ...answer.headers, ...length })
  if (connection === 'half') {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy())
    return
  }
  response.end(body)
}

const problemAnswer = (error: unknown): Answer =>
  error instanceof BadRequest
    ? plainText(error.status, error.message)
    : plainText(500, error instanceof Error ? error.message : String(error))

const answerOf = async <A>(result: () => Promise<A>): Promise<A | Answer> => {
  try {
    return await result()
  } catch (error) {
    return problemAnswer(error)
  }
}

const segmentsOf = (path: string): ReadonlyArray<string> => {
  try {
    return path.split('/').slice(1).map(decodeURIComponent)
  } catch {
    throw new BadRequest('The path is not valid.')
  }
}

/** Waits, but not for a client that has gone: a closed service must not keep its process alive. */
const pause = async (delayMs: number, response: ServerResponse): Promise<void> => {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  await sleep(delayMs, undefined, { signal: gone.signal }).catch(() => {})
}

const whole = (answer: Answer): Delivery => ({ answer, delayMs: 0, connection: 'whole' })

const parseJson = (contentType: string | undefined, body: Buffer): unknown => {
  if (!isJson(contentType)) throw new BadRequest('The Content-Type is not application/json.', 415)
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new BadRequest('The request body is not valid JSON.')
  }
}

const noSaver: Saver = { touch: () => {}, flush: () => Promise.resolve() }

/** A DICOM service on 127.0.0.1, as far as a reader of its change feed can tell. */
export const startDicomService = async (options: DicomServiceOptions = {}): Promise<DicomService> => {
  const now = options.now ?? (() => new Date())
  const saver = options.stateFile === undefined ? noSaver : createSaver(options.stateFile, () => feed)
  const publisher = createPublisher()
  if (options.events !== undefined) publisher.publishTo(options.events)
  const host = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`
  const feed: Feed = createFeed(now, saver.touch, (rows) => publisher.tell(host(), rows))
  if (options.stateFile !== undefined) await loadFeed(options.stateFile, feed)

  const control = createControl(feed)
  const faults = createFaultSwitches()
  const requests = createRequestLog()
  const route = createRoutes(feed, createBulkUpdates(feed, now))
  const controlRoute = controlRoutes(feed, faults, requests)

  let neighbours: Neighbours = {}
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const page = askedPage(request)
    if (page !== undefined) return sendPage(response, dicomPage(feed, page, neighbours), neighbours)
    const method = request.method ?? 'GET'
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`)
    const segments = segmentsOf(url.pathname)

    if (segments[0] === '_local') {
      const body = method === 'POST' || method === 'PUT' ? await readBody(request) : Buffer.alloc(0)
      const answer = await answerOf(async () =>
        controlRoute(method, segments.slice(1), () => parseJson(request.headers['content-type'], body)),
      )
      send(response, whole(answer), now())
      return
    }

    const run = (): Promise<Page | Answer> =>
      answerOf(() =>
        route({
          method,
          segments,
          query: readQuery(url.searchParams),
          contentType: request.headers['content-type'] ?? '',
          body: () => readBody(request),
          serviceUrl: url.origin,
        }),
      )
    const delivery = await deliveryOf(request, method, url.pathname, run)
    const status = delivery.connection === 'reset' ? 0 : delivery.answer.status
    requests.add({ method, path: url.pathname, query: url.search.slice(1), status })
    if (delivery.delayMs > 0) await pause(delivery.delayMs, response)
    send(response, delivery, now())
  }

  const deliveryOf = async (
    request: IncomingMessage,
    method: string,
    path: string,
    run: () => Promise<Page | Answer>,
  ): Promise<Delivery> => {
    if (options.bearer !== undefined && request.headers.authorization !== `Bearer ${options.bearer}`) {
      return whole({ ...plainText(401, 'Authentication failed.'), headers: { 'www-authenticate': 'Bearer' } })
    }
    if (method === 'GET') {
      const result = await run()
      return deliver(result, faults.fire({ path, ...(isPage(result) ? { page: result } : {}) }))
    }
    // A request that is refused changes nothing; one whose answer is only spoiled or lost has been done.
    const fired = faults.fire({ path })
    const refused = deliver(plainText(200, ''), fired)
    return refused.answer.status === 200 ? deliver(await run(), fired) : refused
  }

  const server = createServer(
    fromOwnMachine((request, response) => {
      handle(request, response).catch((error: unknown) => {
        if (!response.headersSent) send(response, whole(problemAnswer(error)), now())
      })
    }),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })

  return {
    url: `http://${host()}`,
    feed,
    control,
    faults,
    requests,
    publishTo: publisher.publishTo,
    standBeside: (others) => {
      neighbours = others
    },
    close: async () => {
      await publisher.close()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      await saver.flush()
    },
  }
}
