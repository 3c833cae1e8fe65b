import * as E from 'fp-ts/Either'
import type { ServiceError } from '../domain/cast-error'
import type { Checkpoint } from '../domain/checkpoint'
import { type Run, remainingMs } from './context'
import { crossGap } from './cross-gap'
import type { RangeRead, ReadRow } from './read-page'
import { readRange } from './read-range'

type Result<A> = Promise<E.Either<ServiceError, A>>

export interface Found {
  readonly row: ReadRow
  /** When it was seen that the numbers before it are missing, by the server's clock, ms. */
  readonly gapSeenAt: number
}

export interface Forward {
  readonly found: ReadonlyArray<Found>
  /** How far it looked. */
  readonly offset: number
}

const widestPage = 100
/** Pages are asked for side by side while their bytes, judged by the last one, are fewer than this. */
const maxBytesAsked = 4 * 1024 * 1024
const maxPagesAsked = 4

/** How large pages are, as far as a run has seen. */
export interface Reading {
  /** How wide a page may be to come within the byte cap. */
  pageWidth: number
  /** Of the last page; none while unknown. */
  pageBytes: number | undefined
}

export const newReading = (): Reading => ({ pageWidth: widestPage, pageBytes: undefined })

const pagesAtOnce = ({ pageBytes = Infinity }: Reading): number =>
  Math.max(1, Math.min(maxPagesAsked, Math.floor(maxBytesAsked / Math.max(1, pageBytes))))

export const timestampOf = (row: ReadRow): string => (row._tag === 'Entry' ? row.entry.timestamp : '')

export const instanceOf = (row: ReadRow): string | undefined =>
  row._tag === 'Entry' ? row.entry.sopInstanceUid : row.malformed.key.sopInstanceUid

export const feedReset = (head: number, reason: string): E.Either<ServiceError, never> =>
  E.left({ _tag: 'FeedReset', head, reason })

interface Asked {
  readonly offset: number
  readonly width: number
  readonly page: Result<RangeRead>
}

/** Pages in order. The first starts one row early: the row there must be the one we stopped at. */
export const readForward = async (
  run: Run,
  {
    syncedSequence,
    sopInstanceUid,
    timestamp = '',
  }: Pick<Checkpoint, 'syncedSequence' | 'sopInstanceUid' | 'timestamp'>,
  head: number,
  limit: number,
  reading: Reading,
): Result<Forward> => {
  const found: Array<Found> = []
  let offset = Math.max(0, syncedSequence - 1)
  let [lastFound, lastTimestamp] = [syncedSequence, timestamp]
  let gapSeenAt: number | undefined
  let first = true
  const asked: Array<Asked> = []

  const ask = (): void => {
    const wanted = first ? limit + 1 : limit - found.length
    let from = offset + asked.reduce((total, { width }) => total + width, 0)
    while (asked.length < pagesAtOnce(reading) && from < head && (from - offset < wanted || asked.length === 0)) {
      // A range is as wide as it is asked for, whatever it holds: behind a gap a narrow one would crawl.
      const left = lastFound < offset ? widestPage : wanted - (from - offset)
      const width = Math.min(reading.pageWidth, head - from, left)
      asked.push({ offset: from, width, page: readRange(run, from, width) })
      from += width
    }
  }

  while (offset < head && found.length < limit) {
    if (!first && (remainingMs(run) <= 0 || run.stopping())) break
    ask()
    const next = asked.shift()
    if (next === undefined) break
    const page = await next.page
    if (E.isLeft(page)) return found.length > 0 ? E.right({ found, offset }) : page
    adapt(reading, next, page.right)
    const { rows, servedAt, to } = page.right
    if (first && sopInstanceUid !== undefined) {
      const there = rows.find((row) => row.sequence === syncedSequence)
      if (there === undefined || instanceOf(there) !== sopInstanceUid) {
        return feedReset(head, `the row at ${syncedSequence} is not the one that was synced`)
      }
    }
    first = false
    // Of several pages that show a number missing, the one that looked first.
    gapSeenAt = Math.min(gapSeenAt ?? servedAt, servedAt)
    const behind = rows.filter(({ sequence }) => sequence > syncedSequence)
    for (const row of behind.slice(0, limit - found.length)) {
      found.push({ row, gapSeenAt })
      ;[lastFound, lastTimestamp, gapSeenAt] = [row.sequence, timestampOf(row), servedAt]
    }
    offset = to
    if (behind.length === 0 && offset < head) {
      const crossed = await crossGap(run, { after: lastFound, from: offset, head, timestamp: lastTimestamp })
      if (E.isLeft(crossed)) return found.length > 0 ? E.right({ found, offset }) : crossed
      offset = crossed.right
    }
    // What was asked for behind it does not follow on from here.
    if (asked[0]?.offset !== offset) asked.length = 0
  }
  return E.right({ found, offset })
}

/** Down to what came within the byte cap, and slowly up again. */
const adapt = (reading: Reading, { offset, width }: Asked, { to, bytes }: RangeRead): void => {
  reading.pageBytes = bytes
  if (to - offset < width) reading.pageWidth = to - offset
  else if (width === reading.pageWidth) reading.pageWidth = Math.min(widestPage, width + Math.ceil(width / 4))
}
