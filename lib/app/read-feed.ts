import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../domain/cast-error'
import { type Checkpoint, type Hole, type Numbers, maxHoles } from '../domain/checkpoint'
import { type Run, remainingMs, retrying } from './context'
import { crossGap } from './cross-gap'
import { probeHoles } from './probe-holes'
import type { RangeRead, ReadRow } from './read-page'
import { readRange } from './read-range'

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

const widestPage = 100

/** What the batches of a run remember of their reading. */
export interface Reading {
  /** When each hole was last asked for, by its first number, ms. */
  readonly probed: Map<number, number>
  /** How wide a page may be to come within the byte cap. */
  pageWidth: number
}

export const newReading = (): Reading => ({ probed: new Map(), pageWidth: widestPage })

const timestampOf = (row: ReadRow): string => (row._tag === 'Entry' ? row.entry.timestamp : '')

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
  const latest = await retrying(run, run.ports.dicom.latest())
  if (E.isLeft(latest)) return latest
  const head = O.getOrElse(() => 0)(latest.right)
  const { syncedSequence } = checkpoint
  if (head < syncedSequence) {
    return feedReset(head, `its head ${head} is below the checkpoint ${syncedSequence}`)
  }
  const probes = await probeHoles(run, checkpoint.holes, reading.probed, limit)
  if (E.isLeft(probes)) return probes
  const { late, open, dropped } = probes.right
  const batch = { head, late, rows: [], holes: open, gone: dropped }
  if (head === syncedSequence) return E.right({ ...batch, reachedHead: true })
  const read = await readForward(run, checkpoint, head, Math.max(1, limit - late.length), reading)
  if (E.isLeft(read)) return read
  const { found, offset } = read.right
  const { rows, holes, gaps } = noteHoles(run, syncedSequence, found, open)
  const last = rows.at(-1)
  // Nothing at all up to the head: its row is not to be seen yet, and the next run goes on.
  const reachedHead = found.length === 0 ? offset >= head : last !== undefined && last.sequence >= head
  return E.right({ ...batch, rows, holes, gone: [...dropped, ...gaps], reachedHead })
}

const feedReset = (head: number, reason: string): E.Either<ServiceError, never> =>
  E.left({ _tag: 'FeedReset', head, reason })

interface Found {
  readonly row: ReadRow
  /** When it was seen that the numbers before it are missing, by the server's clock, ms. */
  readonly gapSeenAt: number
}

interface Forward {
  readonly found: ReadonlyArray<Found>
  /** How far it looked. */
  readonly offset: number
}

/** Pages in order. The first starts one row early: the row there must be the one we stopped at. */
const readForward = async (
  run: Run,
  { syncedSequence, sopInstanceUid, timestamp = '' }: Checkpoint,
  head: number,
  limit: number,
  reading: Reading,
): Promise<E.Either<ServiceError, Forward>> => {
  const found: Array<Found> = []
  let offset = Math.max(0, syncedSequence - 1)
  let [lastFound, lastTimestamp] = [syncedSequence, timestamp]
  /** Of the page that shows what follows the last row; of the first one of several. */
  let gapSeenAt: number | undefined
  let first = true
  while (offset < head && found.length < limit) {
    if (!first && (remainingMs(run) <= 0 || run.stopping())) break
    const wanted = first ? limit + 1 : limit - found.length
    // A range is as wide as it is asked for, whatever it holds: behind a gap a narrow one would crawl.
    const width = Math.min(reading.pageWidth, head - offset, lastFound < offset ? widestPage : wanted)
    const page = await readRange(run, offset, width)
    if (E.isLeft(page)) return found.length > 0 ? E.right({ found, offset }) : page
    adapt(reading, offset, width, page.right)
    const { rows, servedAt, to } = page.right
    if (first && sopInstanceUid !== undefined) {
      const there = rows.find((row) => row.sequence === syncedSequence)
      if (there === undefined || instanceOf(there) !== sopInstanceUid) {
        return feedReset(head, `the row at ${syncedSequence} is not the one that was synced`)
      }
    }
    first = false
    gapSeenAt ??= servedAt
    const behind = rows.filter(({ sequence }) => sequence > syncedSequence)
    for (const row of behind.slice(0, limit - found.length)) {
      found.push({ row, gapSeenAt })
      ;[lastFound, lastTimestamp, gapSeenAt] = [row.sequence, timestampOf(row), servedAt]
    }
    offset = to
    if (behind.length === 0 && offset < head) {
      const next = await crossGap(run, { after: lastFound, from: offset, head, timestamp: lastTimestamp })
      if (E.isLeft(next)) return found.length > 0 ? E.right({ found, offset }) : next
      offset = next.right
    }
  }
  return E.right({ found, offset })
}

/** Down to what came within the byte cap, and slowly up again. */
const adapt = (reading: Reading, offset: number, width: number, { to }: RangeRead): void => {
  if (to - offset < width) reading.pageWidth = to - offset
  else if (width === reading.pageWidth) reading.pageWidth = Math.min(widestPage, width + Math.ceil(width / 4))
}

const instanceOf = (row: ReadRow): string | undefined =>
  row._tag === 'Entry' ? row.entry.sopInstanceUid : row.malformed.key.sopInstanceUid

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
