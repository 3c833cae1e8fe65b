import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import type { AcceptRequest } from '../app/operate/accept'
import type { Scope } from '../app/operate/choose-studies'
import type { RenameRequest } from '../app/operate/rename-task'
import { type ErrorTable, type FailureCode, errorTables, failureCodes, isErrorTable } from '../app/ports-operator'
import { type FailTable, failTables } from '../domain/cast-error'
import { isFailRowName, isOriginalRowName } from '../domain/fail-row'
import { dicomRoot } from '../domain/fhir/provenance'
import { type Parsed, flag, listOf, matching, parser, partition, refined, time, uid, whole } from './codecs'

// What may be asked, on the wire and on the command line.

const failTable = refined(`one of ${failTables.join(', ')}`, (value): FailTable | undefined =>
  failTables.find((name) => name === value),
)
const row = refined('the key of a row', (value) =>
  typeof value === 'string' && (isFailRowName(value) || isOriginalRowName(value)) ? value : undefined,
)

/** Budget of an HTTP call: the host gives up at 230 s. */
const budgetSeconds = whole(1, 200)

export const parseCatchUp = parser({ budgetSeconds, maxBatches: whole(1, 100_000) })

export const parseTable = (name: string): E.Either<string, ErrorTable> =>
  isErrorTable(name) ? E.right(name) : E.left(`There is no such table. There are: ${errorTables.join(', ')}.`)

/** What can be no key of a table, a service takes for a fault of its own. */
export const parseRow = (name: string): Parsed<string> =>
  /^[\w-]{1,512}$/.test(name) ? E.right(name) : E.left(['row: expected the key of a row'])

const failureCode = refined(`one of ${failureCodes.join(', ')}`, (value): FailureCode | undefined =>
  failureCodes.find((code) => code === value),
)

export const parseFailuresQuery = parser({
  study: uid,
  since: time,
  errorCode: failureCode,
  limit: whole(1, 1_000),
  from: matching('the `next` of the page before', /^[A-Za-z0-9+/=_-]{1,2000}$/),
})

/** Of the command line, which reads page after page. */
export const parseFailuresList = (given: unknown) =>
  pipe(
    parser({ study: uid, since: time, code: failureCode, limit: whole(1, 100_000) })(given),
    E.map(({ code, ...filter }) => ({ ...filter, ...(code === undefined ? {} : { errorCode: code }) })),
  )

/**
 * Of a URL: there `code` is a filter, too, unless a function key stands in it. A key that came in the header does not.
 */
export const parseFailuresUrl = (
  query: Readonly<Record<string, string>>,
  code: string | undefined,
  keyInHeader: boolean,
): Parsed<FailuresRequest> => {
  const isFilter = code !== undefined && (keyInHeader || (failureCodes as ReadonlyArray<string>).includes(code))
  return parseFailuresQuery({ ...(isFilter ? { errorCode: code } : {}), ...query })
}

type Right<P extends (given: unknown) => Parsed<unknown>> = Extract<ReturnType<P>, { _tag: 'Right' }>['right']

export type FailuresRequest = Right<typeof parseFailuresQuery>

const CheckpointBody = parser({
  sequence: whole(0, Number.MAX_SAFE_INTEGER),
  time,
  etag: refined('the etag that status tells, or null', (value) =>
    value === null || (typeof value === 'string' && value.length <= 200) ? { value: value ?? undefined } : undefined,
  ),
  confirm: flag,
})

export interface CheckpointRequest {
  readonly to: { readonly sequence: number } | { readonly time: number }
  readonly etag: string | undefined
}

export const parseCheckpoint = (given: unknown): Parsed<CheckpointRequest> =>
  pipe(
    CheckpointBody(given),
    E.flatMap(({ sequence, time: ms, etag, confirm }): Parsed<CheckpointRequest> => {
      const to = sequence !== undefined ? { sequence } : ms !== undefined ? { time: ms } : undefined
      const problems = [
        ...(to === undefined || (sequence !== undefined && ms !== undefined) ? ['give a sequence or a time'] : []),
        ...(etag === undefined ? ['etag: give the etag that status tells, or null while there is no checkpoint'] : []),
        ...(confirm === true ? [] : ['confirm: must be true']),
      ]
      return to === undefined || etag === undefined || problems.length > 0
        ? E.left(problems)
        : E.right({ to, etag: etag.value })
    }),
  )

const ReplayBody = parser({
  table: failTable,
  rows: listOf(1_000, t.strict({ table: failTable, row })),
  study: uid,
  partition,
  code: failureCode,
  since: time,
  until: time,
  limit: whole(1, 10_000),
})

