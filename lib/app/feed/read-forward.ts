import * as E from 'fp-ts/Either'
import type { Judgement } from '../../domain/batch/judge'
import type { ServiceError } from '../../domain/cast-error'
import type { Checkpoint, Walked } from '../../domain/checkpoint'
import { type Run, remainingMs, retrying } from '../context'
import { crossGap } from './cross-gap'
import { type RangeRead, type ReadRow, decodePage, judgeRow, withoutMetadata } from './read-page'
import { readRange } from './read-range'

type Result<A> = Promise<E.Either<ServiceError, A>>

interface Judged {
  readonly row: ReadRow
  readonly judgement: Judgement
}

export interface Found extends Judged {
  /** When it was seen that the numbers before it are missing, by the server's clock, ms. */
  readonly gapSeenAt: number
}

export interface Forward {
  /** The row, or the number, behind which it looked. */
  readonly after: number
  readonly head: number
  readonly found: ReadonlyArray<Found>
  /** How far it looked. */
  readonly offset: number
  /** No row was found yet: so far the gap was crossed. */
  readonly walked?: Walked
}

const widestPage = 100
/** Pages are asked for side by side while their bytes, judged by the last one, are fewer than this. */
const maxBytesAsked = 4 * 1024 * 1024
const maxPagesAsked = 4
/** A page of fewer rows has none to spare for one that was read before. */
const narrowPage = 10

/** How large pages are, as far as a run has seen. */
export interface PageSize {
  /** How wide a page may be to come within the byte cap. */
  width: number
  /** Of the last page; none while unknown. */
  bytes: number | undefined
}

export const anyPageSize = (): PageSize => ({ width: widestPage, bytes: undefined })

const pagesAtOnce = ({ bytes = Infinity }: PageSize): number =>
  Math.max(1, Math.min(maxPagesAsked, Math.floor(maxBytesAsked / Math.max(1, bytes))))

export const timestampOf = (row: ReadRow): string => (row._tag === 'Entry' ? row.entry.timestamp : '')

export const instanceOf = (row: ReadRow): string | undefined =>
  row._tag === 'Entry' ? row.entry.sopInstanceUid : row.malformed.key.sopInstanceUid

export const feedReset = (head: number, reason: string): E.Either<ServiceError, never> =>
  E.left({ _tag: 'FeedReset', head, reason })

export type Start = Pick<Checkpoint, 'syncedSequence' | 'sopInstanceUid' | 'timestamp' | 'walked'>

/** The feed behind a row, batch by batch. Pages that are on their way when a batch is full are there for the next. */
export interface FeedStream {
  /** Up to `limit` rows, in order. `beyond`: another batch will follow, so pages are asked for beyond this one. */
  readonly next: (limit: number, beyond: boolean) => Result<Forward>
  /** Asks for no further page. */
  readonly end: () => void
}

/** Judged as soon as it is there: nothing waits for its turn with its datasets. */
interface JudgedPage extends Omit<RangeRead, 'rows'> {
  readonly rows: ReadonlyArray<Judged>
}

interface Asked {
  /** What it is asked for begins behind this number. */
  readonly from: number
  readonly width: number
  /** Whether it holds the row at `from`, too. */
  readonly isEarly: boolean
  readonly page: Result<JudgedPage>
}

/**
 * Reads page by page up to `head`. A page begins one row early: the row there must be the one that was read last, or
 * that the checkpoint rests on; else the feed is another one. Where a page cannot show that row, it is asked for alone.
 * `onTheirWay`: pages are in it as long as they are asked for, also those that nobody waits for any more.
 */
