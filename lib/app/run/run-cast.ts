import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Judgement, LiveRow } from '../../domain/batch/judge'
import { makeJudge } from '../../domain/batch/judge'
import { type EntryError, type FailTable, type ServiceError, describeServiceError } from '../../domain/cast-error'
import { type Checkpoint, sameCheckpoint } from '../../domain/checkpoint'
import { type BatchResult, castBatch } from '../cast/cast-batch'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { type FhirSession, openSession } from '../cast/fhir-session'
import { limitOf, nextCheckpoint } from './next-checkpoint'
import type { HeldLease, Ports, StoredCheckpoint } from '../ports'
import { type FeedBatch, type Reading, endReading, newReading, readAhead, readFeed } from '../feed/read-feed'
import {
  type CodeCounts,
  type ErrorsSettled,
  type FailIndex,
  type SettledRow,
  mismatchedStudies,
  readFailIndex,
  settleErrors,
  takeBack,
} from './settle-errors'
import type { Settlement, Stop } from '../cast/settlements'
import { type WriteError, isSurelyNotOurs, openCheckpoint, writeCheckpoint } from './stored-checkpoint'

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
  | 'GateClosed'
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
    case 'GateClosed':
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
    await endReading(reading)
  }
}

const endingOf = (error: ServiceError): Ending => ({ ended: endedBy(error), reason: describeServiceError(error) })

const castBatches = async (run: Run, reading: Reading, tally: Tally): Promise<Ending> => {
  const opened = await openCheckpoint(run)
  if (E.isLeft(opened)) return endingOf(opened.left)
  let stored = opened.right
  let { checkpoint } = stored
  tally.from = tally.to = tally.head = checkpoint.syncedSequence
  let [session, failIndex]: [FhirSession | undefined, FailIndex | undefined] = [undefined, undefined]
  /** Of the batch before: its checkpoint may still be on its way. What is read meanwhile writes nothing. */
  let confirmed: Promise<E.Either<WriteError, void>> = Promise.resolve(E.right(undefined))
  const stuckOn = async (error: Stop): Promise<Ending> => {
    const known = await confirmed
    return E.isLeft(known) ? endingOf(known.left) : stuck(run, stored, error)
  }
  for (let batches = 1; ; batches++) {
    const limit = limitOf(run, checkpoint)
    const feed = await readFeed(run, checkpoint, limit, reading)
    if (E.isLeft(feed)) {
      if (feed.left._tag === 'FeedReset') tally.head = feed.left.head
      return stuckOn(feed.left)
    }
    tally.head = feed.right.head
    tally.openHoles = feed.right.holes.length
    const left = run.settings.maxBatches === 0 ? Infinity : run.settings.maxBatches - batches
    readAhead(run, feed.right, limit, reading, left)
    const { judged } = feed.right
    const live = judged.flatMap((each) => (each._tag === 'Live' ? [each.row] : []))
    if (live.length > 0 && session === undefined) {
      const checked = await retrying(run, run.ports.fhir.check())
      if (E.isLeft(checked)) return stuckOn(checked.left)
      const before = await confirmed
      if (E.isLeft(before)) return endingOf(before.left)
      // Whoever had the lease before may not know yet that it is lost, and cast on ahead of us: then these rows would be
      // older than what stands in FHIR, and nobody would come back for the newer ones. Now only we move the checkpoint.
      const fenced = stored === opened.right ? await writeCheckpoint(run, stored, checkpoint) : E.right(stored)
      if (E.isLeft(fenced)) return endingOf(fenced.left)
      stored = fenced.right
      session = openSession(run, checked.right.offersBasic)
    }
    if (live.length > 0 && failIndex === undefined) {
      const index = await readFailIndex(run)
      if (E.isLeft(index)) return stuckOn(index.left)
      failIndex = index.right
    }
    const result: BatchResult =
      session === undefined || live.length === 0
        ? nothingLive(checkpoint)
        : await castBatch(run, session, {
            rows: live,
            stuckSince: checkpoint.stuckSince,
            rejectedStudies: checkpoint.rejectedStudies,
            before: confirmed,
            ...(failIndex === undefined ? {} : { mismatched: mismatchedStudies(failIndex) }),
          })
    const known = await confirmed
    if (E.isLeft(known)) return endingOf(known.left)
    const stop = result.stop === undefined ? undefined : whatEnded(run, result.stop)
    const rows = settledRows(judged, result)
    const settled = new Set(rows.map(({ sequence }) => sequence))
    const next = nextCheckpoint(run, checkpoint, feed.right, settled, result)
    const passed = rows.filter(({ sequence }) => sequence <= next.syncedSequence)
    let recorded: ErrorsSettled = { failed: {}, codes: {}, written: [] }
    if (passed.length > 0 || result.syncedInstances.length > 0) {
      if (failIndex === undefined) {
        const index = await readFailIndex(run)
        if (E.isLeft(index)) return stuckOn(index.left)
        failIndex = index.right
      }
      const settledErrors = await settleErrors(run, failIndex, passed, result.syncedInstances)
      if (E.isLeft(settledErrors)) return stuckOn(settledErrors.left)
      recorded = settledErrors.right
    }
    const confirm = async (): Promise<E.Either<WriteError, void>> => {
      if (passed.length > 0 || result.syncedInstances.length > 0 || !sameCheckpoint(next, stored.checkpoint)) {
        const written = await writeCheckpoint(run, stored, next)
        if (E.isLeft(written)) {
          // Somebody else settles these entries now, and may have stored them. A row that he wrote, too, has another ETag.
          if (isSurelyNotOurs(written.left)) await takeBack(run, recorded)
          return written
        }
        stored = written.right
        count(tally, passed, recorded)
      }
      tally.to = next.syncedSequence
      tellGone(run, feed.right.gone, tally.to)
      tally.openHoles = next.holes.length
      run.ports.progress({
        syncedSequence: tally.to,
        head: tally.head,
        entries: tally.stored + tally.unchanged + tally.superseded + tally.recorded,
        timestamp: next.timestamp,
      })
      return E.right(undefined)
    }
    confirmed = confirm()
    confirmed.catch(() => undefined)
    checkpoint = next
    if (stop !== undefined) return stuckOn(stop)
    const ended = endOf(run, feed.right, left <= 0)
    if (ended === undefined) continue
    const last = await confirmed
    return E.isLeft(last) ? endingOf(last.left) : { ended }
  }
}

/** How the run ends with this batch, if it does. */
const endOf = (run: Run, { reachedHead, rows, walked }: FeedBatch, isLast: boolean): Ended | undefined => {
  if (reachedHead) return 'CaughtUp'
  if (run.stopping()) return 'Stopped'
  if (isLast) return 'BatchDone'
  if (remainingMs(run) <= 0) return 'OutOfTime'
  return rows.length === 0 && walked === undefined ? 'BatchDone' : undefined
}

/** Numbers that are passed by for good, because no row came: identities that were rolled back, or jumped. */
const tellGone = (run: Run, gone: FeedBatch['gone'], syncedSequence: number): void => {
  const passed = gone.filter(({ to }) => to < syncedSequence)
  const numbers = passed.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  if (numbers > 0) run.ports.log('info', 'No row came for these sequence numbers', { numbers, gaps: passed.length })
}

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
export const settledRows = (judged: ReadonlyArray<Judgement>, { settled }: BatchResult): ReadonlyArray<Passed> =>
  judged.flatMap((judgement): ReadonlyArray<Passed> => {
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
        const names = row._tag === 'Upsert' ? { names: row.identity } : {}
        return [{ sequence: row.sequence, key: row.key, issues, error, settlement: settlement._tag, ...names }]
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
