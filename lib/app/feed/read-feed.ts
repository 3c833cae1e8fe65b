import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Judgement } from '../../domain/batch/judge'
import type { ServiceError } from '../../domain/cast-error'
import {
  type Checkpoint,
  type Hole,
  type KnownRow,
  type Numbers,
  type Walked,
  headOf,
  maxHoles,
  rowAt,
} from '../../domain/checkpoint'
import type { Hang } from '../../domain/hangs'
import { type Head, noteHead, youngAbove } from '../../domain/heads'
import { type Run, retrying } from '../context'
import { anyPageSize } from './page-size'
import { probeHoles } from './probe-holes'
import { type FeedStream, type Forward, type Start, feedReset, notSynced, openStream } from './read-forward'
import { type ReadRow, judgeRow } from './read-page'
import { compareRow, knownOf, timestampOf } from './same-feed'
import type { Found, StreamMemory } from './stream-state'

/** What one batch reads. Rows are in sequence order; the late ones were found in holes. */
export interface FeedBatch {
  readonly head: number
  readonly rows: ReadonlyArray<ReadRow>
  readonly late: ReadonlyArray<ReadRow>
  /** The late ones first. */
  readonly judged: ReadonlyArray<Judgement>
  readonly holes: ReadonlyArray<Hole>
  /** Numbers that no row has, and that nobody will ask for again: old gaps, and holes that were dropped. */
  readonly gone: ReadonlyArray<Numbers>
  /** As the checkpoint keeps them. */
  readonly heads: ReadonlyArray<Head>
  readonly hangs: ReadonlyArray<Hang>
  readonly reachedHead: boolean
  /** It has no room for all that may have come late: holes were left for the next one. */
  readonly leavesHoles: boolean
  /** So many holes are open that no row was taken: one more would have to be remembered. */
  readonly isFullOfHoles: boolean
  /** The stream of pages goes on right behind its last row: nothing of what came was left for later. */
  readonly goesOn: boolean
  /** No row was found yet: so far the gap behind the checkpoint was crossed. */
  readonly walked?: Walked | undefined
}

/** What the batches of a run remember of their reading. */
export interface Reading extends StreamMemory {
  /** When each hole was last asked for, by its first number, ms. */
  readonly probed: Map<number, number>
  stream: { readonly head: number; readonly pages: FeedStream } | undefined
  /** The batches behind the one in hand, read one after the other while that is written. None: it failed, or is the end. */
  ahead: Array<Promise<Forward | undefined>>
}

type Result<A> = Promise<E.Either<ServiceError, A>>

export const newReading = ({ hangs = [] }: Pick<Checkpoint, 'hangs'> = {}): Reading => ({
  hangs,
  toldUnknown: undefined,
  probed: new Map(),
  pageSize: anyPageSize(),
  stream: undefined,
  ahead: [],
  onTheirWay: new Set(),
})

/**
 * Reads up to `limit` entries behind the checkpoint, in sequence order, and probes the open holes. An empty page is
 * never taken for the end, and the feed must still be the one the checkpoint belongs to.
 */
export const readFeed = async (
  run: Run,
  checkpoint: Checkpoint,
  limit: number,
  reading: Reading,
): Result<FeedBatch> => {
  const { syncedSequence } = checkpoint
  const ahead = await takeAhead(reading, syncedSequence)
  // A head that was read before the pages serves as long as it lies behind them.
  const newest =
    ahead !== undefined && endOf(ahead) < ahead.head
      ? E.right(O.some({ sequence: ahead.head }))
      : await retrying(run, run.ports.dicom.latest())
  if (E.isLeft(newest)) return newest
  const head = headOf(newest.right)
  if (head < syncedSequence) {
    return feedReset(head, `its head ${head} is below the checkpoint ${syncedSequence}`)
  }
  if (head === syncedSequence && isAnotherRow(checkpoint, newest.right)) return feedReset(head, notSynced(head))
  const probes = await probeHoles(run, checkpoint.holes, reading.probed, limit, reading)
  if (E.isLeft(probes)) return probes
  const { late, open, dropped, isFull } = probes.right
  const judgedLate = late.map((row) => judgeRow(run, row, true))
  const { heads = [] } = checkpoint
  const nothing = {
    ...{ head, late, rows: [], judged: judgedLate, holes: open, gone: dropped },
    ...{ heads, hangs: reading.hangs, reachedHead: true, goesOn: false, isFullOfHoles: false },
    leavesHoles: isFull,
  }
  if (head === syncedSequence) return E.right(nothing)
  const wanted = Math.max(1, limit - late.length)
  const read =
    ahead === undefined
      ? await begin(run, checkpoint, head, reading).next(wanted, false)
      : E.right<ServiceError, Forward>(ahead)
  if (E.isLeft(read)) return read
  return E.right({ ...nothing, ...takeForward(run, checkpoint, wanted, read.right, nothing), hangs: reading.hangs })
}

