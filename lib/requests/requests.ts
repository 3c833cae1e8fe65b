import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import { type ErrorTable, type FailureCode, errorTables, failureCodes, isErrorTable } from '../app/ports-operator'
import type { Scope } from '../app/operate/verify'
import { type FailTable, failTables } from '../domain/cast-error'

// What may be asked, on the wire and on the command line. A problem names the member and what is expected, never the value.

export type Parsed<A> = E.Either<ReadonlyArray<string>, A>

const refined = <A>(expected: string, read: (value: unknown) => A | undefined): t.Type<A, A, unknown> =>
  new t.Type<A, A, unknown>(
    expected,
    (value): value is A => read(value) !== undefined,
    (value, context) => {
      const found = read(value)
      return found === undefined ? t.failure(undefined, context, expected) : t.success(found)
    },
    t.identity,
  )

const matching = (expected: string, pattern: RegExp): t.Type<string, string, unknown> =>
  refined(expected, (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined))

const whole = (min: number, max: number): t.Type<number, number, unknown> =>
  refined(`a whole number from ${min} to ${max}`, (value) => {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max
      ? number
      : undefined
  })

const flag = refined('true or false', (value) =>
  value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined,
)

const time = refined('a time such as 2026-11-23T20:00:00Z', (value) => {
  const withZone =
    typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(value)
  const ms = withZone ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
})

const uid = matching('a UID', /^(?=.{1,64}$)\d+(\.\d+)*$/)
const partition = matching('the name of a partition', /^[A-Za-z0-9._-]{1,64}$/)
const failTable = refined(`one of ${failTables.join(', ')}`, (value): FailTable | undefined =>
  failTables.find((name) => name === value),
)
const row = matching('the key of a row', /^\d{19}$/)

/** Members that nobody has heard of are a mistake: an option misspelt must not be an option left out. */
const parse =
  <A>(codec: t.Type<A, unknown, unknown>, known: ReadonlyArray<string>) =>
  (given: unknown): Parsed<A> => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return E.left(['expected a JSON object'])
    const unknown = Object.keys(given).filter((name) => !known.includes(name))
    if (unknown.length > 0) {
      return E.left([
        `${unknown.length} unknown member${unknown.length === 1 ? '' : 's'}; there are: ${known.join(', ')}`,
      ])
    }
    return pipe(
      codec.decode(given),
      E.mapLeft((errors) => [
        ...new Set(
          errors.map(({ context, message }) => {
            const path = context.flatMap(({ key }) => (key === '' ? [] : [key])).join('.')
            return `${path}: expected ${message ?? context.at(-1)?.type.name ?? 'something else'}`
          }),
        ),
      ]),
    )
  }

/** One flat type: io-ts' intersections would make paths with numbers of their parts. */
const parser = <P extends t.Props>(props: P) => parse(t.partial(props), Object.keys(props))

/** Budget of an HTTP call: the host gives up at 230 s. */
const budgetSeconds = whole(1, 200)

export const parseCatchUp = parser({ budgetSeconds, maxBatches: whole(1, 100_000) })

export const parseTable = (name: string): E.Either<string, ErrorTable> =>
  isErrorTable(name) ? E.right(name) : E.left(`There is no such table. There are: ${errorTables.join(', ')}.`)

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
  rows: t.array(t.strict({ table: failTable, row })),
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
  /^\s*(\{\s*\})?\s*$/.test(text)
    ? E.right(undefined)
    : E.left(['the options of this route go into its URL, not into a body'])

export const allTables = errorTables

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

const number = whole(0, Number.MAX_SAFE_INTEGER)

const WalkTally = t.type({ compared: number, differing: number, repaired: number, notCast: t.record(t.string, number) })

/** What a walk has found so far. */
export type WalkTally = t.TypeOf<typeof WalkTally>

const WalkState = t.type({
  scope: t.union([
    t.type({ _tag: t.literal('All') }),
    t.type({ _tag: t.literal('Since'), time: t.number }),
    t.type({ _tag: t.literal('Sample'), size: number }),
  ]),
  position: t.intersection([
    t.type({ partition: t.string, done: number }),
    t.partial({ chosen: t.readonlyArray(t.type({ partition, studyInstanceUid: uid })) }),
  ]),
  /** Studies, with those that neither service has any more. */
  looked: number,
  tally: WalkTally,
})

/** Where a walk over many studies stands: as it is kept in a file. */
export type WalkState = t.TypeOf<typeof WalkState>

export const parseWalkState = (text: string): WalkState | undefined =>
  pipe(
    E.tryCatch(
      () => JSON.parse(text) as unknown,
      () => undefined,
    ),
    E.flatMap(WalkState.decode),
    E.match(
      () => undefined,
      (state) => state,
    ),
  )
