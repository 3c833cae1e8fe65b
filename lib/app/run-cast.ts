import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Judgement, LiveRow } from '../domain/batch/judge'
import { makeJudge, recordMalformed } from '../domain/batch/judge'
import { type EntryError, type FailTable, type ServiceError, describeServiceError } from '../domain/cast-error'
import { type Checkpoint, newCheckpoint, sameCheckpoint } from '../domain/checkpoint'
import { type BatchResult, castBatch } from './cast-batch'
import type { Settlement, Stop } from './settlements'
import { type CastSettings, type Run, pauseBefore, remainingMs, retrying } from './context'
import { type FhirSession, openSession } from './fhir-session'
import { limitOf, nextCheckpoint } from './next-checkpoint'
import type { HeldLease, Ports, StoredCheckpoint } from './ports'
import { type FeedBatch, type Reading, newReading, readAhead, readFeed } from './read-feed'
import type { ReadRow } from './read-page'
import {
  type CodeCounts,
  type ErrorsSettled,
  type FailIndex,
  type SettledRow,
  mismatchedStudies,
  readFailIndex,
  settleErrors,
} from './settle-errors'

export type Ended =
  | 'CaughtUp'
  | 'BatchDone'
  | 'OutOfTime'
  | 'Stopped'
  | 'ServiceUnavailable'
  | 'AccessDenied'
  | 'FeedReset'
  | 'FhirRejectsAll'
  | 'CheckpointMoved'
  | 'LeaseLost'
  | 'LeaseHeld'
  | 'ConfigurationInvalid'

/** What a run did. `entries` = stored + unchanged + superseded + recorded. */
export interface RunSummary {
  readonly ended: Ended
  readonly from: number
  readonly to: number
  readonly head: number
  readonly openHoles: number
  readonly entries: number
  readonly stored: number
  readonly unchanged: number
  readonly superseded: number
  readonly recorded: number
  readonly failed: Readonly<Partial<Record<FailTable, number>>>
  /** The same entries by code: an alert tells by it whether a person must decide whose patient it is. */
  readonly codes: CodeCounts
  readonly retries: number
  readonly durationMs: number
  readonly reason?: string
}

export interface RunOptions {
  readonly runId: string
  /** How long it may take, ms; Infinity without a budget. */
  readonly budgetMs: number
  readonly stopping: () => boolean
}

export const endedBy = (error: ServiceError): Ended => {
  switch (error._tag) {
    case 'FhirConflict':
    case 'ServiceUnavailable':
    case 'AnswerTooLarge':
      return 'ServiceUnavailable'
    case 'AccessDenied':
    case 'FeedReset':
    case 'FhirRejectsAll':
    case 'CheckpointMoved':
    case 'LeaseLost':
      return error._tag
    // Somebody must mend it by hand, as a setting: no next run can.
    case 'CheckpointUnreadable':
      return 'ConfigurationInvalid'
  }
}

interface Tally {
  from: number
  to: number
  head: number
  openHoles: number
  stored: number
  unchanged: number
  superseded: number
  recorded: number
  failed: Partial<Record<FailTable, number>>
  codes: Partial<Record<EntryError['_tag'], number>>
}

type Ending = { readonly ended: Ended; readonly reason?: string }