export type ReplayRequest = Right<typeof ReplayBody>

export const parseReplay = (given: unknown): Parsed<ReplayRequest> =>
  pipe(
    ReplayBody(given),
    E.flatMap((request): Parsed<ReplayRequest> =>
      [request.table, request.rows, request.study, request.code, request.since].every((each) => each === undefined)
        ? E.left(['give a table, rows, a study, a code or a time (since)'])
        : E.right(request),
    ),
  )

/** `system|value`, as a search by identifier writes it; a value may hold a `|` itself. */
const identifier = refined('system|value', (value) => {
  const [, system, rest] = typeof value === 'string' && value.length <= 500 ? (/^([^|]*)\|(.+)$/.exec(value) ?? []) : []
  return rest === undefined ? undefined : { system: system === '' ? undefined : system, value: rest }
})

const AcceptBody = parser({ patient: matching('the id of a Patient', /^(Patient\/)?[A-Za-z0-9.-]{1,64}$/), identifier })

/** Of whom a conflict is let through. */
export const parseAccept = (given: unknown): Parsed<AcceptRequest> =>
  pipe(
    AcceptBody(given),
    E.flatMap(({ patient, identifier: known }): Parsed<AcceptRequest> =>
      patient === undefined || known === undefined
        ? E.left(['give a patient (its id) and an identifier (system|value)'])
        : E.right({ patientId: patient.replace(/^Patient\//, ''), identifier: known }),
    ),
  )

/** The URL that DicomWeb__Endpoint had, with or without version. */
const formerUrl = refined('the URL that the DICOM service had', (value) =>
  typeof value === 'string' && value.length <= 2_000 && /^https?:\/\//i.test(value) && URL.canParse(value)
    ? dicomRoot(value, '').root
    : undefined,
)

const RenameBody = parser({ from: formerUrl })

export const parseRename = (given: unknown): Parsed<RenameRequest> =>
  pipe(
    RenameBody(given),
    E.flatMap(({ from }): Parsed<RenameRequest> =>
      from === undefined ? E.left(['from: expected the URL that the DICOM service had']) : E.right({ from }),
    ),
  )

const TakeOverBody = parser({ finish: flag })

/** It says what it is for: nobody ends the way back by calling a route. */
export const parseTakeOver = (given: unknown): Parsed<void> =>
  pipe(
    TakeOverBody(given),
    E.flatMap(({ finish }): Parsed<void> => (finish === true ? E.right(undefined) : E.left(['finish: must be true']))),
  )

const StudyBody = parser({ study: uid, partition })

export interface StudyRequest {
  readonly studyInstanceUid: string
  readonly partition: string | undefined
}

/** Of a resync, and of the query of verify. */
export const parseStudy = (given: unknown): Parsed<StudyRequest> =>
  pipe(
    StudyBody(given),
    E.flatMap(({ study, partition: name }): Parsed<StudyRequest> =>
      study === undefined ? E.left(['study: expected a UID']) : E.right({ studyInstanceUid: study, partition: name }),
    ),
  )

export const parsePreview = parser({
  batches: whole(1, 1_000),
  fromSequence: whole(0, Number.MAX_SAFE_INTEGER),
  budgetSeconds,
})

export const parseDryRun = parser({ dryRun: flag })

/** A route whose options stand in the URL: one that is put in the body must not go unheard. */
export const parseNoBody = (text: string): Parsed<void> =>
  /^(\{\s*\})?$/.test(text.trim())
    ? E.right(undefined)
    : E.left(['the options of this route go into its URL, not into a body'])

export const allTables = errorTables

/** Studies that may be taken out of FHIR. */
const confirm = whole(1, 100_000_000)

/** Of the command line. */
export const parseConfirm = parser({ confirm })

export const parseReconcile = parser({ dryRun: flag, confirm, budgetSeconds })

const ScopeBody = parser({ all: flag, since: time, sample: whole(1, 1_000_000) })

export const parseVerifyScope = (given: unknown): Parsed<Scope> =>
  pipe(
    ScopeBody(given),
    E.flatMap(({ all, since, sample }): Parsed<Scope> => {
      if (sample !== undefined) return E.right({ _tag: 'Sample', size: sample })
      if (since !== undefined) return E.right({ _tag: 'Since', time: since })
      return all === true ? E.right({ _tag: 'All' }) : E.left(['give a study, --all, --since or --sample'])
    }),
  )
