import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../domain/cast-error'
import { type Checkpoint, type Hole, maxHoles } from '../domain/checkpoint'
import { type Run, remainingMs, retrying } from './context'
import type { ReadRow } from './read-page'
import { readRange } from './read-range'

/** What one batch reads. Rows are in sequence order; the late ones were found in holes. */
export interface FeedBatch {
  readonly head: number
  readonly rows: ReadonlyArray<ReadRow>
  readonly late: ReadonlyArray<ReadRow>
  readonly holes: ReadonlyArray<Hole>
  readonly reachedHead: boolean
}

const pageWidth = 100
/** A gap up to here is an identity jump of the database, and walked; a wider one is crossed with v2 windows. */
const widestWalk = 10_000
/** How long before the last row a window starts: a create takes its timestamp first and is inserted later. */
const windowLeadMs = 120_000

export const sequenceOf = (row: ReadRow): number => row.sequence
const timestampOf = (row: ReadRow): string => (row._tag === 'Entry' ? row.entry.timestamp : '')

/** Probing state of a run: each hole at most once a second. */
export type Probed = Map<number, number>

/**
 * Reads up to `limit` entries behind the checkpoint, in sequence order, and probes the open holes. An empty page is
 * never taken for the end, and the feed must still be the one the checkpoint belongs to.
 */
export const readFeed = async (
  run: Run,
  checkpoint: Checkpoint,
  limit: number,
  probed: Probed,
): Promise<E.Either<ServiceError, FeedBatch>> => {
  const latest = await retrying(run, run.ports.dicom.latest())
  if (E.isLeft(latest)) return latest
  const head = O.getOrElse(() => 0)(latest.right)
  if (head < checkpoint.syncedSequence) {
    return E.left({
      _tag: 'FeedReset',
      reason: `its head ${head} is below the checkpoint ${checkpoint.syncedSequence}`,
    })
  }
  const probes = await probeHoles(run, checkpoint.holes, probed)
  if (E.isLeft(probes)) return probes
  const { late, open } = probes.right
  if (head === checkpoint.syncedSequence) return E.right({ head, rows: [], late, holes: open, reachedHead: true })
  const read = await readForward(run, checkpoint, head, limit)
  if (E.isLeft(read)) return read
  const { rows, servedAt, offset } = read.right
  const { taken, holes } = noteHoles(run, checkpoint.syncedSequence, rows, open, servedAt)
  const last = taken.at(-1)
  // Nothing at all up to the head: its row is not to be seen yet, and the next run goes on.
  const reachedHead = rows.length === 0 ? offset >= head : last !== undefined && last.sequence >= head
  return E.right({ head, rows: taken, late, holes, reachedHead })
}

interface Forward {
  readonly rows: ReadonlyArray<ReadRow>
  readonly servedAt: number
  /** How far it looked. */
  readonly offset: number
}

/** Pages in order. The first starts one row early: the row there must be the one we stopped at. */
const readForward = async (
  run: Run,
  checkpoint: Checkpoint,
  head: number,
  limit: number,
): Promise<E.Either<ServiceError, Forward>> => {
  const { syncedSequence, sopInstanceUid } = checkpoint
  const rows: Array<ReadRow> = []
  let offset = Math.max(0, syncedSequence - 1)
  let [servedAt, lastTimestamp, lastFound] = [0, checkpoint.timestamp ?? '', syncedSequence]
  let first = true
  while (offset < head && rows.length < limit) {
    if (!first && (remainingMs(run) <= 0 || run.stopping())) break
    const wanted = first ? limit + 1 : limit - rows.length
    // A range is as wide as it is asked for, whatever it holds: behind a gap a narrow one would crawl.
    const width = Math.min(pageWidth, head - offset, lastFound < offset ? pageWidth : wanted)
    const page = await readRange(run, offset, width)
    if (E.isLeft(page)) return rows.length > 0 ? E.right({ rows, servedAt, offset }) : page
    servedAt = page.right.servedAt
    const behind = page.right.rows.filter((row) => row.sequence > syncedSequence)
    if (first && sopInstanceUid !== undefined) {
      const there = page.right.rows.find((row) => row.sequence === syncedSequence)
      if (there === undefined || instanceOf(there) !== sopInstanceUid) {
        return E.left({ _tag: 'FeedReset', reason: `the row at ${syncedSequence} is not the one that was synced` })
      }
    }
    first = false
    rows.push(...behind.slice(0, limit - rows.length))
    offset = page.right.to
    const last = behind.at(-1)
    if (last !== undefined) {
      ;[lastFound, lastTimestamp] = [last.sequence, timestampOf(last)]
    } else if (offset < head) {
      const next = await crossGap(run, lastFound, offset, head, lastTimestamp)
      if (E.isLeft(next)) return rows.length > 0 ? E.right({ rows, servedAt, offset }) : next
      offset = next.right
    }
  }
  return E.right({ rows, servedAt, offset })
}