/** One run: takes the lease, casts batches of the feed until it may take no more, and says what it did. */
export const runCast = async (ports: Ports, settings: CastSettings, options: RunOptions): Promise<RunSummary> => {
  const startedAt = ports.clock.now()
  const tally: Tally = {
    from: 0,
    to: 0,
    head: 0,
    openHoles: 0,
    stored: 0,
    unchanged: 0,
    superseded: 0,
    recorded: 0,
    failed: {},
    codes: {},
  }
  const { runId } = options
  let retries = 0
  const summary = ({ ended, reason }: Ending): RunSummary => ({
    ended,
    ...tally,
    entries: tally.stored + tally.unchanged + tally.superseded + tally.recorded,
    retries,
    durationMs: ports.clock.now() - startedAt,
    ...(reason === undefined ? {} : { reason }),
  })
  const lease = await ports.lease.acquire(runId)()
  if (E.isLeft(lease)) return summary({ ended: endedBy(lease.left), reason: describeServiceError(lease.left) })
  if (O.isNone(lease.right)) return summary({ ended: 'LeaseHeld', reason: 'another run holds the lease' })
  const held: HeldLease = lease.right.value
  const reading = newReading()
  let over = false
  const run: Run = {
    ports,
    settings,
    judge: makeJudge(settings),
    runId,
    lease: held,
    deadline: startedAt + options.budgetMs,
    stopping: () => over || options.stopping(),
    retries: 0,
  }
  try {
    const ending = await castBatches(run, reading, tally)
    retries = run.retries
    return summary(ending)
  } finally {
    over = true
    await held.release()
    // Nothing of a run outlives it.
    await reading.ahead?.read
  }
}

const castBatches = async (run: Run, reading: Reading, tally: Tally): Promise<Ending> => {
  const opened = await openCheckpoint(run)
  if (E.isLeft(opened)) return { ended: endedBy(opened.left), reason: describeServiceError(opened.left) }
  let stored = opened.right
  tally.from = tally.to = tally.head = stored.checkpoint.syncedSequence
  let [session, failIndex]: [FhirSession | undefined, FailIndex | undefined] = [undefined, undefined]
  for (let batches = 1; ; batches++) {
    const { checkpoint } = stored
    const limit = limitOf(run, checkpoint)
    const feed = await readFeed(run, checkpoint, limit, reading)
    if (E.isLeft(feed)) {
      if (feed.left._tag === 'FeedReset') tally.head = feed.left.head
      return stuck(run, stored, feed.left)
    }
    tally.head = feed.right.head
    tally.openHoles = feed.right.holes.length
    const isLast = run.settings.maxBatches > 0 && batches >= run.settings.maxBatches
    if (!isLast) readAhead(run, feed.right, limit, reading)
    const judged = judgeAll(run, feed.right)
    const live = judged.flatMap(({ judgement }) => (judgement._tag === 'Live' ? [judgement.row] : []))
    if (live.length > 0 && session === undefined) {
      const checked = await retrying(run, run.ports.fhir.check())
      if (E.isLeft(checked)) return stuck(run, stored, checked.left)
      session = openSession(run, checked.right.offersBasic)
    }
    if (live.length > 0 && failIndex === undefined) {
      const index = await readFailIndex(run)
      if (E.isLeft(index)) return stuck(run, stored, index.left)
      failIndex = index.right
    }
    const result: BatchResult =
      session === undefined || live.length === 0
        ? nothingLive(checkpoint)
        : await castBatch(run, session, {
            rows: live,
            stuckSince: checkpoint.stuckSince,
            rejectedStudies: checkpoint.rejectedStudies,
            ...(failIndex === undefined ? {} : { mismatched: mismatchedStudies(failIndex) }),
          })
    const stop = result.stop === undefined ? undefined : whatEnded(run, result.stop)
    const rows = settledRows(judged, result)
    const settled = new Set(rows.map(({ sequence }) => sequence))
    const next = nextCheckpoint(run, stored.checkpoint, feed.right, settled, result)
    const passed = rows.filter(({ sequence }) => sequence <= next.syncedSequence)
    if (passed.length > 0 || result.syncedInstances.length > 0) {
      if (failIndex === undefined) {
        const index = await readFailIndex(run)
        if (E.isLeft(index)) return stuck(run, stored, index.left)
        failIndex = index.right
      }
      const settledErrors = await settleErrors(run, failIndex, passed, result.syncedInstances)
      if (E.isLeft(settledErrors)) return stuck(run, stored, settledErrors.left)
      const written = await write(run, stored, next)
      if (E.isLeft(written)) {
        // Somebody else settles these entries now, and may have stored them. A row that he wrote, too, has another ETag.
        if (isSurelyNotOurs(written.left)) await run.ports.errors.remove(settledErrors.right.written)()
        return { ended: endedBy(written.left), reason: describeServiceError(written.left) }
      }
      stored = written.right
      count(tally, passed, settledErrors.right)
    } else if (!sameCheckpoint(next, checkpoint)) {
      const written = await write(run, stored, next)
      if (E.isLeft(written)) return { ended: endedBy(written.left), reason: describeServiceError(written.left) }
      stored = written.right
    }
    tally.to = stored.checkpoint.syncedSequence
    tellGone(run, feed.right.gone, tally.to)
    tally.openHoles = stored.checkpoint.holes.length
    run.ports.progress({
      syncedSequence: tally.to,
      head: tally.head,
      entries: tally.stored + tally.unchanged + tally.superseded + tally.recorded,
      timestamp: stored.checkpoint.timestamp,
    })
    if (stop !== undefined) return stuck(run, stored, stop)
    if (feed.right.reachedHead) return { ended: 'CaughtUp' }
    if (run.stopping()) return { ended: 'Stopped' }
    if (isLast) return { ended: 'BatchDone' }
    if (remainingMs(run) <= 0) return { ended: 'OutOfTime' }
    if (feed.right.rows.length === 0) return { ended: 'BatchDone' }
  }
}

