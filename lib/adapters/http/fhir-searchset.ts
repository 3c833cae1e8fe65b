import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import { pipe } from 'fp-ts/function'
import type { FhirSearch } from '../../app/ports'
import { type Checked, type Json, asResource, failure, isFine, isPassing, records, statusOf } from './fhir-answer'
import { isRecord, jsonOf, unexpected } from './answers'
import { type HttpAnswer, isSuccess } from './exchange'

export interface FhirSettings {
  readonly endpoint: string
  /** Other names of it, in its links. */
  readonly linkOrigins?: ReadonlyArray<string>
}

// A search and its answer, of which a server may make a page, a batch's entry, or something else.

export const queryOf = ({ parameters }: FhirSearch): string =>
  parameters.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')

const isSearchset = (json: unknown): json is Json =>
  isRecord(json) &&
  json['resourceType'] === 'Bundle' &&
  (json['type'] === undefined || json['type'] === 'searchset') &&
  (json['entry'] === undefined || Array.isArray(json['entry']))

export const asSearchset = (json: unknown): Checked<Json> =>
  isSearchset(json) ? E.right(json) : E.left(failure('unreadable answer: it is no searchset'))

/** Without what the server adds: included resources and outcomes. */
export const hitsOf = (type: string, searchset: Json): Checked<ReadonlyArray<FhirResource>> =>
  pipe(
    records(searchset['entry']),
    RA.filter(({ search }) => !isRecord(search) || search['mode'] === undefined || search['mode'] === 'match'),
    RA.map(({ resource }) => resource),
    RA.filter((resource) => isRecord(resource) && resource['resourceType'] === type),
    E.traverseArray(asResource(type)),
  )

/** A link as it would be without the proxy that stands between: each of `others` means the base, or its origin. */
const fromHere = (link: string, base: string, others: ReadonlyArray<string>): string => {
  const other = others.find((each) => link === each || ['/', '?'].some((next) => link.startsWith(each + next)))
  if (other === undefined) return link
  return (new URL(other).pathname === '/' ? new URL(base).origin : base) + link.slice(other.length)
}

/** The next page, if there is one. Only within the server's own base: the token goes along. */
export const nextOf =
  (base: string, others: ReadonlyArray<string> = []) =>
  (searchset: Json): Checked<O.Option<string>> => {
    const [next] = records(searchset['link']).filter(({ relation }) => relation === 'next')
    if (next === undefined) return E.right(O.none)
    const given = fromHere(String(next['url']), base, others)
    const own = new URL(base)
    const url = URL.canParse(given, `${base}/`) ? new URL(given, `${base}/`) : undefined
    const path = own.pathname.replace(/\/$/, '')
    const isOwn = url?.origin === own.origin && (url.pathname === path || url.pathname.startsWith(`${path}/`))
    return url !== undefined && isOwn && url.username === '' && url.password === ''
      ? E.right(O.some(url.origin + url.pathname + url.search))
      : E.left(failure('its link to the next page leads away from Fhir__Endpoint, and is not followed'))
  }

/** The searchset of each search in the answer to a batch; none when this server has no searches in bundles. */
export const searchsetsOf = (answer: HttpAnswer, expected: number): Checked<O.Option<ReadonlyArray<Json>>> => {
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
