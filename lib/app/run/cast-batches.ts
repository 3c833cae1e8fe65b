import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import { newlyHidden } from '../../domain/batch/rejected'
import { type Checkpoint, sameCheckpoint } from '../../domain/checkpoint'
import { type BatchResult, castBatch, nothingCast } from '../cast/cast-batch'
import { type Run, remainingMs } from '../context'
import { type FeedBatch, type Reading, readAhead, readFeed } from '../feed/read-feed'
import { type Casting, type Step, begin, endingOf, failIndexOf, nothingNoted, sessionOf, stuckOn } from './casting'
import { type FailIndex, mismatchedStudies } from './fail-index'
import { heedNotes } from './heed-notes'
import { tellGone, waitingForHoles } from './gaps'
import { lookAgain } from './look-again'
import { heedRows, liveOf, lookUpNext } from './look-up-next'
import { movedNotes } from './moved-notes'
import { limitOf, nextCheckpoint } from './next-checkpoint'
import { type ErrorsSettled, settleErrors, takeBack, takeBackWhenLost } from './settle-errors'
import { settleTags } from './settle-tags'
import { type Passed, settledRows } from './settled-rows'
import { whatEnded } from './stuck'
import { tryConditions } from './try-conditions'
import { type WriteError, isSurelyNotOurs, openCheckpoint, writeCheckpoint } from './stored-checkpoint'
import { type Ended, type Ending, type Tally, count, entriesOf } from './summary'

/** Casts batch after batch: read, cast, record, confirm. The confirming of one overlaps the reading of the next. */
export const castBatches = async (run: Run, reading: Reading, tally: Tally): Promise<Ending> => {
  const opened = await openCheckpoint(run)
  if (E.isLeft(opened)) return endingOf(opened.left)
  const casting = begin(run, reading, tally, opened.right)
  for (;;) {
    const feed = await readBatch(casting)
    if (E.isLeft(feed)) return feed.left
    const result = await castRows(casting, feed.right)
    if (E.isLeft(result)) return result.left
    const recorded = await recordRows(casting, feed.right, result.right)
    if (E.isLeft(recorded)) return recorded.left
    confirmBatch(casting, feed.right, recorded.right)
    const { stop } = recorded.right
    if (stop !== undefined) return stuckOn(casting, stop)
    if (recorded.right.passed.some(({ settlement }) => settlement === 'Stored')) await tryServer(casting)
    const again = await lookAgain(casting, feed.right, recorded.right)
    if (E.isLeft(again)) return again.left
    const ended = endOf(casting, feed.right)
    if (ended === undefined) continue
    const last = await casting.confirmed
    if (E.isLeft(last)) return endingOf(last.left)
    return ended === 'WaitingForHoles' ? { ended, reason: waitingForHoles(recorded.right.next) } : { ended }
  }
}

/** Once a run: what the FHIR server does with an old If-Match. Nothing is written before the checkpoint is stored. */
export const tryServer = async (casting: Casting): Promise<void> => {
  if (casting.isServerTried || casting.session?.hasPosition !== true) return
  casting.isServerTried = true
  if (E.isRight(await casting.confirmed)) await tryConditions(casting.run)
}

const readBatch = async (casting: Casting): Step<FeedBatch> => {
  const { run, reading, tally, checkpoint } = casting
  casting.batches += 1
  const limit = limitOf(run, checkpoint)
  const feed = await readFeed(run, checkpoint, limit, reading)
  if (E.isLeft(feed)) {
    if (feed.left._tag === 'FeedReset') tally.head = feed.left.head
    return E.left(await stuckOn(casting, feed.left))
  }
  tally.head = feed.right.head
  tally.openHoles = feed.right.holes.length
  readAhead(run, feed.right, limit, reading, batchesLeft(casting))
  return feed
}

const batchesLeft = ({ run: { settings }, batches }: Casting): number =>
  settings.maxBatches === 0 ? Infinity : settings.maxBatches - batches

const castRows = async (casting: Casting, feed: FeedBatch): Step<BatchResult> => {
  const { run, reading, checkpoint, confirmed } = casting
  const rows = liveOf(feed.judged)
  casting.noted = nothingNoted
  if (rows.length === 0) return E.right(nothingCast(checkpoint.rejectedStudies))
  const session = await sessionOf(casting)
  if (E.isLeft(session)) return session
  const index = await failIndexOf(casting)
  if (E.isLeft(index)) return index
  const { stuckSince, rejectedStudies } = checkpoint
  const mismatched = mismatchedStudies(index.right)
  const moved = await movedNotes(run, rows, run.rejected ?? new Map())
  if (E.isLeft(moved)) return E.left(await stuckOn(casting, moved.left))
  const { before, notes, rejected, heeded } = heedRows(run, rows, moved.right)
  casting.noted = { before, notes, rows, stuckSince }
  run.rejected = rejected
  const next = lookUpNext(run, reading, heeded)
  const input = { rows: heeded, stuckSince, rejectedStudies, before: confirmed, mismatched, next }
  run.unheard = newlyHidden(before, rejected, heeded)
  const result = await castBatch(run, session.right, input)
  run.unheard = undefined
  return E.right(result)
}