/** Numbers that are passed by for good, because no row came: identities that were rolled back, or jumped. */
const tellGone = (run: Run, gone: FeedBatch['gone'], syncedSequence: number): void => {
  const passed = gone.filter(({ to }) => to < syncedSequence)
  const numbers = passed.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  if (numbers > 0) run.ports.log('info', 'No row came for these sequence numbers', { numbers, gaps: passed.length })
}

/** The checkpoint, or where a new sync begins. Only "no such row" means new. */
const openCheckpoint = async (run: Run): Promise<E.Either<ServiceError, StoredCheckpoint>> => {
  const { checkpoints, dicom } = run.ports
  const read = await retrying(run, checkpoints.read())
  if (E.isLeft(read)) return read
  if (O.isSome(read.right)) return E.right(read.right.value)
  const { startFrom } = run.settings
  if (startFrom === 'beginning') return E.right({ checkpoint: newCheckpoint(0), etag: undefined })
  const latest = startFrom === 'now' ? await retrying(run, dicom.latest()) : E.right(O.some(startFrom))
  if (E.isLeft(latest)) return latest
  const checkpoint = newCheckpoint(O.getOrElse(() => 0)(latest.right))
  return write(run, { checkpoint, etag: undefined }, checkpoint)
}

const write = async (
  run: Run,
  from: StoredCheckpoint,
  to: Checkpoint,
): Promise<E.Either<WriteError, StoredCheckpoint>> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const first = await run.ports.checkpoints.write(from, to)()
  const isOpen = E.isLeft(first) && first.left._tag === 'ServiceUnavailable' && (await pauseBefore(run, 1, first.left))
  const written = isOpen ? await retrying(run, run.ports.checkpoints.write(from, to)) : first
  if (E.isRight(written)) run.trouble = undefined
  return E.isLeft(written) && isOpen ? E.left({ ...written.left, afterFailure: true }) : written
}

/** `afterFailure`: an earlier attempt failed, and may have been carried out before somebody else went on from there. */
type WriteError = ServiceError & { readonly afterFailure?: true }

/** The checkpoint did not come from this run: what it recorded is not what was settled. */
const isSurelyNotOurs = ({ _tag, afterFailure }: WriteError): boolean =>
  (_tag === 'CheckpointMoved' || _tag === 'LeaseLost') && afterFailure !== true

