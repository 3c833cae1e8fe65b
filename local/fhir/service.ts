import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromOwnMachine } from '../own-machine'
import { fhirPage } from '../pages/fhir'
import { type Neighbours, askedPage, sendPage } from '../pages/page'
import type { RequestLog } from './control'
import { control, createRequestLog, logged, seed } from './control'
import { createDeferredWork } from './deferred-work'
import { deliver } from './delivery'
import type { Reply } from './fault-play'
import { play } from './fault-play'
import type { Faults } from './faults'
import { createFaults } from './faults'
import type { HttpRequest } from './http-message'
import { readRequest } from './http-message'
import type { FhirAnswer, Interactions, Refusals } from './interactions'
import { refusal } from './operation-outcome'
import { answerOfFailure, answerTo, candidateOf, parseBody, segments } from './routing'
import { createSearch } from './search'
import { indexKeys } from './search-parameters'
import { createStateFile } from './state-file'
import type { Resource, Store, StoreReader } from './store'
import { createStore } from './store'
import { validateResource } from './validate'

export interface FhirServiceOptions {
  /** 0, the default: any free port. */
  readonly port?: number
  /** Validate what is written against R4; default true. */
  readonly validate?: boolean
  /** Keep the resources in this file. */
  readonly stateFile?: string
  /** Only requests with this bearer token are served; the others get 401. */
  readonly bearer?: string
  /** Largest request body, also after decompression; default 256 MB. */
  readonly maxBodyBytes?: number
  /** Resource types that the server does not offer. */
  readonly withoutTypes?: ReadonlyArray<string>
  /** Takes tokens for equal that differ in case or in blanks, as R4 lets a server do. Azure and HAPI do not. */
  readonly looseTokens?: boolean
}

/** A running service, with what tests may do to it in process. The same is offered over HTTP: see `controlHelp`. */
export interface FhirService {
  readonly url: string
  readonly store: StoreReader
  readonly faults: Faults
  readonly requests: RequestLog
  /** Stores a resource without validation. */
  seed(resource: Resource): Resource
  /** Resolves when what `lateCommit` put off is done. */
  settled(): Promise<void>
  /** What its pages link to. */
  readonly standBeside: (others: Neighbours) => void
  /** Ends all connections and saves the state. */
  close(): Promise<void>
}

const guarded = (work: () => FhirAnswer): FhirAnswer => {
  try {
    return work()
  } catch (error) {
    return answerOfFailure(error)
  }
}

/** A FHIR R4 service that answers as Azure's does, in memory, on the loopback interface. */
export const startFhirService = async (options: FhirServiceOptions = {}): Promise<FhirService> => {
  const { bearer, maxBodyBytes = 256 * 1024 * 1024 } = options
  const stateFile = createStateFile(options.stateFile)
  const written = (key: string): string => (options.looseTokens === true ? key.replaceAll(' ', '').toLowerCase() : key)
  const store: Store = createStore((resource) => indexKeys(resource).map(written), stateFile.changed)
  stateFile.load(store)
  const faults = createFaults()
  const requests = createRequestLog()
  const { later, settled, flush } = createDeferredWork()
  let url = ''
  let neighbours: Neighbours = {}
  const service: Interactions = {
    store,
    baseUrl: () => url,
    search: createSearch({ ...store, withKey: (type, key) => store.withKey(type, written(key)) }, () => url),
    validate: options.validate === false ? () => [] : validateResource,
    withoutTypes: options.withoutTypes ?? [],
  }

  const replyTo = async (http: HttpRequest): Promise<Reply> => {
    const path = segments(http.url)
    if (path[0] === '_local') {
      return { kind: 'answer', answer: control({ store, faults, requests }, http, parseBody(http)) }
    }
    if (bearer !== undefined && http.header('authorization') !== `Bearer ${bearer}`) {
      throw refusal(401, 'Authentication failed.', { 'www-authenticate': 'Bearer' })
    }
    const parsed = { http, path, body: parseBody(http) }
    const candidate = candidateOf(parsed)
    const work = (refusals: Refusals): FhirAnswer => guarded(() => answerTo(service, refusals, parsed))
    return play({ hit: faults.take(candidate), candidate, store, work, later })
  }

  const listen: RequestListener = (message, response) => {
    const page = askedPage(message)
    if (page !== undefined) return sendPage(response, fhirPage(store, page, url, neighbours), neighbours)
    const serve = async (): Promise<void> => {
      const http = await readRequest(message, url, maxBodyBytes)
      const reply = await replyTo(http).catch((error): Reply => ({ kind: 'answer', answer: answerOfFailure(error) }))
      const status = await deliver(response, reply, http.header('accept-encoding'))
      if (!http.url.pathname.startsWith('/_local')) requests.add(logged(http, status))
    }
    serve()
      .catch((error: unknown) => deliver(response, { kind: 'answer', answer: answerOfFailure(error) }, undefined))
      // The head was already sent, or the client has gone.
      .catch(() => response.destroy())
  }
  const server = createServer({ maxHeaderSize: 64 * 1024 }, fromOwnMachine(listen))
  // Large transactions take their time to arrive and to validate; the client's own time-outs are what is tested.
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    store,
    faults,
    requests,
    settled,
    standBeside: (others) => {
      neighbours = others
    },
    seed: (resource) => seed(store, resource),
    close: async () => {
      flush()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
      stateFile.flush()
    },
  }
}
