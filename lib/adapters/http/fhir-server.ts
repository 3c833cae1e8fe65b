import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import { flow, pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import type { FhirSearch, FhirServer, TransactOutcome } from '../../app/ports'
import type { ServiceError } from '../../domain/cast-error'
import { isBottomless } from '../../domain/fhir/well-formed'
import type { Call } from './access-token'
import { type HttpAnswer, isRecord, jsonOf, type Unavailable, unavailable, unavailableWith, unexpected } from './http'

type Result<A> = TE.TaskEither<ServiceError, A>
type Checked<A> = E.Either<ServiceError, A>
type Json = Readonly<Record<string, unknown>>

const fhirJson = 'application/fhir+json'
const maxAnswerBytes = 256 * 1024 * 1024
// A search that asked for 1,000 hits a page and has more pages than this is not one of ours.
const maxPages = 200

const records = (json: unknown): ReadonlyArray<Json> => (Array.isArray(json) ? json.filter(isRecord) : [])
const failure = (reason: string): Unavailable => unavailable('fhir', reason)
const isSuccess = (status: number): boolean => status >= 200 && status < 300
const isFine = (answer: HttpAnswer): boolean => isSuccess(answer.status)
// The server or something before it, not what was sent: worth a retry. 501 is for good.
const isPassing = (status: number): boolean =>
  [407, 408, 421, 423, 424, 425, 429].includes(status) || (status >= 500 && status !== 501)
const isConflict = (status: number): boolean => status === 409 || status === 412

const jsonOfSuccess =
  (request: string) =>
  (answer: HttpAnswer): Checked<unknown> =>
    isFine(answer) ? jsonOf('fhir', answer) : E.left(unexpected('fhir', answer, request))

// An id is put into URLs and references, so a server that makes up another kind of id is not believed.
const isId = (id: unknown): boolean => typeof id === 'string' && /^(?!\.{1,2}$)[A-Za-z0-9.-]{1,64}$/.test(id)

const asResource =
  (type: string) =>
  (json: unknown): Checked<FhirResource> =>
    isRecord(json) && json['resourceType'] === type && isId(json['id']) && !isBottomless(json)
      ? E.right(json as unknown as FhirResource)
      : E.left(failure(`unreadable answer: it is not a ${type}`))

const versionOf = (etag: unknown): string | undefined =>
  typeof etag === 'string' ? /^(?:W\/)?"?([^"\s]+)"?$/.exec(etag.trim())?.[1] : undefined

/** A server may tell the version in the ETag header alone. */
const withVersion = (resource: FhirResource, answer: HttpAnswer): FhirResource => {
  const versionId = resource.meta?.versionId ?? versionOf(answer.header('etag'))
  return versionId === undefined ? resource : { ...resource, meta: { ...resource.meta, versionId } }
}

// ---- start-up check

const capabilitiesOf = (json: unknown): Checked<{ readonly offersBasic: boolean }> => {
  if (!isRecord(json) || json['resourceType'] !== 'CapabilityStatement') {
    return E.left(failure('/metadata is no CapabilityStatement: check Fhir__Endpoint'))
  }
  const version = String(json['fhirVersion'])
  if (!/^4\.0(\.|$)/.test(version)) {
    return E.left(failure(`it speaks FHIR ${/^[\d.]{1,12}$/.test(version) ? version : 'of unknown version'}, not 4.0`))
  }
  const rest = records(json['rest']).filter(({ mode }) => mode !== 'client')
  const offers = (interactions: unknown, code: string): boolean =>
    records(interactions).some((interaction) => interaction['code'] === code)
  if (!rest.some(({ interaction }) => offers(interaction, 'transaction'))) {
    return E.left(failure('it offers no transactions (/metadata, rest.interaction)'))
  }
  const basic = rest.flatMap(({ resource }) => records(resource)).filter(({ type }) => type === 'Basic')
  // The position is born by a PUT under an id of ours.
  const offersBasic = basic.some(
    ({ interaction, updateCreate }) => offers(interaction, 'update') && updateCreate !== false,
  )
  return E.right({ offersBasic })
}

// ---- searches

const queryOf = ({ parameters }: FhirSearch): string =>
  parameters.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')

const isSearchset = (json: unknown): json is Json =>
  isRecord(json) &&
  json['resourceType'] === 'Bundle' &&
  (json['type'] === undefined || json['type'] === 'searchset') &&
  (json['entry'] === undefined || Array.isArray(json['entry']))

