import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, pauseBefore } from '../context'
import {
  type EntryRow,
  didNotCome,
  hasMetadata,
  inOrder,
  malformed,
  needsMetadata,
  neighbours,
  readByItsRoute,
  readOnce,
  shortestWaitMs,
} from './ask-rows'
import { type SlowRanges, readOneByOne } from './read-one-by-one'
import type { RangeRead, ReadRow } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** How often a row is tried alone before it is blamed. */
const rounds = 3

/** A failure that one row's metadata can cause: an answer that breaks off, or the service's own trouble with it. */
export const canBeOneRow = (error: ServiceError): boolean =>
  error._tag === 'ServiceUnavailable' && (error.status === undefined || (error.status >= 500 && error.status < 505))

/** One study, or an instance of it, by its own route: an archive may forbid one alone. Whether it does, a comparison tells. */
export const canBeOfStudy = (error: ServiceError): boolean =>
  canBeOneRow(error) || (error._tag === 'AccessDenied' && error.hop === 'dicom' && error.status === 403)

/**
 * A range keeps failing with metadata. A row of it is blamed only by comparison: metadata of another row must be read,
 * the row must fail after that, alone and by its own route, several times, and another row must be read once more;
 * else the metadata store is down and the run ends. What can be read meanwhile is not held up. Where a piece does not
 * come at all, halving would take a wait for each half: its rows are asked for one by one.
 */
export const isolate = async (
  run: Run,
  offset: number,
  width: number,
  error: ServiceError,
  slow: SlowRanges,
): Result<RangeRead> => {
  const bare = await readOnce(run, offset, width, false)
  if (E.isLeft(bare)) return E.left(error)
  const { rows, servedAt, bytes } = bare.right
  const { good, suspects, hangs } = await bisect(run, offset, width, rows)
  if (hangs) return readOneByOne(run, offset, width, slow)
  let open = suspects
  const othersAreRead = async (): Promise<boolean> => {
    const known = good.filter(hasMetadata).map(({ sequence }) => sequence)
    if (await canReadOneOf(run, known.slice(0, 3))) return true
    return canReadOneOf(run, await neighbours(run, offset, width))
  }
  const upToFirst = (): E.Either<ServiceError, RangeRead> => {
    const to = (open[0]?.sequence ?? 0) - 1
    return to > offset
      ? E.right({ rows: inOrder(good.filter(({ sequence }) => sequence <= to)), to, servedAt, bytes })
      : E.left(error)
  }
  for (let round = 1; open.length > 0; round++) {
    if (!(await othersAreRead())) return upToFirst()
    if (round > rounds) break
    const still: Array<EntryRow> = []
    let isBusy = false
    for (const suspect of open) {
      const row = await readAlone(run, suspect)
      if (E.isRight(row)) good.push(row.right)
      else {
        still.push(suspect)
        isBusy ||= row.left !== undefined && !canBeOfStudy(row.left)
      }
    }
    open = still
    // "Too many requests" is said to whoever asks: it says nothing about the row.
    if (isBusy) return upToFirst()
    if (open.length > 0 && round < rounds && !(await pauseBefore(run, round, error))) return upToFirst()
  }
  const blamed = open.map((row) => malformed(row, 'metadata is unreadable'))
  return E.right({ rows: inOrder([...good, ...blamed]), to: offset + width, servedAt, bytes })
}

/** Halves the range down to the rows whose metadata does not come. */
const bisect = async (
  run: Run,
  offset: number,
  width: number,
  rows: ReadonlyArray<ReadRow>,
): Promise<{
  readonly good: Array<ReadRow>
  readonly suspects: ReadonlyArray<EntryRow>
  /** A piece did not come. */
  readonly hangs: boolean
}> => {
  const good: Array<ReadRow> = []
  const suspects: Array<EntryRow> = []
  let hangs = false
  const visit = async (from: number, size: number): Promise<void> => {
    const within = rows.filter(({ sequence }) => sequence > from && sequence <= from + size)
    if (within.length === 0 || hangs) return
    const read = await readOnce(run, from, size, true)
    if (E.isRight(read)) good.push(...read.right.rows)
    else if (didNotCome(read.left)) hangs = true
    else if (size === 1) for (const row of within) (needsMetadata(row) ? suspects : good).push(row as EntryRow)
    else {
      const half = Math.floor(size / 2)
      await visit(from, half)
      await visit(from + half, size - half)
    }
  }
  await visit(offset, width)
  return { good, suspects, hangs }
}

const canReadOneOf = async (run: Run, sequences: ReadonlyArray<number>): Promise<boolean> => {
  for (const sequence of sequences) {
    const read = await readOnce(run, sequence - 1, 1, true)
    if (E.isRight(read) && read.right.rows.some(hasMetadata)) return true
  }
  return false
}

/** One row, as a page of its own, then by the route of its metadata. */
const readAlone = async (run: Run, suspect: EntryRow): Promise<E.Either<ServiceError | undefined, ReadRow>> => {
  const page = await readOnce(run, suspect.sequence - 1, 1, true, shortestWaitMs)
  return E.isRight(page) && page.right.rows[0] !== undefined
    ? E.right(page.right.rows[0])
    : readByItsRoute(run, suspect, shortestWaitMs)
}
