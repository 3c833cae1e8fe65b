import type {
  Bundle,
  BundleEntry,
  Coding,
  Endpoint,
  FhirResource,
  ImagingStudy,
  Observation,
  Patient,
  Reference,
} from 'fhir/r4'

/** Everything in it is a resource of R4. */
export type Transaction = Bundle<FhirResource>

interface Stored {
  readonly resource: FhirResource
  readonly version: number
  readonly deleted: boolean
}

export interface Committed {
  readonly entries: ReadonlyArray<{
    readonly status: number
    readonly etag: string | undefined
    readonly id: string | undefined
  }>
  /** `Type/id` of what got a new version, our position left out. */
  readonly written: ReadonlyArray<string>
  readonly created: number
  readonly deleted: ReadonlyArray<FhirResource>
}

export type Outcome =
  | ({ readonly _tag: 'Committed' } & Committed)
  | { readonly _tag: 'Refused'; readonly status: number; readonly why: string }

/** What a FHIR server keeps, and what it makes of a transaction: all or nothing, like Azure's on SQL. */
export interface FhirStore {
  readonly keepsEscapes: boolean
  /** Two identifiers' values are one to it. */
  readonly confuses: (left: string, right: string) => boolean
  readonly get: (path: string) => FhirResource | undefined
  readonly all: <T extends FhirResource['resourceType']>(
    type: T,
  ) => ReadonlyArray<Extract<FhirResource, { resourceType: T }>>
  /** A plain PUT. */
  readonly put: (path: string, resource: FhirResource) => void
  readonly remove: (path: string) => void
  readonly search: (type: string, parameters: ReadonlyArray<readonly [string, string]>) => ReadonlyArray<FhirResource>
  /** What the conditions of its creates find now, in their order: a server that holds no lock asks before it writes. */
  readonly conditions: (bundle: Transaction) => ReadonlyArray<ReadonlyArray<FhirResource>>
  readonly transact: (bundle: Transaction, conditions?: ReturnType<FhirStore['conditions']>) => Outcome
  readonly versionOf: (path: string) => number
  /** Writes of anybody, our position's too. */
  readonly writes: () => number
}

/** Splits at a separator that no backslash precedes. */
const splitAt = (separator: string, text: string): ReadonlyArray<string> => {
  const parts = ['']
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? ''
    if (character === '\\') {
      parts[parts.length - 1] += text[++index] ?? ''
    } else if (character === separator) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}

// Splits into tokens first with the escapes kept, then a token into system and value; none: of whatever system.
const tokensOf = (text: string, unescapes: boolean): ReadonlyArray<readonly [string | undefined, string]> =>
  text.split(/(?<!\\),/).map((token) => {
    const parts = unescapes ? splitAt('|', token) : token.split('|').map((part) => part.replaceAll('\\', ''))
    const [first = '', second] = parts
    return second === undefined ? [undefined, first] : [first, second]
  })

/** A token without a value, which a strict server answers with 400. */
export const asksForNothing = (parameters: ReadonlyArray<readonly [string, string]>): boolean =>
  parameters.some(([, value]) => value.split(/(?<!\\),/).some((token) => token === '' || /(^|[^\\])\|$/.test(token)))

type Matcher = (resource: FhirResource, wanted: string) => boolean

const identifiersOf = (
  resource: FhirResource,
): ReadonlyArray<{ system?: string | undefined; value?: string | undefined }> =>
  (resource as Patient | Endpoint | ImagingStudy).identifier ?? []

const byReference =
  (referencesOf: (resource: FhirResource) => ReadonlyArray<Reference>): Matcher =>
  (resource, wanted) =>
    splitAt(',', wanted).some((reference) => referencesOf(resource).some((each) => each.reference === reference))

const byToken =
  (codingsOf: (resource: FhirResource) => ReadonlyArray<Coding>): Matcher =>
  (resource, wanted) =>
    tokensOf(wanted, true).some(([system, code]) =>
      codingsOf(resource).some((each) => (system === undefined || each.system === system) && each.code === code),
    )

const matchersOf = ({ folds, keepsEscapes }: Flavour): Readonly<Record<string, Matcher>> => ({
  identifier: (resource, wanted) =>
    tokensOf(wanted, keepsEscapes !== true).some(([system, value]) =>
      identifiersOf(resource).some(
        (each) =>
          (system === undefined || (each.system ?? '') === system) &&
          each.value !== undefined &&
          (folds === undefined ? each.value === value : folds(each.value) === folds(value)),
      ),
    ),
  _id: (resource, wanted) => splitAt(',', wanted.replace(/^\|/, '')).includes(resource.id ?? ''),
  instance: (resource, wanted) =>
    ((resource as ImagingStudy).series ?? []).some(({ instance = [] }) =>
      instance.some(({ uid }) => wanted.split(',').includes(uid)),
    ),
  'connection-type': byToken((resource) => [(resource as Endpoint).connectionType]),
  code: byToken((resource) => (resource as Observation).code.coding ?? []),
  status: (resource, wanted) => splitAt(',', wanted).includes((resource as Observation).status),
  endpoint: byReference((resource) => (resource as ImagingStudy).endpoint ?? []),
  subject: byReference((resource) => [(resource as ImagingStudy).subject]),
  patient: byReference((resource) => [(resource as ImagingStudy).subject]),
  'part-of': byReference((resource) => (resource as Observation).partOf ?? []),
  focus: byReference((resource) => (resource as Observation).focus ?? []),
  'has-member': byReference((resource) => (resource as Observation).hasMember ?? []),
  link: byReference((resource) => ((resource as Patient).link ?? []).map(({ other }) => other)),
  _count: () => true,
  _sort: () => true,
  _elements: () => true,
})