/** What of a batch can be stood by, and where the checkpoint may go. */
interface RecordedBatch {
  readonly next: Checkpoint
  readonly passed: ReadonlyArray<Passed>
  /** Studies (studyKeyText) that rejection notes took something from. */
  readonly withdrawnFrom: ReadonlySet<string>
  readonly errors: ErrorsSettled
  /** Whether anything of it has to be confirmed. */
  readonly isNews: boolean
  readonly stop: Stop | undefined
}

const nothingRecorded: ErrorsSettled = { failed: {}, codes: {}, written: [] }

const recordRows = async (casting: Casting, feed: FeedBatch, result: BatchResult): Step<RecordedBatch> => {
  const { run, checkpoint, confirmed } = casting
  const known = await confirmed
  if (E.isLeft(known)) return E.left(endingOf(known.left))
  const stop = result.stop === undefined ? undefined : whatEnded(run, result.stop)
  const rows = settledRows(feed.judged, result, true)
  const settled = new Set(rows.map(({ sequence }) => sequence))
  const next = nextCheckpoint(run, checkpoint, feed, settled, result)
  const passed = rows.filter(({ sequence }) => sequence <= next.syncedSequence)
  const isNews = passed.length > 0 || result.syncedInstances.length > 0
  if (!isNews) return E.right({ next, passed, withdrawnFrom: new Set(), errors: nothingRecorded, isNews, stop })
  const index = await failIndexOf(casting)
  if (E.isLeft(index)) return index
  const errors = await settleErrors(run, index.right, passed, result.syncedInstances)
  if (E.isLeft(errors)) return E.left(await stuckOn(casting, errors.left))
  const tags = await settleTags(run, index.right, passed)
  const heeded = E.isLeft(tags) ? tags : await heedNoted(casting, index.right, next)
  if (E.isLeft(heeded)) {
    await takeBackWhenLost(run, heeded.left, errors.right.written)
    return E.left(await stuckOn(casting, heeded.left))
  }
  return E.right({ next, passed, withdrawnFrom: heeded.right, errors: errors.right, isNews, stop })
}

const heedNoted = async (
  { run, session, noted }: Casting,
  index: FailIndex,
  { syncedSequence }: Checkpoint,
): ReturnType<typeof heedNotes> =>
  session === undefined || noted.rows.length === 0
    ? E.right(new Set())
    : heedNotes(run, session, index, noted, syncedSequence)

/** Begins to store the checkpoint behind the batch; what comes next waits for it before it writes. */
const confirmBatch = (casting: Casting, feed: FeedBatch, batch: RecordedBatch): void => {
  casting.confirmed = storeCheckpoint(casting, feed, batch)
  // Whoever waits for it hears of an exception; a run that ends before that must not end the process with it.
  casting.confirmed.catch(() => undefined)
  casting.checkpoint = batch.next
}

const storeCheckpoint = async (
  casting: Casting,
  { gone }: FeedBatch,
  { next, passed, errors, isNews }: RecordedBatch,
): Promise<E.Either<WriteError, void>> => {
  const { run, tally, stored } = casting
  if (isNews || !sameCheckpoint(next, stored.checkpoint)) {
    const written = await writeCheckpoint(run, stored, next)
    if (E.isLeft(written)) {
      // Somebody else settles these entries now, and may have stored them. A row that he wrote, too, has another ETag.
      if (isSurelyNotOurs(written.left)) await takeBack(run, errors.written)
      return written
    }
    casting.stored = written.right
    count(tally, passed, errors)
  }
  tally.to = next.syncedSequence
  tellGone(run, gone, tally.to)
  tally.openHoles = next.holes.length
  run.ports.progress({
    ...{ syncedSequence: tally.to, head: tally.head, entries: entriesOf(tally), timestamp: next.timestamp },
  })
  return E.right(undefined)
}

/** How the run ends with this batch, if it does. */
const endOf = (casting: Casting, feed: FeedBatch): Ended | undefined => {
  const { reachedHead, leavesHoles, rows, late, walked, isFullOfHoles } = feed
  const { run } = casting
  if (reachedHead && !leavesHoles) return 'CaughtUp'
  if (run.stopping()) return 'Stopped'
  // Rows that came late close holes: then the next batch may go on.
  if (isFullOfHoles && late.length === 0) return 'WaitingForHoles'
  if (batchesLeft(casting) <= 0) return 'BatchDone'
  if (remainingMs(run) <= 0) return 'OutOfTime'
  return rows.length === 0 && walked === undefined && !leavesHoles ? 'BatchDone' : undefined
}
