import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import type { TransactOutcome } from '../../app/ports'
import type { ServiceError } from '../../domain/cast-error'
import {
  type Checked,
  type Json,
  failure,
  isConflict,
  isFine,
  isPassing,
  records,
  statusOf,
  versionOf,
} from './fhir-answer'
import { type Unavailable, isRecord, jsonOf, unexpected } from './answers'
import { type HttpAnswer, isSuccess } from './exchange'

// The answer to a transaction: what became of it, and what of a refusal may be told.

/** HAPI's transactions answer `2`, others `W/"2"`; an If-Match has the second form everywhere. Opaque apart from that. */
const etagOf = ({ response, resource }: Json): string | undefined => {
  const meta = isRecord(resource) ? resource['meta'] : undefined
  const given = [isRecord(response) ? response['etag'] : undefined, isRecord(meta) ? meta['versionId'] : undefined]
  const version = given.map(versionOf).find((text) => text !== undefined)
  return version === undefined ? undefined : `W/"${version}"`
}

const idOf = ({ response }: Json): string | undefined => {
  const location = isRecord(response) ? response['location'] : undefined
  const [, id] =
    /\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]*)?$/.exec(typeof location === 'string' ? location : '') ?? []
  return id
}

const committed = (answer: HttpAnswer, expected: number): Checked<TransactOutcome> =>
  pipe(
    jsonOf('fhir', answer),
    E.flatMap((json): E.Either<Unavailable, TransactOutcome> => {
      const entries = isRecord(json) && json['resourceType'] === 'Bundle' ? json['entry'] : undefined
      if (!Array.isArray(entries) || entries.length !== expected || !entries.every(isRecord)) {
        return E.left(failure('its answer to a transaction has not one entry for each'))
      }
      const settled = entries.map((entry) => ({ status: statusOf(entry), etag: etagOf(entry), id: idOf(entry) }))
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

export const transacted = (answer: HttpAnswer, expected: number): Checked<TransactOutcome> => {
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