/** A request that the run's own budget cut short says nothing about a service, unless it was in trouble before. */
const whatEnded = (run: Run, stop: Stop): Stop =>
  stop._tag === 'OutOfTime' || (stop._tag === 'ServiceUnavailable' && stop.outOfTime === true)
    ? (run.trouble ?? { _tag: 'OutOfTime' })
    : stop

/** A service ended the run: since when the checkpoint stands still is kept, and an operator finds why. */
const stuck = async (run: Run, stored: StoredCheckpoint, stop: Stop): Promise<Ending> => {
  const error = whatEnded(run, stop)
  if (error._tag === 'OutOfTime') return { ended: 'OutOfTime' }
  const ending = { ended: endedBy(error), reason: describeServiceError(error) }
  const { checkpoint } = stored
  if (error._tag !== 'ServiceUnavailable' && error._tag !== 'AccessDenied') return ending
  if (E.isLeft(run.lease.check())) return ending
  if (checkpoint.stuckSince === undefined) {
    await run.ports.checkpoints.write(stored, { ...checkpoint, stuckSince: run.ports.clock.now() })()
  }
  const { hop, reason, status } = error
  await run.ports.errors.recordStuck({ syncedSequence: checkpoint.syncedSequence, hop, status, reason })()
  return ending
}

export interface Judged {
  readonly read: ReadRow
  readonly judgement: Judgement
}

const judgeAll = (run: Run, feed: FeedBatch): ReadonlyArray<Judged> => {
  const judge =
    (late: boolean) =>
    (read: ReadRow): Judged => ({
      read,
      judgement:
        read._tag === 'Entry'
          ? run.judge.judge(read.entry, late)
          : { _tag: 'Recorded', row: recordMalformed(read.malformed, read.sequence) },
    })
  return [...feed.late.map(judge(true)), ...feed.rows.map(judge(false))]
}

const nothingLive = ({ rejectedStudies }: Checkpoint): BatchResult => ({
  settled: new Map(),
  syncedInstances: [],
  stop: undefined,
  splitting: false,
  rejectedStudies,
})

export interface Passed extends SettledRow {
  readonly settlement: Settlement['_tag']
}

const issuesOf = (row: LiveRow): SettledRow['issues'] => (row._tag === 'Upsert' ? row.issues : [])

/** What became of each entry; an entry that is not in it is not settled. */
export const settledRows = (judged: ReadonlyArray<Judged>, { settled }: BatchResult): ReadonlyArray<Passed> =>
  judged.flatMap(({ judgement }): ReadonlyArray<Passed> => {
    switch (judgement._tag) {
      case 'Superseded': {
        const { sequence } = judgement.entry
        return [{ sequence, key: judgement.entry, issues: [], error: undefined, settlement: 'Superseded' }]
      }
      case 'Recorded':
        return [{ ...judgement.row, settlement: 'Recorded' }]
      case 'Live': {
        const { row } = judgement
        const settlement = settled.get(row.sequence)
        if (settlement === undefined) return []
        const error = settlement._tag === 'Recorded' ? settlement.error : undefined
        const issues = settlement._tag === 'Superseded' ? [] : issuesOf(row)
        return [{ sequence: row.sequence, key: row.key, issues, error, settlement: settlement._tag }]
      }
    }
  })

const count = (tally: Tally, passed: ReadonlyArray<Passed>, { failed, codes }: ErrorsSettled): void => {
  for (const { settlement } of passed) {
    if (settlement === 'Stored') tally.stored += 1
    else if (settlement === 'Unchanged') tally.unchanged += 1
    else if (settlement === 'Superseded') tally.superseded += 1
    else tally.recorded += 1
  }
  for (const [table, rows] of Object.entries(failed) as ReadonlyArray<[FailTable, number]>) {
    tally.failed[table] = (tally.failed[table] ?? 0) + rows
  }
  for (const [code, rows] of Object.entries(codes) as ReadonlyArray<[EntryError['_tag'], number]>) {
    tally.codes[code] = (tally.codes[code] ?? 0) + rows
  }
}
