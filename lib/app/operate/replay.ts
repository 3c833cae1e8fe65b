import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Judgement, LiveRow } from '../../domain/batch/judge'
import { type FailTable, type ServiceError, describeEntryError } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import { type BatchResult, castBatch } from '../cast/cast-batch'
import type { Settlement, Stop } from '../cast/settlements'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import type { FhirSession } from '../cast/fhir-session'
import { lookAhead } from '../cast/prepare'
import {
  type EndedEarly,
  type Operated,
  type OperatorOptions,
  endedEarly,
  looking,
  service,
  sessionOf,
  underLease,
} from './operating'
import type { FailRowKey } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import { type ReadRow, judgeRow } from '../feed/read-page'
import { readRange } from '../feed/read-range'
import { settledRows } from '../run/run-cast'
import { type FailIndex, readFailIndex, settleErrors } from '../run/settle-errors'

/** Which rows; what is given must all hold. */
export interface ReplaySelection {
  readonly table?: FailTable
  readonly rows?: ReadonlyArray<{ readonly table: FailTable; readonly row: string }>
  readonly study?: string
  readonly partition?: string
  readonly code?: string
  /** Written last at or after, ms. */
  readonly since?: number
  /** Written last at or before, ms: who goes on with a replay takes no row twice, for each try writes the row anew. */
  readonly until?: number
  readonly limit: number
}

export type ReplayOutcome = 'Stored' | 'Unchanged' | 'Superseded' | 'Recorded' | 'NotInFeed'

export interface ReplayedRow extends Partial<InstanceKey> {
  readonly table: FailTable
  readonly row: string
  readonly sequence: number
  /** All but Recorded and NotInFeed take the row away. */
  readonly outcome: ReplayOutcome
  readonly code?: string
  readonly reason?: string
}

export interface Replay {
  readonly dryRun: boolean
  readonly selected: number
  readonly replayed: ReadonlyArray<ReplayedRow>
  readonly counts: Readonly<Record<ReplayOutcome, number>>
  /** Selected, and not replayed: over the limit, out of time, or behind what stopped it. */
  readonly left: number
  /** Of the selected rows, when the newest was written: with it as `until` the same call goes on with those left. */
  readonly until?: string
  /** Why it ended early. */
  readonly stop?: EndedEarly
}

/** So many at once: what was settled before a service fails stays settled. */
const chunkSize = 200

/** Casts entries of the fail tables once more, as late rows: read again from the feed, judged by what is true now. */
export const replay = (
  ports: OperatorPorts,
  settings: CastSettings,
  options: OperatorOptions,
  selection: ReplaySelection,
  dryRun: boolean,
): Promise<Operated<Replay>> => {
  const work = async (run: Run): Promise<Operated<Replay>> => {
    const index = await readFailIndex(run)
    if (E.isLeft(index)) return service(index.left)
    const selected = select([...index.right.rows.values()], selection)
    const taken = selected.slice(0, selection.limit)
    const session = dryRun || taken.length === 0 ? undefined : await sessionOf(run)
    if (session !== undefined && E.isLeft(session)) return service(session.left)
    const until = Math.max(...selected.map(({ writtenAt = 0 }) => writtenAt))
    const cast: Caster =
      session === undefined
        ? (judged) => foresee(run, judged)
        : (judged) => castAndSettle(run, ports, session.right, index.right, judged)
    const countTry = dryRun ? () => Promise.resolve() : countTryOf(ports)
    const replayed = await replayRows(run, taken, cast, {
      ...{ dryRun, selected: selected.length, steps: options.steps, countTry },
    })
    return E.map((done: Replay): Replay => (until > 0 ? { ...done, until: new Date(until).toISOString() } : done))(
      replayed,
    )
  }
  return dryRun ? work(looking(ports, settings, options)) : underLease(ports, settings, options, work)
}

const keyOf = ({ sequence }: FailRowKey): string => String(sequence).padStart(19, '0')