const asSearchset = (json: unknown): Checked<Json> =>
  isSearchset(json) ? E.right(json) : E.left(failure('unreadable answer: it is no searchset'))

/** Without what the server adds: included resources and outcomes. */
const hitsOf = (type: string, searchset: Json): Checked<ReadonlyArray<FhirResource>> =>
  pipe(
    records(searchset['entry']),
    RA.filter(({ search }) => !isRecord(search) || search['mode'] === undefined || search['mode'] === 'match'),
    RA.map(({ resource }) => resource),
    RA.filter((resource) => isRecord(resource) && resource['resourceType'] === type),
    E.traverseArray(asResource(type)),
  )

/** The next page, if there is one. Only within the server's own base: the token goes along. */
const nextOf =
  (base: string) =>
  (searchset: Json): Checked<O.Option<string>> => {
    const [next] = records(searchset['link']).filter(({ relation }) => relation === 'next')
    if (next === undefined) return E.right(O.none)
    const given = String(next['url'])
    const own = new URL(base)
    const url = URL.canParse(given, `${base}/`) ? new URL(given, `${base}/`) : undefined
    const path = own.pathname.replace(/\/$/, '')
    const isOwn = url?.origin === own.origin && (url.pathname === path || url.pathname.startsWith(`${path}/`))
    return url !== undefined && isOwn && url.username === '' && url.password === ''
      ? E.right(O.some(url.origin + url.pathname + url.search))
      : E.left(failure('its link to the next page leads away from Fhir__Endpoint, and is not followed'))
  }

/** The searchset of each search in the answer to a batch; none when this server has no searches in bundles. */
const searchsetsOf = (answer: HttpAnswer, expected: number): Checked<O.Option<ReadonlyArray<Json>>> => {
  if (!isFine(answer)) {
    return isPassing(answer.status) || answer.status < 400 ? E.left(unexpected('fhir', answer)) : E.right(O.none)
  }
  return pipe(
    jsonOf('fhir', answer),
    E.flatMap((json): Checked<O.Option<ReadonlyArray<Json>>> => {
      const entries = isRecord(json) && json['resourceType'] === 'Bundle' ? json['entry'] : undefined
      if (!Array.isArray(entries) || entries.length !== expected || !entries.every(isRecord)) {
        return E.left(failure('its answer to a batch of searches has not one entry for each'))
      }
      const statuses = entries.map((entry) => statusOf(entry))
      const failed = statuses.find(isPassing)
      if (failed !== undefined) return E.left(unexpected('fhir', { ...answer, status: failed }))
      const forbidden = statuses.find((status) => status === 401 || status === 403)
      if (forbidden !== undefined) {
        const reason = `it refuses this identity a search (${forbidden}): does it have the role FHIR Data Writer?`
        return E.left({ _tag: 'AccessDenied', hop: 'fhir', status: forbidden, reason })
      }
      const found = entries.map((entry, index) => (isSuccess(statuses[index] ?? 0) ? entry['resource'] : undefined))
      return E.right(found.every(isSearchset) ? O.some(found) : O.none)
    }),
  )
}

// ---- transactions

const statusOf = (entry: unknown): number => {
  const response = isRecord(entry) ? entry['response'] : undefined
  return isRecord(response) ? Number.parseInt(String(response['status']), 10) : NaN
}

/** HAPI's transactions answer `2`, others `W/"2"`; an If-Match has the second form everywhere. Opaque apart from that. */
const etagOf = ({ response, resource }: Json): string | undefined => {
  const meta = isRecord(resource) ? resource['meta'] : undefined
  const given = [isRecord(response) ? response['etag'] : undefined, isRecord(meta) ? meta['versionId'] : undefined]
  const version = given.map(versionOf).find((text) => text !== undefined)
  return version === undefined ? undefined : `W/"${version}"`
}

const committed = (answer: HttpAnswer, expected: number): Checked<TransactOutcome> =>
  pipe(
    jsonOf('fhir', answer),
    E.flatMap((json): E.Either<Unavailable, TransactOutcome> => {
      const entries = isRecord(json) && json['resourceType'] === 'Bundle' ? json['entry'] : undefined
      if (!Array.isArray(entries) || entries.length !== expected || !entries.every(isRecord)) {
        return E.left(failure('its answer to a transaction has not one entry for each'))
      }
      const settled = entries.map((entry) => ({ status: statusOf(entry), etag: etagOf(entry) }))
      return settled.every(({ status }) => isSuccess(status))
        ? E.right({ _tag: 'Committed', entries: settled })
        : E.left(failure('its answer to a transaction has entries without success'))
    }),
    E.mapLeft((error): ServiceError => ({ ...error, answerLost: true })),
  )

