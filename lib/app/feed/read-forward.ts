import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type Checkpoint, type Walked, rowAt } from '../../domain/checkpoint'
import { type Run, remainingMs } from '../context'
import { askAhead } from './ask-ahead'
import { crossGap } from './cross-gap'
import { adapt } from './page-size'
import { isSameFeed, knownOf } from './same-feed'
import type { Asked, Found, Judged, JudgedPage, Pull, StreamMemory, StreamState } from './stream-state'

type Result<A> = Promise<E.Either<ServiceError, A>>

export interface Forward {
  /** The row, or the number, behind which it looked. */
  readonly after: number
  readonly head: number
  readonly found: ReadonlyArray<Found>
  /** How far it looked. */
  readonly offset: number
  /** When the last page came, by the server's clock, ms: the head was there by then. None while there was no page. */
  readonly servedAt: number | undefined
  /** No row was found yet: so far the gap was crossed. */
  readonly walked?: Walked
}

export const feedReset = (head: number, reason: string): E.Either<ServiceError, never> =>
  E.left({ _tag: 'FeedReset', head, reason })

export const notSynced = (sequence: number): string => `the row at ${sequence} is not the one that was synced`

export type Start = Pick<Checkpoint, 'syncedSequence' | 'sopInstanceUid' | 'timestamp' | 'before' | 'walked'>

/** The feed behind a row, batch by batch. Pages that are on their way when a batch is full are there for the next. */
export interface FeedStream {
  /** Up to `limit` rows, in order. `beyond`: another batch will follow, so pages are asked for beyond this one. */
  readonly next: (limit: number, beyond: boolean) => Result<Forward>
  /** Asks for no further page. */
  readonly end: () => void
}

/**
 * Reads page by page up to `head`. A page begins one row early: the row there must be the one that was read last, or
 * that the checkpoint rests on; else the feed is another one. Where a page cannot show that row, it is asked for alone.
 */
export const openStream = (run: Run, start: Start, head: number, memory: StreamMemory): FeedStream => {
  const { syncedSequence, before, walked } = start
  const state: StreamState = {
    ...{ run, head, memory, walked, before },
    last: rowAt(start),
    after: syncedSequence,
    seen: syncedSequence,
    gapSeenAt: undefined,
    servedAt: undefined,
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
    // It took a long wait, and the next may, too: what is in hand has waited enough.
    if (step.right.oneByOne === true && found.length > 0) break
  }
  return E.right(giveAway(state, pull))
}

/** Rows in hand want to be cast: what lies behind them, and be it a gap of millions, gets half of the run's time. */
const enoughFor = ({ run, found }: StreamState): (() => boolean) => {
  const half = run.ports.clock.now() + remainingMs(run) / 2
  return () => remainingMs(run) <= 0 || run.stopping() || (found.length > 0 && run.ports.clock.now() >= half)
}

/** One page: compared with what is known of the row before it, its rows in hand, and past the gap where it has none. */
const takePage = async (state: StreamState, pull: Pull, asking: Asked): Result<JudgedPage> => {
  const read = await readPage(state, asking)
  if (E.isLeft(read)) return read
  const { rows, servedAt, to } = read.right
  const behind = rows.filter(({ row }) => row.sequence > asking.from)
  adapt(state.memory.pageSize, asking, read.right)
  state.isFirstPage = false
  takeRows(state, behind, servedAt)
  state.seen = Math.max(state.seen, to)
  const isEmpty = behind.length === 0 && state.seen < state.head && to > asking.from
  const passed = isEmpty ? await passGap(state, pull) : E.right(undefined)
  return E.isLeft(passed) ? passed : read
}

const takeRows = (state: StreamState, behind: ReadonlyArray<Judged>, servedAt: number): void => {
  // Of several pages that show a number missing, the one that looked first.
  let missingSince = Math.min(state.gapSeenAt ?? servedAt, servedAt)
  for (const { row, judgement } of behind) {
    state.found.push({ row, judgement, gapSeenAt: missingSince, seenAt: servedAt })
    state.before = state.last.sopInstanceUid === undefined ? undefined : state.last
    state.last = knownOf(row)
    missingSince = servedAt
  }
  state.anyFound ||= behind.length > 0
  state.gapSeenAt = missingSince
  state.servedAt = servedAt
}

/** Behind the last row there is none so far: on to where rows come again, from where an earlier run's walk had come. */
const passGap = async (state: StreamState, pull: Pull): Result<void> => {
  const { run, head, last, walked } = state
  // As long as it is the same gap.
  const before = !state.anyFound && walked !== undefined && walked.to < head ? walked : undefined
  const from = Math.max(state.seen, before?.to ?? 0)
  if (before !== undefined) state.gapSeenAt = Math.min(state.gapSeenAt ?? before.seenAt, before.seenAt)
  const gap = { after: last.sequence, from, head, timestamp: last.timestamp ?? '' }
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
  const { head, seen, after, servedAt } = state
  const found = state.found.splice(0, limit)
  state.after = found.at(-1)?.row.sequence ?? after
  const isWalk = further !== undefined && found.length === 0 && seen < head
  return { after, head, found, offset: seen, servedAt, ...(isWalk ? { walked: further } : {}) }
}

/** The page, when the feed is still the one that was read so far. */
const readPage = async (state: StreamState, asking: Asked): Result<JudgedPage> => {
  const read = await asking.page
  if (E.isLeft(read)) return read
  const same = await isSameFeed(state, read.right, asking)
  if (E.isLeft(same)) return same
  return same.right ? read : feedReset(state.head, notSynced(state.last.sequence))
}