/** Which row it is, and of which instance; what the row said before is no news. */
const placeOf = (row: FailRowKey): Omit<ReplayedRow, 'outcome'> => {
  const { table, sequence, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row
  return {
    ...{ table, row: keyOf(row), sequence },
    ...(partition === undefined ? {} : { partition }),
    ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
    ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
    ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
  }
}

const select = (
  rows: ReadonlyArray<FailRowKey>,
  { table, rows: named, study, partition, code, since, until }: ReplaySelection,
): ReadonlyArray<FailRowKey> => {
  const names = named === undefined ? undefined : new Set(named.map((each) => `${each.table} ${each.row}`))
  return rows
    .filter(
      (row) =>
        (table === undefined || row.table === table) &&
        (names === undefined || names.has(`${row.table} ${keyOf(row)}`)) &&
        (study === undefined || row.studyInstanceUid === study) &&
        (partition === undefined || row.partition === partition) &&
        (code === undefined || row.code === code) &&
        (since === undefined || (row.writtenAt ?? 0) >= since) &&
        (until === undefined || (row.writtenAt ?? 0) <= until),
    )
    .sort((left, right) => triesOf(left) - triesOf(right) || left.sequence - right.sequence)
}

/** Those that were tried least come first: no row stands behind a thousand that fail each time. */
const triesOf = ({ attempts = 1 }: FailRowKey): number => attempts

/** An entry that the feed does not have any more is tried, too, though nothing writes its row. */
const countTryOf =
  ({ failures }: OperatorPorts) =>
  async (row: FailRowKey): Promise<void> =>
    void (await failures.setAttempts(row, triesOf(row) + 1)())

interface Outcome {
  readonly settled: ReadonlyMap<
    number,
    { readonly outcome: ReplayOutcome; readonly code?: string; readonly reason?: string }
  >
  readonly stop?: Stop
}

type Caster = (judged: ReadonlyArray<Judgement>) => Promise<E.Either<ServiceError, Outcome>>

interface Replaying extends Pick<Replay, 'dryRun' | 'selected'> {
  readonly steps: OperatorOptions['steps']
  readonly countTry: (row: FailRowKey) => Promise<void>
}

const replayRows = async (
  run: Run,
  taken: ReadonlyArray<FailRowKey>,
  cast: Caster,
  { dryRun, selected, steps, countTry }: Replaying,
): Promise<Operated<Replay>> => {
  const replayed: Array<ReplayedRow> = []
  let stop: Stop | undefined
  for (let start = 0; start < taken.length && stop === undefined; start += chunkSize) {
    if (remainingMs(run) <= 0 || run.stopping()) stop = { _tag: 'OutOfTime' }
    else {
      const chunk = taken.slice(start, start + chunkSize)
      const read = await readEntries(run, chunk)
      const done = E.isLeft(read) ? read : await cast(read.right.map((row) => judgeRow(run, row, true)))
      if (E.isLeft(done)) {
        // Nothing done at all is a failure; something done is an answer that says how far it came.
        if (replayed.length === 0) return service(done.left)
        stop = done.left
      } else {
        const { settled, stop: stopped } = done.right
        const found = new Set(E.isRight(read) ? read.right.map(({ sequence }) => sequence) : [])
        for (const row of chunk) {
          const fate = settled.get(row.sequence) ?? (found.has(row.sequence) ? undefined : notInFeed)
          if (fate?.outcome === 'NotInFeed') await countTry(row)
          if (fate !== undefined) replayed.push({ ...placeOf(row), ...fate })
        }
        if (stopped !== undefined && stopped._tag !== 'OutOfTime' && replayed.length === 0) return service(stopped)
        stop = stopped
      }
    }
    steps?.(replayed.length, taken.length)
  }
  const count = (outcome: ReplayOutcome): number => replayed.filter((each) => each.outcome === outcome).length
  return E.right({
    dryRun,
    selected,
    replayed,
    counts: {
      Stored: count('Stored'),
      Unchanged: count('Unchanged'),
      Superseded: count('Superseded'),
      Recorded: count('Recorded'),
      NotInFeed: count('NotInFeed'),
    },
    left: selected - replayed.length,
    ...toldStop(stop),
  })
}

const toldStop = (stop: Stop | undefined): Pick<Replay, 'stop'> => {
  const told = endedEarly(stop)
  return told === undefined ? {} : { stop: told }
}

const notInFeed = {
  outcome: 'NotInFeed',
  reason:
    'The change feed has no such entry any more, and the instance cannot be asked for. Was the DICOM service restored?',
} as const

/** Neighbours come with one request. An entry that is gone from the feed: the instance itself, if there is one. */
const readEntries = async (
  run: Run,
  rows: ReadonlyArray<FailRowKey>,
): Promise<E.Either<ServiceError, ReadonlyArray<ReadRow>>> => {
  const wanted = new Map(rows.map((row) => [row.sequence, row]))
  const entries: Array<ReadRow> = []
  for (const [first, last] of neighbours([...wanted.keys()].sort((left, right) => left - right))) {
    for (let offset = first - 1; offset < last;) {
      const read = await readRange(run, offset, last - offset)
      if (E.isLeft(read)) return read
      entries.push(...read.right.rows.filter(({ sequence }) => wanted.has(sequence)))
      offset = read.right.to
    }
  }
  for (const { sequence } of entries) wanted.delete(sequence)
  for (const row of wanted.values()) {
    const entry = await entryOfInstance(run, row)
    if (E.isLeft(entry)) return entry
    if (entry.right !== undefined) entries.push(entry.right)
  }
  return E.right(entries)
}

const neighbours = (sequences: ReadonlyArray<number>): ReadonlyArray<readonly [number, number]> => {
  const ranges: Array<[number, number]> = []
  for (const sequence of sequences) {
    const range = ranges.at(-1)
    if (range !== undefined && sequence - range[1] <= 10 && sequence - range[0] < 100) range[1] = sequence
    else ranges.push([sequence, sequence])
  }
  return ranges
}

/** As a Create of now, or a Delete when it is gone, so that nothing of it stays behind. */
const entryOfInstance = async (run: Run, row: FailRowKey): Promise<E.Either<ServiceError, ReadRow | undefined>> => {
  const { sequence, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row
  if (studyInstanceUid === undefined || seriesInstanceUid === undefined || sopInstanceUid === undefined) {
    return E.right(undefined)
  }
  const uids = { studyInstanceUid, seriesInstanceUid, sopInstanceUid }
  const metadata = await retrying(
    run,
    run.ports.dicom.instance({ partition: partition ?? 'Microsoft.Default', ...uids }),
  )
  if (E.isLeft(metadata)) return metadata
  const now = O.isSome(metadata.right)
    ? { action: 'create', state: 'current', metadata: metadata.right.value }
    : { action: 'delete', state: 'deleted' }
  const decoded = run.judge.decode({ sequence, partitionName: partition, ...uids, ...now })
  return E.right(E.isRight(decoded) ? { _tag: 'Entry', sequence, entry: decoded.right } : undefined)
}

const liveOf = (judgement: Judgement): ReadonlyArray<LiveRow> => (judgement._tag === 'Live' ? [judgement.row] : [])

const fateOf = ({ settlement, error }: ReturnType<typeof settledRows>[number]) => ({
  outcome: settlement,
  ...(error === undefined ? {} : { code: error._tag, reason: describeEntryError(error) }),
})

const nothingLive: BatchResult = {
  settled: new Map(),
  syncedInstances: [],
  stop: undefined,
  splitting: false,
  rejectedStudies: [],
}

const castAndSettle = async (
  run: Run,
  ports: OperatorPorts,
  session: FhirSession,
  index: FailIndex,
  judged: ReadonlyArray<Judgement>,
): Promise<E.Either<ServiceError, Outcome>> => {
  const rows = judged.flatMap(liveOf)
  const result = rows.length === 0 ? nothingLive : await castBatch(run, session, { rows, stuckSince: undefined })
  const settled = settledRows(judged, result)
  const before = triesBefore(index, settled)
  const errors = await settleErrors(run, index, settled, result.syncedInstances)
  if (E.isLeft(errors)) return errors
  for (const row of index.rows.values()) {
    const attempts = before.get(row.sequence)
    if (attempts !== undefined) await ports.failures.setAttempts(row, attempts + 1)()
  }
  return E.right({
    settled: new Map(settled.map((row) => [row.sequence, fateOf(row)])),
    ...(result.stop === undefined ? {} : { stop: result.stop }),
  })
}

/** Of those that failed again: their rows are written anew, and how often they were tried must not be lost. */
const triesBefore = (index: FailIndex, settled: ReturnType<typeof settledRows>): ReadonlyMap<number, number> => {
  const failed = new Set(settled.flatMap(({ sequence, error }) => (error === undefined ? [] : [sequence])))
  return new Map(
    [...index.rows.values()].flatMap((row) =>
      failed.has(row.sequence) ? [[row.sequence, triesOf(row)] as const] : [],
    ),
  )
}

/** The same without a write: what each row would come to. */
const foresee = async (run: Run, judged: ReadonlyArray<Judgement>): Promise<E.Either<ServiceError, Outcome>> => {
  const rows = judged.flatMap(liveOf)
  const ahead = rows.length === 0 ? undefined : await lookAhead(run, rows)
  if (ahead !== undefined && E.isLeft(ahead)) return ahead
  const settled = new Map<number, Settlement>(rows.map(({ sequence }) => [sequence, { _tag: 'Stored' }]))
  for (const { sequence } of ahead?.right.plan.unchanged ?? []) settled.set(sequence, { _tag: 'Unchanged' })
  for (const { row, error } of ahead?.right.plan.recorded ?? []) settled.set(row.sequence, { _tag: 'Recorded', error })
  const foreseen = settledRows(judged, { ...nothingLive, settled })
  return E.right({ settled: new Map(foreseen.map((row) => [row.sequence, fateOf(row)])) })
}
