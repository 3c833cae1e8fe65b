import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Bundle } from 'fhir/r4'
import { FhirError, issue, refusal } from './operation-outcome'
import type { SearchRequest } from './search'
import { findMatches } from './search'
import type { Resource, Store, Version } from './store'
import type { Problem } from './validate'

/** One interaction, asked for by HTTP or by an entry of a bundle. */
export interface FhirRequest {
  readonly method: string
  /** Segments below the base URL. */
  readonly path: ReadonlyArray<string>
  readonly query: URLSearchParams
  readonly ifMatch?: string | undefined
  readonly ifNoneExist?: string | undefined
  readonly strict: boolean
  readonly body?: unknown
  /** The id that a transaction has already given to what an entry creates, so that others can refer to it. */
  readonly newId?: string
}

export interface FhirAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: object | undefined
}

export interface Interactions {
  readonly store: Store
  readonly baseUrl: () => string
  readonly search: (request: SearchRequest) => Bundle
  readonly validate: (resource: unknown) => ReadonlyArray<Problem>
  /** Types that this server does not offer. */
  readonly withoutTypes: ReadonlyArray<string>
}

/** What makes one request fail although nothing is wrong with it; throws. */
export interface Refusals {
  readonly write: (resource: Resource) => void
  readonly remove: (type: string, id: string) => void
  /** On the contrary: it takes an update whose If-Match is old. */
  readonly takesOld?: true
}

export const etagOf = ({ versionId }: Version): string => `W/"${versionId}"`

export const locationOf = (baseUrl: string, { type, id, versionId }: Version): string =>
  `${baseUrl}/${type}/${id}/_history/${versionId}`

const answerWith = ({ baseUrl }: Interactions, status: number, version: Version): FhirAnswer => ({
  status,
  headers: {
    etag: etagOf(version),
    'last-modified': new Date(version.lastUpdated).toUTCString(),
    ...(version.method === 'DELETE' ? {} : { location: locationOf(baseUrl(), version) }),
  },
  body: version.resource,
})

const notFound = (type: string, id: string): FhirError =>
  refusal(404, `Resource type '${type}' with id '${id}' couldn't be found.`)

const read = (service: Interactions, version: Version | undefined, type: string, id: string): FhirAnswer => {
  if (version === undefined) throw notFound(type, id)
  if (version.resource === undefined) {
    throw refusal(410, `Resource type '${type}' with id '${id}' is deleted.`, { etag: etagOf(version) })
  }
  return answerWith(service, 200, version)
}

const history = ({ store, baseUrl }: Interactions, type: string, id: string): FhirAnswer => {
  const versions = store.versions(type, id)
  if (versions.length === 0) throw notFound(type, id)
  const entry = [...versions].reverse().map((version) => ({
    fullUrl: `${baseUrl()}/${type}/${id}`,
    ...(version.resource === undefined ? {} : { resource: version.resource }),
    request: { method: version.method, url: version.method === 'POST' ? type : `${type}/${id}` },
    response: { status: version.versionId === 1 ? '201' : '200', etag: etagOf(version) },
  }))
  const link = [{ relation: 'self', url: `${baseUrl()}/${type}/${id}/_history` }]
  return {
    status: 200,
    headers: {},
    body: { resourceType: 'Bundle', type: 'history', total: versions.length, link, entry },
  }
}

/** Throws 400 with an issue for everything that the validator finds. */
export const checkValid = ({ validate }: Interactions, resource: unknown): void => {
  const problems = validate(resource)
  if (problems.length === 0) return
  throw new FhirError(
    400,
    problems.map(({ path, rule, message }) => issue(400, `${path}: ${message} (${rule})`, path)),
  )
}

const checkedBody = (service: Interactions, refusals: Refusals, body: unknown, type: string, id?: string): Resource => {
  const resource = body as Partial<Resource> | null | undefined
  if (typeof resource !== 'object' || resource === null || resource.resourceType !== type) {
    throw refusal(400, `The body is not a resource of type '${type}', which the URL names.`)
  }
  if (id !== undefined && resource.id !== id) throw refusal(400, 'The id of the resource is not the id in the URL.')
  checkValid(service, resource)
  refusals.write(resource as Resource)
  return resource as Resource
}

