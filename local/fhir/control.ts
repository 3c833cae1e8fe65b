import { randomUUID } from 'node:crypto'
import type { FaultRule, Faults } from './faults'
import { faultNames } from './faults'
import type { HttpRequest } from './http-message'
import type { FhirAnswer } from './interactions'
import { refusal } from './operation-outcome'
import type { Resource, Store } from './store'

/** The control API, for tests and for people who want to see what happens when a server fails. */
export const controlHelp = `Control API of the local FHIR service:
  GET    /_local/faults    the fault rules, with how often each has matched and hit
  PUT    /_local/faults    replace them: a JSON list of {"fault", "match"?, "times"?, "skip"?, ...}
  DELETE /_local/faults    no more faults
  GET    /_local/requests  the last 10,000 requests: method, path with the names of query parameters, status, bytes, run
  DELETE /_local/requests  forget them
  POST   /_local/seed      store a resource, a list of them, or the resources of a Bundle, without validation
  GET    /_local/dump      all current resources, as a Bundle
Faults: ${faultNames.join(' ')}
(what they do, and what else a rule can say: local/fhir/faults.ts)
`

export interface LoggedRequest {
  readonly method: string
  /** Without the values of query parameters: they are patient data. */
  readonly path: string
  /** 0: the connection was dropped without an answer. */
  readonly status: number
  readonly requestBytes: number
  readonly auditRun: string | undefined
}

export interface RequestLog {
  list(): ReadonlyArray<LoggedRequest>
  clear(): void
}

const keptRequests = 10_000

export const createRequestLog = (): RequestLog & { add(request: LoggedRequest): void } => {
  let requests: LoggedRequest[] = []
  return {
    list: () => [...requests],
    clear: () => {
      requests = []
    },
    add: (request) => {
      requests.push(request)
      if (requests.length > 2 * keptRequests) requests = requests.slice(-keptRequests)
    },
  }
}

export const logged = ({ method, url, bytes, header }: HttpRequest, status: number): LoggedRequest => {
  const names = [...new Set(url.searchParams.keys())]
  return {
    method,
    path: names.length === 0 ? url.pathname : `${url.pathname}?${names.join('&')}`,
    status,
    requestBytes: bytes,
    auditRun: header('x-ms-azurefhir-audit-run'),
  }
}

/** Stores a resource as it is: to have what other software, such as the original DICOMcast, left behind. */
export const seed = (store: Store, resource: Resource): Resource => {
  if (typeof resource?.resourceType !== 'string') throw refusal(400, 'Only a resource can be stored.')
  const id = resource.id ?? randomUUID()
  store.write('PUT', resource.resourceType, id, resource)
  return store.read(resource.resourceType, id) ?? resource
}

const seedAll = (store: Store, body: unknown): object => {
  const { resourceType, entry } = (body ?? {}) as {
    resourceType?: unknown
    entry?: ReadonlyArray<{ resource: Resource }>
  }
  if (Array.isArray(body)) return store.atomically(() => body.map((each: Resource) => seed(store, each)))
  if (resourceType === 'Bundle' && Array.isArray(entry))
    return seedAll(
      store,
      entry.map(({ resource }) => resource),
    )
  return seed(store, body as Resource)
}

const dump = (store: Store): object => ({
  resourceType: 'Bundle',
  type: 'collection',
  entry: store.all().map((resource) => ({ resource })),
})

export interface Controlled {
  readonly store: Store
  readonly faults: Faults
  readonly requests: RequestLog
}

const setFaults = (faults: Faults, body: unknown): void => {
  if (!Array.isArray(body)) throw refusal(400, 'The fault rules are a list.')
  try {
    faults.set(body as ReadonlyArray<FaultRule>)
  } catch (error) {
    throw refusal(400, (error as Error).message)
  }
}

export const control = (
  { store, faults, requests }: Controlled,
  { method, url }: HttpRequest,
  body: unknown,
): FhirAnswer => {
  const ok = (content: object): FhirAnswer => ({ status: 200, headers: {}, body: content })
  const done: FhirAnswer = { status: 204, headers: {} }
  switch (`${method} ${url.pathname}`) {
    case 'GET /_local/faults':
      return ok(faults.list())
    case 'PUT /_local/faults':
      setFaults(faults, body)
      return done
    case 'DELETE /_local/faults':
      faults.clear()
      return done
    case 'GET /_local/requests':
      return ok(requests.list())
    case 'DELETE /_local/requests':
      requests.clear()
      return done
    case 'POST /_local/seed':
      return ok(seedAll(store, body))
    case 'GET /_local/dump':
      return ok(dump(store))
    default:
      throw refusal(404, controlHelp)
  }
}