const issueTypes = new Set(
  (
    'invalid structure required value invariant security login unknown expired forbidden suppressed processing ' +
    'not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly ' +
    'business-rule conflict transient lock-error no-store exception timeout incomplete throttled informational'
  ).split(' '),
)

const elementPath =
  /^(Bundle|Basic|Patient|Endpoint|ImagingStudy|Observation)(\.[a-z][A-Za-z]{0,30}(\[\d{1,6}\])?(\.ofType\([A-Z][A-Za-z]{1,30}\))?){0,12}$/

/**
 * Codes of the standard and element paths of our own resource types, and no text of the server: it may echo names and
 * ids. HAPI writes the resource's id into its paths as a comment, which is left out.
 */
const issuesOf = (answer: HttpAnswer): ReadonlyArray<string> => {
  const json = pipe(
    jsonOf('fhir', answer),
    E.getOrElse((): unknown => undefined),
  )
  const issues = records(isRecord(json) ? json['issue'] : []).filter(
    ({ severity }) => severity !== 'warning' && severity !== 'information',
  )
  const described = issues.slice(0, 100).map(({ code, expression, location }) => {
    const paths = [expression, location]
      .flatMap((list): ReadonlyArray<unknown> => (Array.isArray(list) ? list.slice(0, 3) : []))
      .filter((path) => typeof path === 'string' && path.length <= 200)
      .map((path) => String(path).replace(/\/\*[^*]*\*\//g, ''))
      .filter((path) => elementPath.test(path))
    const known = typeof code === 'string' && issueTypes.has(code) ? code : 'unknown'
    return [known, ...new Set(paths)].join(' ')
  })
  // A server that names the element says the same once more of the whole transaction.
  const told = [...new Set(described)]
  return told.filter((each) => !told.some((other) => other.startsWith(`${each} `))).slice(0, 10)
}

const transacted = (answer: HttpAnswer, expected: number): Checked<TransactOutcome> => {
  const { status } = answer
  if (isFine(answer)) return committed(answer, expected)
  // 404 and 410: what was to be updated is gone since it was read.
  if (isConflict(status) || status === 404 || status === 410) return E.left({ _tag: 'FhirConflict', status })
  if (status < 400 || isPassing(status) || status === 501) {
    const error = unexpected('fhir', answer)
    // Sent away at the door, or never let in. Behind any other 5xx, and a 408, it may still be at work.
    const isUndone =
      (status < 500 && status !== 408) || status === 501 || (status === 503 && error.retryAfterMs !== undefined)
    return E.left(isUndone ? error : { ...error, answerLost: true })
  }
  return E.right({ _tag: 'Rejected', error: { _tag: 'FhirRejected', status, issues: issuesOf(answer) } })
}

// ---- the port

// Servers that refused a batch of searches and took the same searches alone: for the rest of the process.
const withoutBatchSearches = new Set<string>()

/** One attempt a call: the caller knows how much time there is to try again. */
export const fhirServer = (settings: { readonly endpoint: string }, call: Call, runId: string): FhirServer => {
  const base = settings.endpoint.replace(/\/+$/, '')
  const common = { accept: fhirJson, 'x-ms-azurefhir-audit-run': runId }
  // HAPI answers an equal search within 60 s from memory, GET and POST alike. Azure ignores what it does not know of a
  // search unless it is told to be strict, and then a typo finds everything.
  const reading = { ...common, 'cache-control': 'no-cache', prefer: 'handling=strict' }

  const get = (url: string): Result<HttpAnswer> =>
    call({ method: 'GET', url, headers: reading, maxBytes: maxAnswerBytes })
  const send = (
    method: 'POST' | 'PUT',
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Result<HttpAnswer> =>
    call({ method, url, headers: { 'content-type': fhirJson, ...headers }, body, maxBytes: maxAnswerBytes })

  const pagesFrom =
    (type: string, left: number) =>
    (searchset: Json): Result<ReadonlyArray<FhirResource>> =>
      pipe(
        TE.Do,
        TE.bind('hits', () => TE.fromEither(hitsOf(type, searchset))),
        TE.bind('next', () => TE.fromEither(nextOf(base)(searchset))),
        TE.flatMap(({ hits, next }) => {
          if (O.isNone(next)) return TE.right(hits)
          if (left === 0) return TE.left(failure(`its search has more than ${maxPages} pages`))
          return pipe(
            get(next.value),
            TE.flatMapEither(flow(jsonOfSuccess('the next page of a search'), E.flatMap(asSearchset))),
            TE.flatMap(pagesFrom(type, left - 1)),
            TE.map((more) => [...hits, ...more]),
          )
        }),
      )

  const alone = (searches: ReadonlyArray<FhirSearch>): Result<ReadonlyArray<Json>> =>
    pipe(
      searches,
      TE.traverseSeqArray((search) =>
        pipe(
          send(
            'POST',
            `${base}/${search.type}/_search`,
            { ...reading, 'content-type': 'application/x-www-form-urlencoded' },
            queryOf(search),
          ),
          TE.flatMapEither(flow(jsonOfSuccess(`POST ${search.type}/_search`), E.flatMap(asSearchset))),
        ),
      ),
    )

  const batched = (searches: ReadonlyArray<FhirSearch>): Result<O.Option<ReadonlyArray<Json>>> => {
    const entry = searches.map((search) => ({ request: { method: 'GET', url: `${search.type}?${queryOf(search)}` } }))
    return pipe(
      send(
        'POST',
        base,
        { ...reading, 'x-bundle-processing-logic': 'parallel' },
        JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }),
      ),
      TE.flatMapEither((answer) => searchsetsOf(answer, searches.length)),
    )
  }

  const searchsets = (searches: ReadonlyArray<FhirSearch>): Result<ReadonlyArray<Json>> =>
    withoutBatchSearches.has(base)
      ? alone(searches)
      : pipe(
          batched(searches),
          TE.flatMap(
            O.match(
              () =>
                pipe(
                  alone(searches),
                  TE.tapIO(() => () => withoutBatchSearches.add(base)),
                ),
              (found) => TE.right(found),
            ),
          ),
        )

  return {
    check: () =>
      pipe(get(`${base}/metadata`), TE.flatMapEither(flow(jsonOfSuccess('GET metadata'), E.flatMap(capabilitiesOf)))),

    read: (type, id) =>
      pipe(
        get(`${base}/${type}/${encodeURIComponent(id)}`),
        TE.flatMapEither((answer) =>
          answer.status === 404 || answer.status === 410
            ? E.right(O.none)
            : pipe(
                jsonOfSuccess(`GET ${type}/…`)(answer),
                E.flatMap(asResource(type)),
                E.map((resource) => O.some(withVersion(resource, answer))),
              ),
        ),
      ),

    put: (type, id, body) =>
      pipe(
        send('PUT', `${base}/${type}/${encodeURIComponent(id)}`, common, body),
        TE.flatMapEither((answer): Checked<void> => {
          if (isFine(answer)) return E.right(undefined)
          return isConflict(answer.status)
            ? E.left({ _tag: 'FhirConflict', status: answer.status })
            : E.left(unavailableWith('fhir', answer, `it does not store our ${type}`))
        }),
      ),

    search: (searches) =>
      searches.length === 0
        ? TE.right([])
        : pipe(
            searchsets(searches),
            TE.map(RA.zip(searches)),
            TE.flatMap(TE.traverseSeqArray(([found, { type }]) => pagesFrom(type, maxPages - 1)(found))),
          ),

    transact: (body, entries, sequences) =>
      pipe(
        send(
          'POST',
          base,
          {
            ...common,
            // Said explicitly, since the default differs by build. Sequential: builds of before August 2025 resolve
            // several urn:uuid references of a parallel transaction wrongly (microsoft/fhir-server#5083), and a study
            // must never end up with another Patient.
            'x-bundle-processing-logic': 'sequential',
            'x-ms-azurefhir-audit-sequences': sequences,
          },
          body,
        ),
        TE.mapLeft((error): ServiceError =>
          error._tag === 'AnswerTooLarge'
            ? { ...failure('its answer to a transaction is larger than the limit'), answerLost: true }
            : error,
        ),
        TE.flatMapEither((answer) => transacted(answer, entries)),
      ),
  }
}