/** The one resource that If-None-Exist finds. More than one: the criteria are not selective enough (412). */
export const conditionalMatch = ({ store }: Interactions, type: string, ifNoneExist: string): Version | undefined => {
  const query = ifNoneExist.replace(/^[^?]*\?/, '')
  const { versions, unknown, criteria } = findMatches(store, type, new URLSearchParams(query))
  if (unknown.length > 0) throw refusal(400, `The search parameter '${unknown.join()}' is not supported.`)
  if (criteria === 0 || versions.length > 1) {
    throw refusal(412, `The criteria of the conditional create of '${type}' are not selective enough.`)
  }
  return versions[0]
}

const create = (service: Interactions, refusals: Refusals, request: FhirRequest, type: string): FhirAnswer => {
  const resource = checkedBody(service, refusals, request.body, type)
  const match = request.ifNoneExist === undefined ? undefined : conditionalMatch(service, type, request.ifNoneExist)
  if (match !== undefined) return answerWith(service, 200, match)
  return answerWith(service, 201, service.store.write('POST', type, request.newId ?? randomUUID(), resource))
}

/** Equal but for what the server itself sets. */
const sameContent = (a: Resource, b: Resource): boolean => {
  const content = ({ meta, ...members }: Resource): object => {
    const { versionId: _versionId, lastUpdated: _lastUpdated, ...rest } = meta ?? {}
    return { ...members, meta: rest }
  }
  return isDeepStrictEqual(content(a), content(b))
}

/** The version that If-Match names, bare. Azure takes weak ETags only. */
const expectedVersion = (ifMatch: string): string => {
  const [, version] = /^W\/"([^"]+)"$/.exec(ifMatch) ?? []
  if (version === undefined) throw refusal(400, 'The value of If-Match is not a weak ETag, W/"version".')
  return version
}

const update = (
  service: Interactions,
  refusals: Refusals,
  request: FhirRequest,
  type: string,
  id: string,
): FhirAnswer => {
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(id)) throw refusal(400, 'The id in the URL is not a FHIR id.')
  const expected =
    request.ifMatch === undefined || refusals.takesOld === true ? undefined : expectedVersion(request.ifMatch)
  const resource = checkedBody(service, refusals, request.body, type, id)
  const stored = service.store.current(type, id)
  if (expected !== undefined && stored === undefined) throw notFound(type, id)
  if (expected !== undefined && expected !== String(stored?.versionId)) {
    throw refusal(412, `The version of '${type}/${id}' is not the one that If-Match names.`)
  }
  if (stored?.resource !== undefined && sameContent(stored.resource, resource)) return answerWith(service, 200, stored)
  return answerWith(service, stored?.resource === undefined ? 201 : 200, service.store.write('PUT', type, id, resource))
}

const remove = (service: Interactions, refusals: Refusals, type: string, id: string): FhirAnswer => {
  // Azure ignores If-Match here, and lets go of what others refer to.
  if (service.store.read(type, id) !== undefined) refusals.remove(type, id)
  const version = service.store.remove(type, id)
  return { status: 204, headers: version === undefined ? {} : { etag: etagOf(version) } }
}

const formOf = (body: unknown): URLSearchParams => (body instanceof URLSearchParams ? body : new URLSearchParams())

/** Every interaction but those on the whole system. Throws a FhirError when it refuses. */
export const perform = (service: Interactions, refusals: Refusals, request: FhirRequest): FhirAnswer => {
  const [type = '', id, operation, versionId, ...rest] = request.path
  if (!/^[A-Z][A-Za-z]+$/.test(type) || service.withoutTypes.includes(type) || rest.length > 0) {
    throw refusal(404, `'${request.path.join('/')}' is nothing that this server knows.`)
  }
  const searched = (parameters: URLSearchParams): FhirAnswer => {
    return { status: 200, headers: {}, body: service.search({ type, parameters, strict: request.strict }) }
  }
  if (operation === '_history' && request.method === 'GET' && id !== undefined) {
    if (versionId === undefined) return history(service, type, id)
    const versions = service.store.versions(type, id)
    return read(
      service,
      versions.find((each) => String(each.versionId) === versionId),
      type,
      id,
    )
  }
  if (id === undefined && request.method === 'GET') return searched(request.query)
  if (id === undefined && request.method === 'POST') return create(service, refusals, request, type)
  if (id === '_search' && request.method === 'POST') {
    return searched(new URLSearchParams([...request.query, ...formOf(request.body)]))
  }
  if (id !== undefined && operation === undefined) {
    if (request.method === 'GET') return read(service, service.store.current(type, id), type, id)
    if (request.method === 'PUT') return update(service, refusals, request, type, id)
    if (request.method === 'DELETE') return remove(service, refusals, type, id)
  }
  throw refusal(405, `${request.method} is not supported here.`)
}