const instanceOf = (row: ReadRow): string | undefined =>
  row._tag === 'Entry' ? row.entry.sopInstanceUid : row.malformed.key.sopInstanceUid

/** The offset from which rows come again. */
const crossGap = async (
  run: Run,
  gapStart: number,
  from: number,
  head: number,
  lastTimestamp: string,
): Promise<E.Either<ServiceError, number>> => {
  const atOnce = 4
  for (let offset = from; offset < head; offset += pageWidth * atOnce) {
    if (offset - gapStart > widestWalk && lastTimestamp !== '') {
      return crossWithWindows(run, offset, head, lastTimestamp)
    }
    const offsets = Array.from({ length: atOnce }, (_, index) => offset + index * pageWidth).filter(
      (each) => each < head,
    )
    const pages = await Promise.all(
      offsets.map((each) => retrying(run, run.ports.dicom.range(each, Math.min(pageWidth, head - each), false))),
    )
    for (const [index, page] of pages.entries()) {
      if (E.isLeft(page)) return page
      if (page.right.elements.length > 0) return E.right(offsets[index] ?? offset)
    }
    if (remainingMs(run) <= 0) return E.right(offset)
  }
  return E.right(head)
}

/** The smallest sequence above `from`, looked for by time: rows of one statement share a timestamp, in any number. */
const crossWithWindows = async (
  run: Run,
  from: number,
  head: number,
  lastTimestamp: string,
): Promise<E.Either<ServiceError, number>> => {
  const start = new Date(Date.parse(lastTimestamp) - windowLeadMs).toISOString()
  let [smallest, until] = [head, Infinity]
  for (let skip = 0; ;) {
    const page = await retrying(run, run.ports.dicom.window(start, skip))
    if (E.isLeft(page)) return page
    const entries = page.right.elements.flatMap((element) => {
      const decoded = run.judge.decode(element)
      return E.isRight(decoded) ? [decoded.right] : []
    })
    for (const { sequence, timestamp } of entries) {
      if (sequence <= from || sequence > smallest) continue
      smallest = sequence
      until = Math.min(until, Date.parse(timestamp) + windowLeadMs)
    }
    skip += page.right.elements.length
    const lastSeen = Date.parse(entries.at(-1)?.timestamp ?? '')
    if (page.right.elements.length === 0 || lastSeen > until || remainingMs(run) <= 0) return E.right(smallest - 1)
  }
}

/** Missing numbers are a hole when the row after them is young by the server's clock; older gaps are for ever. */
const noteHoles = (
  run: Run,
  syncedSequence: number,
  rows: ReadonlyArray<ReadRow>,
  open: ReadonlyArray<Hole>,
  servedAt: number,
): { readonly taken: ReadonlyArray<ReadRow>; readonly holes: ReadonlyArray<Hole> } => {
  const holes = [...open]
  const seenAt = run.ports.clock.now()
  let previous = syncedSequence
  for (const [index, row] of rows.entries()) {
    const ageMs = servedAt - Date.parse(timestampOf(row))
    if (row.sequence > previous + 1 && !(ageMs >= run.settings.holeAgeMs)) {
      // One run must be able to probe them all: what is behind waits until some are closed.
      if (holes.length >= maxHoles) return { taken: rows.slice(0, index), holes }
      holes.push({ from: previous + 1, to: row.sequence - 1, seenAt })
    }
    previous = row.sequence
  }
  return { taken: rows, holes }
}

interface Probes {
  readonly late: ReadonlyArray<ReadRow>
  readonly open: ReadonlyArray<Hole>
}

const probeHoles = async (
  run: Run,
  holes: ReadonlyArray<Hole>,
  probed: Probed,
): Promise<E.Either<ServiceError, Probes>> => {
  const late: Array<ReadRow> = []
  const open: Array<Hole> = []
  for (const hole of holes) {
    const now = run.ports.clock.now()
    if (now - (probed.get(hole.from) ?? -Infinity) < 1_000) {
      open.push(hole)
      continue
    }
    probed.set(hole.from, now)
    const found: Array<ReadRow> = []
    for (let from = hole.from; from <= hole.to;) {
      const page = await readRange(run, from - 1, Math.min(pageWidth, hole.to - from + 1))
      if (E.isLeft(page)) return page
      found.push(...page.right.rows)
      from = page.right.to + 1
    }
    late.push(...found)
    if (now - hole.seenAt <= run.settings.holeAgeMs) open.push(...without(hole, found.map(sequenceOf)))
  }
  return E.right({ late, open })
}

/** What is left of a hole when some of its numbers were found. */
export const without = (hole: Hole, found: ReadonlyArray<number>): ReadonlyArray<Hole> => {
  const rest: Array<Hole> = []
  let from = hole.from
  for (const sequence of [...found].sort((left, right) => left - right)) {
    if (sequence > from) rest.push({ ...hole, from, to: sequence - 1 })
    from = Math.max(from, sequence + 1)
  }
  return from <= hole.to ? [...rest, { ...hole, from }] : rest
}
