import { performBundle } from './bundle'
import { capabilityStatement } from './capability-statement'
import type { FaultCandidate, Interaction } from './faults'
import type { HttpRequest } from './http-message'
import type { FhirAnswer, FhirRequest, Interactions, Refusals } from './interactions'
import { perform } from './interactions'
import { FhirError, issue, outcome, refusal } from './operation-outcome'

/** One request, parsed: its body, and what a fault rule may look at. */
export interface Parsed {
  readonly http: HttpRequest
  readonly body: unknown
  readonly path: ReadonlyArray<string>
}

export const parseBody = ({ text, header }: HttpRequest): unknown => {
  if (text === '') return undefined
  if (header('content-type')?.startsWith('application/x-www-form-urlencoded')) return new URLSearchParams(text)
  if (!/^application\/(fhir\+)?json\b/.test(header('content-type') ?? '')) {
    throw refusal(415, 'The Content-Type is neither application/fhir+json nor application/json.')
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw refusal(400, 'The body is not valid JSON.')
  }
}

export const segments = ({ pathname }: URL): ReadonlyArray<string> => {
  try {
    return pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent)
  } catch {
    throw refusal(400, 'The path is not valid percent-encoding.')
  }
}

const interactionOf = (method: string, path: ReadonlyArray<string>, bundleType: unknown): Interaction | undefined => {
  const [type, id, operation] = path
  if (type === 'metadata') return 'metadata'
  if (type === undefined) return bundleType === 'transaction' || bundleType === 'batch' ? bundleType : undefined
  if (operation === '_history') return 'history'
  if (id === '_search' || (id === undefined && method === 'GET')) return 'search'
  if (method === 'POST') return 'create'
  if (method === 'PUT') return 'update'
  return method === 'DELETE' ? 'delete' : 'read'
}

type EntryRequest = { readonly method?: unknown; readonly url?: unknown }

/** What fault rules can match. */
export const candidateOf = ({ http: { method, url, text }, body, path }: Parsed): FaultCandidate => {
  const bundle = (body ?? {}) as { type?: unknown; entry?: ReadonlyArray<{ request?: EntryRequest } | null> }
  const requests: ReadonlyArray<EntryRequest> =
    path.length === 0 && Array.isArray(bundle.entry)
      ? bundle.entry.map((entry) => entry?.request ?? {})
      : [{ method, url: path.join('/') }]
  const touches = requests.flatMap(({ method: verb, url: reference }) =>
    (verb === 'PUT' || verb === 'DELETE') && typeof reference === 'string'
      ? [{ reference, deletes: verb === 'DELETE' }]
      : [],
  )
  return { method, path: url.pathname, text, touches, interaction: interactionOf(method, path, bundle.type) }
}

/** Dispatches a request; throws a FhirError when it is refused. */
export const answerTo = (service: Interactions, refusals: Refusals, { http, body, path }: Parsed): FhirAnswer => {
  const prefer = http.header('prefer') ?? ''
  const strict = prefer.includes('handling=strict')
  const request: FhirRequest = {
    method: http.method,
    path,
    query: http.url.searchParams,
    ifMatch: http.header('if-match'),
    ifNoneExist: http.header('if-none-exist'),
    strict,
    body,
  }
  if (path.length === 0 && http.method === 'POST') {
    // Azure's bundle handler stumbles over its own entries' answers then.
    if (prefer.includes('return=OperationOutcome')) throw refusal(400, 'Transaction failed: no resource to return.')
    return performBundle(service, refusals, body, strict)
  }
  if (path.join('/') === 'metadata' && http.method === 'GET') {
    return { status: 200, headers: {}, body: capabilityStatement(service.baseUrl(), service.withoutTypes) }
  }
  return perform(service, refusals, request)
}

export const answerOfFailure = (error: unknown): FhirAnswer =>
  error instanceof FhirError
    ? { status: error.status, headers: error.headers, body: outcome(error.issues) }
    : { status: 500, headers: {}, body: outcome([issue(500, `The local FHIR service failed: ${String(error)}`)]) }
