import { isDeepStrictEqual } from 'node:util'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import type { Hang } from './hangs'
import type { Head } from './heads'

/** Sequence numbers; both ends belong to it. */
export interface Numbers {
  readonly from: number
  readonly to: number
}

/**
 * Numbers that were missing when the row after them was read: a promise, kept by whoever writes a checkpoint. `seenAt`:
 * by the service's Date header, ms, never by a host's clock. None: not known by it yet; the next probe begins the wait.
 */
export interface Hole extends Numbers {
  readonly seenAt?: number
}

/** Numbers behind the checkpoint, up to `to`, that no row had. `seenAt`: when the first was missing, by the server's clock, ms. */
export interface Walked {
  readonly to: number
  readonly seenAt: number
}

/** What is known of a row, to tell it from another under the same number. */
export interface KnownRow {
  readonly sequence: number
  readonly timestamp?: string
  readonly sopInstanceUid?: string
}

export const knownRow = (
  sequence: number,
  timestamp: string | undefined,
  sopInstanceUid: string | undefined,
): KnownRow => ({
  sequence,
  ...(timestamp === undefined ? {} : { timestamp }),
  ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
})

/** The sequence of the newest row of a feed; 0 of an empty one. */
export const headOf = (newest: O.Option<KnownRow>): number =>
  pipe(
    newest,
    O.match(
      () => 0,
      ({ sequence }) => sequence,
    ),
  )

/** A row of the log of an archive without a change feed: under its number another id or date is another log. */
export interface LogRow {
  readonly sequence: number
  readonly id: string
  /** As the log writes it. */
  readonly date: string
}

/** How far the feed is settled. Rests on a row that exists; only an operator moves it back. */
export interface Checkpoint {
  readonly syncedSequence: number
  /** Of the row there; unknown after the original, an operator, or a new start: then nothing is compared. */
  readonly timestamp?: string
  readonly sopInstanceUid?: string
  /** The row before that one: it decides when the one there can no longer be read. */
  readonly before?: KnownRow
  readonly holes: ReadonlyArray<Hole>
  /** A few heads of the feed, and when they were there, the oldest first. */
  readonly heads?: ReadonlyArray<Head>
  /** Ranges whose metadata did not come in time, in order. */
  readonly hangs?: ReadonlyArray<Hang>
  /** Where a walk through a gap wider than one run can cross goes on. */
  readonly walked?: Walked
  /** When the first request failed that still keeps the checkpoint here, ms. */
  readonly stuckSince?: number
  /** The next batch takes no more: a run ended out of time while it was splitting. */
  readonly batchLimit?: number
  /** The last rows read of an archive's log; there, also when it is empty, wherever the archive has no change feed. */
  readonly logRows?: ReadonlyArray<LogRow>
  /** Digests of the different studies that FHIR refused in a row, none stored between them. */
  readonly rejectedStudies: ReadonlyArray<string>
}

/** The row that it rests on. */
export const rowAt = ({
  syncedSequence,
  timestamp,
  sopInstanceUid,
}: Pick<Checkpoint, 'syncedSequence' | 'timestamp' | 'sopInstanceUid'>): KnownRow =>
  knownRow(syncedSequence, timestamp, sopInstanceUid)

export const newCheckpoint = (syncedSequence: number): Checkpoint => ({
  syncedSequence,
  holes: [],
  rejectedStudies: [],
})

/** Whatever the order of its members: one that was read has another than one that was made. */
export const sameCheckpoint = (left: Checkpoint, right: Checkpoint): boolean => isDeepStrictEqual(left, right)

/**
 * The checkpoint as an operator moves it, back or forth. Open holes at or before it stay, with the time they were seen:
 * nobody else would look for them. What lies above is read again from below, and judged by the same heads: a number that
 * is missing then is a hole once more while it is young. `head`: numbers above it were another feed's.
 */
export const movedTo = (from: Checkpoint, syncedSequence: number, head: number): Checkpoint => {
  const holes = from.holes
    .filter((hole) => hole.from <= syncedSequence)
    .map((hole) => ({ ...hole, to: Math.min(hole.to, syncedSequence) }))
  const heads = (from.heads ?? []).filter(({ sequence }) => sequence <= head)
  const hangs = (from.hangs ?? []).filter(({ to }) => to <= head)
  return {
    ...newCheckpoint(syncedSequence),
    holes,
    ...(heads.length === 0 ? {} : { heads }),
    ...(hangs.length === 0 ? {} : { hangs }),
  }
}

/** Open holes at the most: one run must be able to probe them all. */
export const maxHoles = 500

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

/**
 * Holes in order, so few that the checkpoint's row can hold them. Numbers side by side that were missed at one time are
 * one hole. When there are too many all the same, the nearest are joined: what is settled between them is found and
 * cast again, which changes nothing.
 */
export const fitted = (holes: ReadonlyArray<Hole>): ReadonlyArray<Hole> => {
  const rest: Array<Hole> = []
  for (const hole of [...holes].sort((left, right) => left.from - right.from)) {
    const before = rest.at(-1)
    const isNext = before !== undefined && hole.from <= before.to + 1 && hole.seenAt === before.seenAt
    if (isNext) rest[rest.length - 1] = { ...before, to: Math.max(before.to, hole.to) }
    else rest.push(hole)
  }
  while (rest.length > maxHoles) {
    const distances = rest.slice(1).map(({ from }, index) => from - (rest[index]?.to ?? 0))
    const at = distances.indexOf(Math.min(...distances))
    const [left, right] = [rest[at], rest[at + 1]]
    if (left === undefined || right === undefined) break
    rest.splice(at, 2, { from: left.from, to: right.to, ...laterOf(left, right) })
  }
  return rest
}

/** A time that is not known yet is later than any. */
const laterOf = (left: Hole, right: Hole): Pick<Hole, 'seenAt'> =>
  left.seenAt === undefined || right.seenAt === undefined ? {} : { seenAt: Math.max(left.seenAt, right.seenAt) }
