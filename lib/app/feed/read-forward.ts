// This file is longer than 250 lines because the stream of pages is one subject: asked for, taken in, and crossed.
import * as E from 'fp-ts/Either'
import type { Judgement } from '../../domain/batch/judge'
import type { ServiceError } from '../../domain/cast-error'
import type { Checkpoint, Walked } from '../../domain/checkpoint'
import { type Run, remainingMs, retrying } from '../context'
import { crossGap } from './cross-gap'
import { type PageSize, adapt, pagesAtOnce, widestPage } from './page-size'
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

/** A page of fewer rows has none to spare for one that was read before. */
const narrowPage = 10

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

/** What a stream knows and has in hand. Its steps change it, one after the other: nobody reads while another step does. */
interface StreamState {
  readonly run: Run
  readonly head: number
  readonly size: PageSize
  readonly onTheirWay: Set<Promise<unknown>>
  /** So far an earlier run walked through the gap behind the start. */
  readonly walked: Walked | undefined
  /** The row that was read last, or that the checkpoint rests on. */
  last: { readonly sequence: number; readonly uid: string | undefined; readonly timestamp: string }
  /** The row, or the number, behind which the next batch begins. */
  after: number
  /** So far everything was looked at. */
  seen: number
  /** When it was first seen that the numbers behind `last` are missing, by the server's clock, ms. */
  gapSeenAt: number | undefined
  isFirstPage: boolean
  anyFound: boolean
  /** Asks for no further page. */
  ended: boolean
  /** In hand, and not yet given away. */
  readonly found: Array<Found>
  /** Pages on their way, in order, each behind the one before. */
  readonly asked: Array<Asked>
}

/** What one batch asks of the stream. */
interface Pull {
  readonly limit: number
  readonly beyond: boolean
  readonly isEnough: () => boolean
  /** How far its walk came, when that is further than the run before. */
  further: Walked | undefined
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
  const { syncedSequence, sopInstanceUid, timestamp = '', walked } = start
  const state: StreamState = {
    ...{ run, head, size, onTheirWay, walked },
    last: { sequence: syncedSequence, uid: sopInstanceUid, timestamp },
    after: syncedSequence,
    seen: syncedSequence,
    gapSeenAt: undefined,
    isFirstPage: true,
    anyFound: false,
    ended: false,
    found: [],
    asked: [],
  }
  return {
    next: (limit, beyond) => readBatch(state, limit, beyond),
    end: () => {
      state.ended = true
    },
  }
}

/** Asks for pages and takes them, in order, until the batch is full, the head is reached, or time is up. */
const readBatch = async (state: StreamState, limit: number, beyond: boolean): Result<Forward> => {
  const { head, found, asked } = state
  const pull: Pull = { limit, beyond, isEnough: enoughFor(state), further: undefined }
  while (state.seen < head && found.length < limit) {
    if (state.ended || (!state.isFirstPage && pull.isEnough())) break
    askAhead(state, pull)
    const page = asked.shift()
    if (page === undefined) break
    const step = await takePage(state, pull, page)
    if (E.isLeft(step)) {
      asked.length = 0
      // What came before the trouble is not held up by it; if it lasts, the next batch meets it.
      const isKept = step.left._tag !== 'FeedReset' && (found.length > 0 || pull.further !== undefined)
      return isKept ? E.right(giveAway(state, pull)) : step
    }
    // What was asked for behind it does not follow on from here.
    if (asked[0]?.from !== state.seen) asked.length = 0
  }
  return E.right(giveAway(state, pull))
}

/** Rows in hand want to be cast: what lies behind them, and be it a gap of millions, gets half of the run's time. */
const enoughFor = ({ run, found }: StreamState): (() => boolean) => {
  const half = run.ports.clock.now() + remainingMs(run) / 2
  return () => remainingMs(run) <= 0 || run.stopping() || (found.length > 0 && run.ports.clock.now() >= half)
}

const askAhead = (state: StreamState, { limit, beyond }: Pull): void => {
  const { run, head, size, onTheirWay, last, seen, found, asked } = state
  let from = asked.reduce((end, { width }) => end + width, seen)
  const isDense = last.sequence >= seen
  while (asked.length < pagesAtOnce(size) && from < head) {
    const wanted = beyond ? widestPage : limit - found.length - (from - seen)
    if (wanted <= 0 && asked.length > 0) break
    const isEarly = from > 0 && (state.isFirstPage || size.width >= narrowPage)
    const early = isEarly ? 1 : 0
    // A range is as wide as it is asked for, whatever it holds: behind a gap a narrow one would crawl.
    const width = Math.max(1, Math.min(size.width - early, head - from, isDense ? wanted : widestPage))
    const page = readRange(run, from - early, width + early).then(E.map((read) => judgePage(run, read)))
    const come = (): void => void onTheirWay.delete(page)
    onTheirWay.add(page)
    page.then(come, come)
    asked.push({ from, width, isEarly, page })
    from += width
  }
}

