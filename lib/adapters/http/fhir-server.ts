import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { flow, pipe } from 'fp-ts/function'
import type { FhirSearch, FhirServer } from '../../app/ports'
import type { ServiceError } from '../../domain/cast-error'
import { withoutTrailing } from '../../domain/text'
import type { Call } from './authorized'
import {
  type Checked,
  type Json,
  asResource,
  failure,
  isConflict,
  isFine,
  jsonOfSuccess,
  withVersion,
} from './fhir-answer'
import { capabilitiesOf } from './fhir-capabilities'
import { type FhirSettings, asSearchset, hitsOf, nextOf, queryOf, searchsetsOf } from './fhir-searchset'
import { transacted } from './fhir-transaction'
import { unavailableWith } from './answers'
import type { HttpAnswer } from './exchange'

type Result<A> = TE.TaskEither<ServiceError, A>

const fhirJson = 'application/fhir+json'
const maxAnswerBytes = 256 * 1024 * 1024
// A search that asked for 1,000 hits a page and has more pages than this is not one of ours.
const maxPages = 200

// Servers that refused a batch of searches and took the same searches alone: for the rest of the process.
const withoutBatchSearches = new Set<string>()

/** One attempt a call: the caller knows how much time there is to try again. */
export const fhirServer = (settings: FhirSettings, call: Call, runId: string): FhirServer => {
  const base = withoutTrailing(settings.endpoint, '/')
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
        TE.bind('next', () => TE.fromEither(nextOf(base, settings.linkOrigins)(searchset))),
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