/** Wherever `id` and `meta` stand among the members. */
const withoutVersion = ({ id, meta, ...resource }: FhirResource): string => {
  const { versionId: _version, lastUpdated: _updated, ...kept } = meta ?? {}
  return JSON.stringify({ ...resource, id, meta: kept })
}

const refusal = (status: number, why: string): Outcome => ({ _tag: 'Refused', status, why })

/** How servers differ in their refusals. */
export interface Flavour {
  /** Of an If-Match that is stale: Azure says 412, HAPI 409. */
  readonly staleStatus: 409 | 412
  /** Others refer to it: HAPI says 409. */
  readonly refusesToDelete: (path: string) => boolean
  /** It refuses to delete what anybody refers to, once all of the transaction is done. HAPI does. */
  readonly keepsReferred?: boolean
  /** What two identifiers must share to be one to it; all of them, when it is not said. */
  readonly folds?: (value: string) => string
  /** A separator is one to it, escaped or not. Medplum. */
  readonly keepsEscapes?: boolean
  /** A conditional create is no lock at all: what is there is created once more. */
  readonly createsAgain?: boolean
  /** It takes an update whose If-Match is old. */
  readonly takesOld?: boolean
}

export const makeFhirStore = (flavour: Flavour, violate: (text: string) => void): FhirStore => {
  const stored = new Map<string, Stored>()
  const matchers = matchersOf(flavour)
  let [nextId, writes] = [1, 0]

  const get = (path: string): FhirResource | undefined => {
    const found = stored.get(path)
    if (found === undefined || found.deleted) return undefined
    return { ...found.resource, meta: { ...found.resource.meta, versionId: String(found.version) } }
  }
  const live = (type: string): ReadonlyArray<FhirResource> =>
    [...stored.entries()].flatMap(([path, { deleted }]) => {
      const resource = deleted || !path.startsWith(`${type}/`) ? undefined : get(path)
      return resource === undefined ? [] : [resource]
    })

  /** False when it is what stands there already: then no version is made of it. */
  const write = (path: string, resource: FhirResource): boolean => {
    const before = stored.get(path)
    if (before !== undefined && !before.deleted && withoutVersion(before.resource) === withoutVersion(resource))
      return false
    writes += 1
    stored.set(path, { resource, version: (before?.version ?? 0) + 1, deleted: false })
    return true
  }
  const remove = (path: string): void => {
    const before = stored.get(path)
    if (before === undefined || before.deleted) return
    writes += 1
    stored.set(path, { ...before, version: before.version + 1, deleted: true })
  }

  const search: FhirStore['search'] = (type, parameters) => {
    const hits = live(type).filter((resource) =>
      parameters.every(([name, value]) => {
        const matcher = matchers[name]
        if (matcher === undefined) violate(`a search of ${type} by ${name}, which nobody knows`)
        return matcher?.(resource, value) === true
      }),
    )
    const [, by] = parameters.find(([name]) => name === '_sort') ?? []
    const startedOf = (resource: FhirResource): string => (resource as ImagingStudy).started ?? ''
    return by === '-started' ? hits.sort((left, right) => (startedOf(left) < startedOf(right) ? 1 : -1)) : hits
  }

  /** Who would refer to it when all of these are written and deleted. */
  const refersTo = (path: string, bundle: Transaction): string | undefined => {
    const changed = new Map(
      (bundle.entry ?? []).map(({ request, resource }) => [
        request?.method === 'POST' ? '' : (request?.url ?? ''),
        resource,
      ]),
    )
    const quoted = `"reference":"${path}"`
    return [...stored].find(([other, { resource, deleted }]) => {
      const after = changed.has(other) ? changed.get(other) : deleted ? undefined : resource
      return after !== undefined && JSON.stringify(after).includes(quoted)
    })?.[0]
  }

  interface Step {
    readonly path: string
    readonly entry: BundleEntry<FhirResource>
    readonly kind: 'create' | 'found' | 'update' | 'delete'
  }

  const isCreate = ({ request }: BundleEntry<FhirResource>): boolean => request?.method === 'POST'

  const hitsOf = ({ request }: BundleEntry<FhirResource>): ReadonlyArray<FhirResource> => {
    const [url, query] = [request?.url ?? '', request?.ifNoneExist ?? '']
    if (query === '') violate(`a create without a condition: ${url}`)
    const parameters = query.split('&').map((pair): [string, string] => {
      const [name = '', value = ''] = pair.split('=')
      return [name, decodeURIComponent(value)]
    })
    if (asksForNothing(parameters)) violate(`a create under the condition of nothing: ${url} ${query}`)
    return search(url, parameters)
  }

  const conditions: FhirStore['conditions'] = ({ entry = [] }) => entry.filter(isCreate).map(hitsOf)

  const stepOf = (
    bundle: Transaction,
    entry: BundleEntry<FhirResource>,
    known: ReadonlyArray<FhirResource> | undefined,
  ): Step | Outcome => {
    const { request, resource } = entry
    const url = request?.url ?? ''
    if (isCreate(entry)) {
      const found = known ?? hitsOf(entry)
      const hits = flavour.createsAgain === true ? [] : found
      if (hits.length > 1) return refusal(412, `${request?.ifNoneExist} is not selective enough`)
      const [hit] = hits
      return hit === undefined
        ? { path: `${url}/${nextId++}`, entry, kind: 'create' }
        : { path: `${url}/${hit.id}`, entry, kind: 'found' }
    }
    // Azure and HAPI: an If-Match on a DELETE is not heeded.
    if (request?.method === 'DELETE') {
      const other = flavour.keepsReferred === true ? refersTo(url, bundle) : undefined
      return other !== undefined || flavour.refusesToDelete(url)
        ? refusal(409, `${other ?? 'others'} refer to ${url}`)
        : { path: url, entry, kind: 'delete' }
    }
    const before = stored.get(url)
    if (request?.ifMatch === undefined) {
      violate(`an update without If-Match: ${url}`)
      return refusal(400, 'no If-Match')
    }
    if (before === undefined || before.deleted) return refusal(404, `${url} is not there`)
    if (flavour.takesOld !== true && request.ifMatch !== `W/"${before.version}"`)
      return refusal(flavour.staleStatus, `${url} is at ${before.version}`)
    if (resource?.id === undefined || `${resource.resourceType}/${resource.id}` !== url)
      violate(`${url} names another resource`)
    return { path: url, entry, kind: 'update' }
  }

  const transact: FhirStore['transact'] = (bundle, known) => {
    const steps: Array<Step> = []
    const creates = (bundle.entry ?? []).filter(isCreate)
    for (const entry of bundle.entry ?? []) {
      const step = stepOf(bundle, entry, known?.[creates.indexOf(entry)])
      if ('_tag' in step) return step
      const same = steps.find(({ path }) => path === step.path)
      // Two identifiers are one to it: then nobody could have known.
      if (same !== undefined && [same.kind, step.kind].includes('found')) return refusal(400, `${step.path} twice`)
      if (same !== undefined) violate(`${step.path} stands twice in one transaction`)
      steps.push(step)
    }
    const references = new Map(
      steps.flatMap(({ entry: { fullUrl }, path }) =>
        fullUrl?.startsWith('urn:uuid:') ? [[fullUrl, path] as const] : [],
      ),
    )
    const resolved = (resource: FhirResource): FhirResource => {
      const text = JSON.stringify(resource).replace(/"urn:uuid:[0-9a-f-]{36}"/g, (quoted) => {
        const path = references.get(quoted.slice(1, -1))
        return path === undefined ? quoted : `"${path}"`
      })
      if (text.includes('"reference":"urn:uuid:')) violate('a reference inside a transaction leads nowhere')
      return JSON.parse(text) as FhirResource
    }
    const written: Array<string> = []
    const deleted: Array<FhirResource> = []
    const entries = steps.map(({ path, entry: { resource }, kind }) => {
      if (kind === 'delete') {
        const before = get(path)
        if (before !== undefined) {
          deleted.push(before)
          written.push(path)
        }
        remove(path)
        return { status: 204, etag: undefined, id: undefined }
      }
      const [, id = ''] = path.split('/')
      if (kind === 'found' || resource === undefined) {
        return { status: 200, etag: `W/"${stored.get(path)?.version}"`, id }
      }
      if (write(path, { ...resolved(resource), id }) && !path.startsWith('Basic/')) written.push(path)
      return { status: kind === 'create' ? 201 : 200, etag: `W/"${stored.get(path)?.version}"`, id }
    })
    return {
      _tag: 'Committed',
      entries,
      written,
      created: steps.filter(({ kind }) => kind === 'create').length,
      deleted,
    }
  }

  return {
    keepsEscapes: flavour.keepsEscapes === true,
    confuses: (left, right) => {
      const { folds = (value: string) => value, keepsEscapes = false } = flavour
      const seen = (value: string): string => folds(keepsEscapes ? (value.split('|')[0] ?? '') : value)
      return left !== right && seen(left) === seen(right)
    },
    get,
    all: <T extends FhirResource['resourceType']>(type: T) =>
      live(type) as ReadonlyArray<Extract<FhirResource, { resourceType: T }>>,
    put: (path, resource) => void write(path, resource),
    remove,
    search,
    conditions,
    transact,
    writes: () => writes,
    versionOf: (path) => stored.get(path)?.version ?? 0,
  }
}