const judgePage = (run: Run, { rows, ...page }: RangeRead): JudgedPage => ({
  ...page,
  rows: rows.map((row) => ({ row: withoutMetadata(row), judgement: judgeRow(run, row, false) })),
})

/** One page: compared with what is known of the row before it, its rows in hand, and past the gap where it has none. */
const takePage = async (state: StreamState, pull: Pull, asking: Asked): Result<void> => {
  const read = await readPage(state, asking)
  if (E.isLeft(read)) return read
  const { rows, servedAt, to } = read.right
  const behind = rows.filter(({ row }) => row.sequence > asking.from)
  adapt(state.size, asking, read.right)
  state.isFirstPage = false
  takeRows(state, behind, servedAt)
  state.seen = Math.max(state.seen, to)
  const isEmpty = behind.length === 0 && state.seen < state.head && to > asking.from
  return isEmpty ? passGap(state, pull) : E.right(undefined)
}

const takeRows = (state: StreamState, behind: ReadonlyArray<Judged>, servedAt: number): void => {
  // Of several pages that show a number missing, the one that looked first.
  let missingSince = Math.min(state.gapSeenAt ?? servedAt, servedAt)
  for (const { row, judgement } of behind) {
    state.found.push({ row, judgement, gapSeenAt: missingSince })
    state.last = { sequence: row.sequence, uid: instanceOf(row), timestamp: timestampOf(row) }
    missingSince = servedAt
  }
  state.anyFound ||= behind.length > 0
  state.gapSeenAt = missingSince
}

/** Behind the last row there is none so far: on to where rows come again, from where an earlier run's walk had come. */
const passGap = async (state: StreamState, pull: Pull): Result<void> => {
  const { run, head, last, walked } = state
  // As long as it is the same gap.
  const before = !state.anyFound && walked !== undefined && walked.to < head ? walked : undefined
  const from = Math.max(state.seen, before?.to ?? 0)
  if (before !== undefined) state.gapSeenAt = Math.min(state.gapSeenAt ?? before.seenAt, before.seenAt)
  const gap = { after: last.sequence, from, head, timestamp: last.timestamp }
  const crossed = await crossGap(run, gap, pull.isEnough)
  if (E.isLeft(crossed)) return crossed
  state.seen = crossed.right
  if (state.found.length === 0 && from < state.seen) {
    pull.further = { to: state.seen, seenAt: state.gapSeenAt ?? run.ports.clock.now() }
  }
  return E.right(undefined)
}

/** The rows of one batch, and where the next begins. */
const giveAway = (state: StreamState, { limit, further }: Pull): Forward => {
  const { head, seen, after } = state
  const found = state.found.splice(0, limit)
  state.after = found.at(-1)?.row.sequence ?? after
  const isWalk = further !== undefined && found.length === 0 && seen < head
  return { after, head, found, offset: seen, ...(isWalk ? { walked: further } : {}) }
}

const readPage = async (state: StreamState, asking: Asked): Result<JudgedPage> => {
  const { last, head } = state
  const read = await asking.page
  const again = E.isLeft(read) ? read : await lastAgain(state, read.right, asking)
  if (E.isLeft(again)) return again
  const there = again.right?.find(({ sequence }) => sequence === last.sequence)
  const isTheSame = again.right === undefined || (there !== undefined && instanceOf(there) === last.uid)
  return isTheSame || last.uid === undefined
    ? read
    : feedReset(head, `the row at ${last.sequence} is not the one that was synced`)
}

/** The row that was read last, as it stands now: in the page, or asked for alone when the page brings rows. */
const lastAgain = async (
  { run, last: { sequence } }: StreamState,
  page: JudgedPage,
  { from, isEarly }: Asked,
): Result<ReadonlyArray<ReadRow> | undefined> => {
  const rows = page.rows.map(({ row }) => row)
  if (isEarly && from === sequence) return E.right(rows)
  if (sequence === 0 || rows.every((row) => row.sequence <= from)) return E.right(undefined)
  const alone = await retrying(run, run.ports.dicom.range(sequence - 1, 1, false))
  if (E.isLeft(alone)) return alone
  return E.map((read: RangeRead) => read.rows)(await decodePage(run, sequence - 1, sequence, alone.right))
}