export const openStream = (
  run: Run,
  start: Start,
  head: number,
  size: PageSize,
  onTheirWay: Set<Promise<unknown>>,
): FeedStream => {
  const { walked } = start
  let last = { sequence: start.syncedSequence, uid: start.sopInstanceUid, timestamp: start.timestamp ?? '' }
  let after = start.syncedSequence
  /** So far everything was looked at. */
  let seen = start.syncedSequence
  let gapSeenAt: number | undefined
  let isFirst = true
  let ended = false
  let anyFound = false
  const found: Array<Found> = []
  const asked: Array<Asked> = []

  const judgePage = ({ rows, ...page }: RangeRead): JudgedPage => ({
    ...page,
    rows: rows.map((row) => ({ row: withoutMetadata(row), judgement: judgeRow(run, row, false) })),
  })

  const ask = (limit: number, beyond: boolean): void => {
    let from = asked.reduce((end, { width }) => end + width, seen)
    const isDense = last.sequence >= seen
    while (asked.length < pagesAtOnce(size) && from < head) {
      const wanted = beyond ? widestPage : limit - found.length - (from - seen)
      if (wanted <= 0 && asked.length > 0) break
      const isEarly = from > 0 && (isFirst || size.width >= narrowPage)
      const early = isEarly ? 1 : 0
      // A range is as wide as it is asked for, whatever it holds: behind a gap a narrow one would crawl.
      const width = Math.max(1, Math.min(size.width - early, head - from, isDense ? wanted : widestPage))
      const page = readRange(run, from - early, width + early).then(E.map(judgePage))
      const come = (): void => void onTheirWay.delete(page)
      onTheirWay.add(page)
      page.then(come, come)
      asked.push({ from, width, isEarly, page })
      from += width
    }
  }

  const take = (behind: ReadonlyArray<Judged>, servedAt: number): void => {
    // Of several pages that show a number missing, the one that looked first.
    let missingSince = Math.min(gapSeenAt ?? servedAt, servedAt)
    for (const { row, judgement } of behind) {
      found.push({ row, judgement, gapSeenAt: missingSince })
      last = { sequence: row.sequence, uid: instanceOf(row), timestamp: timestampOf(row) }
      missingSince = servedAt
    }
    anyFound ||= behind.length > 0
    gapSeenAt = missingSince
  }

  /** The row that was read last, as it stands now: in the page, or asked for alone when the page brings rows. */
  const lastAgain = async (page: JudgedPage, { from, isEarly }: Asked): Result<ReadonlyArray<ReadRow> | undefined> => {
    const { sequence } = last
    const rows = page.rows.map(({ row }) => row)
    if (isEarly && from === sequence) return E.right(rows)
    if (sequence === 0 || rows.every((row) => row.sequence <= from)) return E.right(undefined)
    const alone = await retrying(run, run.ports.dicom.range(sequence - 1, 1, false))
    if (E.isLeft(alone)) return alone
    return E.map((read: RangeRead) => read.rows)(await decodePage(run, sequence - 1, sequence, alone.right))
  }

  const readPage = async (asking: Asked): Result<JudgedPage> => {
    const read = await asking.page
    const again = E.isLeft(read) ? read : await lastAgain(read.right, asking)
    if (E.isLeft(again)) return again
    const there = again.right?.find(({ sequence }) => sequence === last.sequence)
    const isTheSame = again.right === undefined || (there !== undefined && instanceOf(there) === last.uid)
    return isTheSame || last.uid === undefined
      ? read
      : feedReset(head, `the row at ${last.sequence} is not the one that was synced`)
  }

  const next: FeedStream['next'] = async (limit, beyond) => {
    // Rows in hand want to be cast: what lies behind them, and be it a gap of millions, gets half of the run's time.
    const half = run.ports.clock.now() + remainingMs(run) / 2
    const isEnough = (): boolean =>
      remainingMs(run) <= 0 || run.stopping() || (found.length > 0 && run.ports.clock.now() >= half)
    /** Further than the run before. */
    let further: Walked | undefined
    const sofar = (): E.Either<ServiceError, Forward> => {
      const batch = found.splice(0, limit)
      const before = after
      after = batch.at(-1)?.row.sequence ?? after
      const walkedOn = further !== undefined && batch.length === 0 && seen < head ? { walked: further } : {}
      return E.right({ after: before, head, found: batch, offset: seen, ...walkedOn })
    }
    while (seen < head && found.length < limit) {
      if (ended || (!isFirst && isEnough())) break
      ask(limit, beyond)
      const page = asked.shift()
      if (page === undefined) break
      const read = await readPage(page)
      if (E.isLeft(read)) {
        asked.length = 0
        const isKept = read.left._tag !== 'FeedReset' && (found.length > 0 || further !== undefined)
        return isKept ? sofar() : read
      }
      const behind = read.right.rows.filter(({ row }) => row.sequence > page.from)
      adapt(size, page, read.right)
      isFirst = false
      take(behind, read.right.servedAt)
      seen = Math.max(seen, read.right.to)
      if (behind.length === 0 && seen < head && read.right.to > page.from) {
        // A walk of an earlier run goes on where it was, as long as it is the same gap.
        const before = !anyFound && walked !== undefined && walked.to < head ? walked : undefined
        const from = Math.max(seen, before?.to ?? 0)
        if (before !== undefined) gapSeenAt = Math.min(gapSeenAt ?? before.seenAt, before.seenAt)
        const gap = { after: last.sequence, from, head, timestamp: last.timestamp }
        const crossed = await crossGap(run, gap, isEnough)
        if (E.isLeft(crossed)) {
          asked.length = 0
          return found.length > 0 || further !== undefined ? sofar() : crossed
        }
        seen = crossed.right
        if (found.length === 0 && from < seen) further = { to: seen, seenAt: gapSeenAt ?? run.ports.clock.now() }
      }
      // What was asked for behind it does not follow on from here.
      if (asked[0]?.from !== seen) asked.length = 0
    }
    return sofar()
  }

  const end = (): void => {
    ended = true
  }
  return { next, end }
}

/** Down to what came within the byte cap, and slowly up again. */
const adapt = (size: PageSize, { from, width }: Asked, { to, bytes }: JudgedPage): void => {
  size.bytes = bytes
  if (to < from + width) size.width = Math.max(1, to - from)
  else if (width >= size.width - 1) size.width = Math.min(widestPage, size.width + Math.ceil(size.width / 4))
}
