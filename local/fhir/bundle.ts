import { randomUUID } from 'node:crypto'
import type { FhirAnswer, FhirRequest, Interactions, Refusals } from './interactions'
import { checkValid, conditionalMatch, locationOf, perform } from './interactions'
import { FhirError, issue, outcome, refusal } from './operation-outcome'
import type { Resource, Version } from './store'

const maxEntries = 500

/** As much of a bundle as is certain before it is checked. */
interface Entry {
  readonly fullUrl?: unknown
  readonly resource?: Resource
  readonly request?: {
    readonly method?: unknown
    readonly url?: unknown
    readonly ifMatch?: unknown
    readonly ifNoneExist?: unknown
  }
}
interface Asked {
  readonly fullUrl: string | undefined
  readonly request: FhirRequest
  readonly url: string
}

const isOptionalText = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string'

const asked = ({ fullUrl, resource, request }: Entry, baseUrl: string, strict: boolean): Asked => {
  if (typeof request?.method !== 'string' || typeof request.url !== 'string') {
    throw refusal(400, 'Every entry needs a request with a method and a url (bdl-3).')
  }
  const { ifMatch, ifNoneExist } = request
  if (!isOptionalText(ifMatch) || !isOptionalText(ifNoneExist)) {
    throw refusal(400, 'ifMatch and ifNoneExist of a request are strings.')
  }
  const url = request.url.startsWith(`${baseUrl}/`) ? request.url.slice(baseUrl.length + 1) : request.url
  const [path = '', query = ''] = url.replace(/^\//, '').split(/\?(.*)/s)
  return {
    fullUrl: typeof fullUrl === 'string' ? fullUrl : undefined,
    url,
    request: {
      method: request.method,
      path: path.split('/'),
      query: new URLSearchParams(query),
      ifMatch,
      ifNoneExist,
      strict,
      body: resource,
    },
  }
}

const lowerCaseUuid = /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** bdl-7, bdl-8, and that a urn:uuid is one. */
const checkFullUrls = (entries: ReadonlyArray<Asked>): void => {
  const seen = new Set<string>()
  for (const { fullUrl } of entries) {
    if (fullUrl === undefined) continue
    if (seen.has(fullUrl)) throw refusal(400, `The fullUrl '${fullUrl}' is there more than once (bdl-7).`)
    if (fullUrl.includes('/_history/')) throw refusal(400, `The fullUrl '${fullUrl}' names a version (bdl-8).`)
    if (fullUrl.startsWith('urn:uuid:') ? !lowerCaseUuid.test(fullUrl) : !URL.canParse(fullUrl)) {
      throw refusal(400, `The fullUrl '${fullUrl}' is neither a UUID as the RFC writes it nor an absolute URL.`)
    }
    seen.add(fullUrl)
  }
}

const entryResponse = ({ status, headers, body }: FhirAnswer): object => {
  const meta = (body as Resource | undefined)?.meta
  return {
    ...(body === undefined || status >= 400 ? {} : { resource: body }),
    response: {
      status: String(status),
      ...(headers['location'] === undefined ? {} : { location: headers['location'] }),
      ...(headers['etag'] === undefined ? {} : { etag: headers['etag'] }),
      ...(meta?.['lastUpdated'] === undefined ? {} : { lastModified: meta['lastUpdated'] }),
      ...(status >= 400 ? { outcome: body } : {}),
    },
  }
}

const failure = (error: unknown): FhirAnswer => {
  if (!(error instanceof FhirError)) throw error
  return { status: error.status, headers: error.headers, body: outcome(error.issues) }
}

/** R4 3.1.0.11.2: DELETE, POST, PUT, GET, however the entries are ordered. Ties keep their order. */
const processingOrder = ['DELETE', 'POST', 'PUT', 'GET']

const inOrder = (
  entries: ReadonlyArray<Asked>,
  perform: (entry: Asked, at: number) => FhirAnswer,
): ReadonlyArray<FhirAnswer> => {
  const answers: FhirAnswer[] = []
  const order = entries.map((entry, at) => ({ entry, at, rank: processingOrder.indexOf(entry.request.method) }))
  for (const { entry, at } of order.sort((a, b) => a.rank - b.rank)) answers[at] = perform(entry, at)
  return answers
}

/** Replaces `urn:uuid:` in every Reference, in place: the bundle was parsed for this request alone. */
const rewriteReferences = (value: unknown, targets: ReadonlyMap<string, string>): void => {
  if (typeof value !== 'object' || value === null) return
  for (const [member, inner] of Object.entries(value)) {
    if (member === 'reference' && typeof inner === 'string' && inner.startsWith('urn:uuid:')) {
      const target = targets.get(inner)
      // Azure would store it as it is. It is always a client's mistake, so here it fails.
      if (target === undefined) throw refusal(400, `No entry has the fullUrl that a reference names: '${inner}'.`)
      Object.assign(value, { reference: target })
    } else rewriteReferences(inner, targets)
  }
}

interface Target {
  readonly type: string
  readonly id: string
  /** What a conditional create has found. */
  readonly match?: Version | undefined
}

const targetOf = (service: Interactions, { request }: Asked): Target | undefined => {
  const [type, id] = request.path
  if (type === undefined) return undefined
  if (request.method !== 'POST') return id === undefined ? undefined : { type, id }
  if (id !== undefined) return undefined
  const match = request.ifNoneExist === undefined ? undefined : conditionalMatch(service, type, request.ifNoneExist)
  return { type, id: match?.id ?? randomUUID(), match }
}

/** Says which entry failed only by method and URL, as Azure does. */
const transactionFailed = (error: unknown, { request, url }: Asked): unknown =>
  error instanceof FhirError
    ? new FhirError(error.status, [
        issue(error.status, `Transaction failed on '${request.method}' for the requested url '${url}'.`),
        ...error.issues,
      ])
    : error

const naming = <A>(entry: Asked, work: () => A): A => {
  try {
    return work()
  } catch (error) {
    throw transactionFailed(error, entry)
  }
}

const checkEachOnce = (entries: ReadonlyArray<Asked>, targets: ReadonlyArray<Target | undefined>): void => {
  const seen = new Set<string>()
  entries.forEach(({ request }, at) => {
    const target = targets[at]
    if (target === undefined || request.method === 'GET') return
    const names = [`${target.type}/${target.id}`]
    if (request.ifNoneExist !== undefined) names.push(`${target.type}?${request.ifNoneExist}`)
    for (const name of names) {
      if (seen.has(name))
        throw refusal(400, `Bundle contains multiple entries that refers to the same resource '${name}'.`)
      seen.add(name)
    }
  })
}

const transaction = (
  service: Interactions,
  refusals: Refusals,
  entries: ReadonlyArray<Asked>,
): ReadonlyArray<FhirAnswer> => {
  const targets = entries.map((entry) => naming(entry, () => targetOf(service, entry)))
  checkEachOnce(entries, targets)
  const references = new Map<string, string>()
  entries.forEach(({ fullUrl }, at) => {
    const target = targets[at]
    if (fullUrl !== undefined && target !== undefined) references.set(fullUrl, `${target.type}/${target.id}`)
  })
  for (const entry of entries) naming(entry, () => rewriteReferences(entry.request.body, references))

  return service.store.atomically(() =>
    inOrder(entries, (entry, at) => {
      const target = targets[at]
      if (entry.request.method !== 'POST' || target === undefined) {
        return naming(entry, () => perform(service, refusals, entry.request))
      }
      const { match } = target
      const { ifNoneExist: _resolved, ...create } = entry.request
      if (match === undefined) return naming(entry, () => perform(service, refusals, { ...create, newId: target.id }))
      const headers = { etag: `W/"${match.versionId}"`, location: locationOf(service.baseUrl(), match) }
      return { status: 200, headers, body: match.resource }
    }),
  )
}

const batch = (service: Interactions, refusals: Refusals, entries: ReadonlyArray<Asked>): ReadonlyArray<FhirAnswer> =>
  inOrder(entries, ({ request }) => {
    try {
      return perform(service, refusals, request)
    } catch (error) {
      return failure(error)
    }
  })

/**
 * The bundle alone is validated here, so that a misspelt `ifMatch` is not ignored; resources where they are written.
 */
const withoutResource = (entry: unknown): unknown => {
  if (typeof entry !== 'object' || entry === null) return entry
  const { resource: _resource, ...rest } = entry as Entry
  return rest
}

/** A transaction (all or nothing) or a batch. */
export const performBundle = (
  service: Interactions,
  refusals: Refusals,
  body: unknown,
  strict: boolean,
): FhirAnswer => {
  const bundle = (body ?? {}) as { resourceType?: unknown; type?: unknown; entry?: unknown }
  const { resourceType, type, entry: given = [] } = bundle
  if (resourceType !== 'Bundle' || (type !== 'transaction' && type !== 'batch') || !Array.isArray(given)) {
    throw refusal(400, "The body is not a Bundle of type 'transaction' or 'batch'.")
  }
  if (given.length > maxEntries) {
    throw refusal(400, `The number of entries in the bundle exceeded the configured limit of ${maxEntries}.`)
  }
  checkValid(service, { ...bundle, ...(given.length === 0 ? {} : { entry: given.map(withoutResource) }) })
  const entries = given.map((entry: Entry | null) => asked(entry ?? {}, service.baseUrl(), strict))
  checkFullUrls(entries)
  const answers = (type === 'transaction' ? transaction : batch)(service, refusals, entries)
  const entry = answers.map((each) => entryResponse(each))
  return { status: 200, headers: {}, body: { resourceType: 'Bundle', type: `${type}-response`, entry } }
}