/** Of what was read, as much as the batch may hold and holes may be remembered for. */
const takeForward = (
  run: Run,
  { syncedSequence, heads = [] }: Checkpoint,
  wanted: number,
  forward: Forward,
  { head, judged, holes: open, gone }: FeedBatch,
): Partial<FeedBatch> => {
  const { offset, walked, servedAt } = forward
  const found = forward.found.slice(0, wanted)
  const { holeAgeMs } = run.settings
  const isYoungAt = (now: number): number => youngAbove(heads, forward.head, now, holeAgeMs)
  const { taken, holes, gaps } = noteHoles(run, syncedSequence, found, open, isYoungAt)
  const rows = taken.map(({ row }) => row)
  const last = rows.at(-1)
  const seen = servedAt === undefined ? undefined : { sequence: forward.head, seenAt: servedAt }
  return {
    rows,
    judged: [...judged, ...taken.map(({ judgement }) => judgement)],
    holes,
    gone: [...gone, ...gaps],
    heads: seen === undefined ? heads : noteHead(heads, seen, holeAgeMs),
    // Nothing at all up to the head: its row is not to be seen yet, and the next run goes on.
    reachedHead: found.length === 0 ? offset >= head : last !== undefined && last.sequence >= head,
    goesOn: rows.length === forward.found.length && head === forward.head,
    isFullOfHoles: found.length > 0 && rows.length === 0,
    walked,
  }
}

const begin = (run: Run, start: Start, head: number, reading: Reading): FeedStream => {
  forget(reading)
  const pages = openStream(run, start, head, reading)
  reading.stream = { head, pages }
  return pages
}

/** What was read ahead is not what comes now. */
const forget = (reading: Reading): void => {
  reading.stream?.pages.end()
  reading.ahead = []
}

/** Two: one that waits to be written, and one that comes. */
const batchesAhead = 2

/**
 * Begins to read the batches behind this one, no further than the head that is known, and no more than may follow. Nothing
 * of them counts until the checkpoint rests on the row before.
 */
export const readAhead = (
  run: Run,
  { rows, head, reachedHead, goesOn }: FeedBatch,
  limit: number,
  reading: Reading,
  following: number,
): void => {
  const last = rows.at(-1)
  if (last === undefined || reachedHead) return
  const { sequence: syncedSequence, ...known } = knownOf(last)
  const [before] = rows.slice(-2, -1)
  const start = { syncedSequence, ...known, ...(before === undefined ? {} : { before: knownOf(before) }) }
  const { pages } =
    goesOn && reading.stream !== undefined ? reading.stream : { pages: begin(run, start, head, reading) }
  while (reading.ahead.length < Math.min(batchesAhead, following)) {
    const before = reading.ahead.at(-1)
    const isLast = reading.ahead.length + 1 >= following
    const next = async (): Promise<Forward | undefined> => {
      // A batch that is not full is the end of what can be read now.
      if (before !== undefined && ((await before)?.found.length ?? 0) < limit) return undefined
      const read = await pages.next(limit, !isLast)
      return E.isLeft(read) ? undefined : read.right
    }
    const read = next()
    // Whoever takes it hears of an exception; a run that ends before that must not end the process with it.
    read.catch(() => undefined)
    reading.ahead.push(read)
  }
}

/** Resolves when nothing that was asked for is on its way any more. */
export const endReading = async ({ ahead, onTheirWay }: Reading): Promise<void> => {
  await Promise.allSettled([...ahead, ...onTheirWay])
}

/** What was read ahead, when it is what comes now. A failure is not taken: it may have passed. */
const takeAhead = async (reading: Reading, after: number): Promise<Forward | undefined> => {
  const forward = await reading.ahead.shift()
  if (forward?.after === after) return forward
  forget(reading)
  return undefined
}

const endOf = ({ found, offset }: Forward): number => found.at(-1)?.row.sequence ?? offset

/** A restored feed may have grown exactly up to the checkpoint: its newest row stands there, and is not the one. */
const isAnotherRow = (checkpoint: Checkpoint, newest: O.Option<KnownRow>): boolean =>
  O.isSome(newest) && compareRow(rowAt(checkpoint), newest.value) === 'other'

/**
 * Missing numbers are a hole while they are young, or when the row after them was young when they were asked for; older
 * gaps are for ever.
 */
const noteHoles = (
  run: Run,
  syncedSequence: number,
  found: ReadonlyArray<Found>,
  open: ReadonlyArray<Hole>,
  youngAboveAt: (now: number) => number,
): { readonly taken: ReadonlyArray<Found>; readonly holes: ReadonlyArray<Hole>; readonly gaps: Array<Numbers> } => {
  const taken: Array<Found> = []
  const holes = [...open]
  const gaps: Array<Numbers> = []
  let previous = syncedSequence
  for (const each of found) {
    const { row, gapSeenAt, seenAt } = each
    const gap = { from: previous + 1, to: row.sequence - 1 }
    if (gap.from <= gap.to) {
      const isOld = gapSeenAt - Date.parse(timestampOf(row)) >= run.settings.holeAgeMs
      const oldTo = isOld ? Math.min(gap.to, youngAboveAt(gapSeenAt)) : gap.from - 1
      // One run must be able to probe them all: what is behind waits until some are closed.
      if (oldTo < gap.to && holes.length >= maxHoles) break
      if (oldTo >= gap.from) gaps.push({ ...gap, to: oldTo })
      if (oldTo < gap.to) holes.push({ from: Math.max(gap.from, oldTo + 1), to: gap.to, seenAt })
    }
    taken.push(each)
    previous = row.sequence
  }
  return { taken, holes, gaps }
}
