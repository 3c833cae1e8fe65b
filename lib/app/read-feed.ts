import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../domain/cast-error'
import { type Checkpoint, type Hole, type Numbers, maxHoles } from '../domain/checkpoint'
import { type Run, retrying } from './context'
import { probeHoles } from './probe-holes'
import {
  type Forward,
  type Found,
  type Reading as PageReading,
  feedReset,
  instanceOf,
  newReading as newPageReading,
  readForward,
  timestampOf,
} from './read-forward'
import type { ReadRow } from './read-page'

/** What one batch reads. Rows are in sequence order; the late ones were found in holes. */
export interface FeedBatch {
  readonly head: number
  readonly rows: ReadonlyArray<ReadRow>
  readonly late: ReadonlyArray<ReadRow>
  readonly holes: ReadonlyArray<Hole>
  /** Numbers that no row has, and that nobody will ask for again: old gaps, and holes that were dropped. */
  readonly gone: ReadonlyArray<Numbers>
  readonly reachedHead: boolean
}

/** What the batches of a run remember of their reading. */
export interface Reading extends PageReading {
  /** When each hole was last asked for, by its first number, ms. */
  readonly probed: Map<number, number>
  ahead: Ahead | undefined
}

/** What was read of the next batch while this one was written. */
interface Ahead {
  readonly after: number
  /** Read before the pages. */
  readonly head: number
  readonly read: Promise<E.Either<ServiceError, Forward>>
}

export const newReading = (): Reading => ({ ...newPageReading(), probed: new Map(), ahead: undefined })

/**
 * Reads up to `limit` entries behind the checkpoint, in sequence order, and probes the open holes. An empty page is
 * never taken for the end, and the feed must still be the one the checkpoint belongs to.
 */
export const readFeed = async (
  run: Run,
  checkpoint: Checkpoint,
  limit: number,
  reading: Reading,
): Promise<E.Either<ServiceError, FeedBatch>> => {
  const { syncedSequence } = checkpoint
  const ahead = await takeAhead(reading, syncedSequence)
  const known = ahead !== undefined && endOf(ahead.forward) < ahead.head ? E.right(ahead.head) : await readHead(run)
  if (E.isLeft(known)) return known
  const { right: head } = known
  if (head < syncedSequence) {
    return feedReset(head, `its head ${head} is below the checkpoint ${syncedSequence}`)
  }
  const probes = await probeHoles(run, checkpoint.holes, reading.probed, limit)
  if (E.isLeft(probes)) return probes
  const { late, open, dropped } = probes.right
  const batch = { head, late, rows: [], holes: open, gone: dropped }
  if (head === syncedSequence) return E.right({ ...batch, reachedHead: true })
  const wanted = Math.max(1, limit - late.length)
  const read = ahead === undefined ? await readForward(run, checkpoint, head, wanted, reading) : E.right(ahead.forward)
  if (E.isLeft(read)) return read
  const { offset } = read.right
  const found = read.right.found.slice(0, wanted)
  const { rows, holes, gaps } = noteHoles(run, syncedSequence, found, open)
  const last = rows.at(-1)
  // Nothing at all up to the head: its row is not to be seen yet, and the next run goes on.
  const reachedHead = found.length === 0 ? offset >= head : last !== undefined && last.sequence >= head
  return E.right({ ...batch, rows, holes, gone: [...dropped, ...gaps], reachedHead })
}

/**
 * Begins to read the batch behind this one: one batch, and no further than the head that is known. Nothing of it counts
 * until the checkpoint rests on the last row of this one.
 */
export const readAhead = (run: Run, { rows, head, reachedHead }: FeedBatch, limit: number, reading: Reading): void => {
  const last = rows.at(-1)
  if (last === undefined || reachedHead) return
  const uid = instanceOf(last)
  const checkpoint = {
    syncedSequence: last.sequence,
    timestamp: timestampOf(last),
    ...(uid === undefined ? {} : { sopInstanceUid: uid }),
  }
  reading.ahead = { after: last.sequence, head, read: readForward(run, checkpoint, head, limit, reading) }
}

/** What was read ahead, when it is what comes now. A failure is not taken: it may have passed. */
const takeAhead = async (
  reading: Reading,
  after: number,
): Promise<{ readonly forward: Forward; readonly head: number } | undefined> => {
  const { ahead } = reading
  reading.ahead = undefined
  const read = await ahead?.read
  if (ahead?.after !== after || read === undefined || E.isLeft(read)) return undefined
  return { forward: read.right, head: ahead.head }
}

const endOf = ({ found, offset }: Forward): number => found.at(-1)?.row.sequence ?? offset

/** The newest sequence. One that was read before the pages serves as long as it lies behind them. */
const readHead = async (run: Run): Promise<E.Either<ServiceError, number>> => {
  const latest = await retrying(run, run.ports.dicom.latest())
  return E.isLeft(latest) ? latest : E.right(O.getOrElse(() => 0)(latest.right))
}

/** Missing numbers are a hole when the row after them was young when they were asked for; older gaps are for ever. */
const noteHoles = (
  run: Run,
  syncedSequence: number,
  found: ReadonlyArray<Found>,
  open: ReadonlyArray<Hole>,
): { readonly rows: ReadonlyArray<ReadRow>; readonly holes: ReadonlyArray<Hole>; readonly gaps: Array<Numbers> } => {
  const rows: Array<ReadRow> = []
  const holes = [...open]
  const gaps: Array<Numbers> = []
  const seenAt = run.ports.clock.now()
  let previous = syncedSequence
  for (const { row, gapSeenAt } of found) {
    const gap = { from: previous + 1, to: row.sequence - 1 }
    if (gap.from <= gap.to) {
      const isOld = gapSeenAt - Date.parse(timestampOf(row)) >= run.settings.holeAgeMs
      // One run must be able to probe them all: what is behind waits until some are closed.
      if (!isOld && holes.length >= maxHoles) break
      if (isOld) gaps.push(gap)
      else holes.push({ ...gap, seenAt })
    }
    rows.push(row)
    previous = row.sequence
  }
  return { rows, holes, gaps }
}
