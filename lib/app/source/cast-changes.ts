import * as E from 'fp-ts/Either'
import { type Checkpoint, newCheckpoint, sameCheckpoint } from '../../domain/checkpoint'
import { remainingMs, retrying } from '../context'
import type { ChangeLog, ListedStudy } from '../ports-source'
import { type Casting, type Step, begin, endingOf, stuckOn } from '../run/casting'
import { lookAgain } from '../run/look-again'
import { limitOf } from '../run/next-checkpoint'
import type { Work } from '../run/run-cast'
import { openCheckpoint, writeCheckpoint } from '../run/stored-checkpoint'
import { type Ended, type Ending, entriesOf } from '../run/summary'
import { castListed } from './cast-listed'
import { type LogBatch, readLog } from './read-log'
import type { SourcePorts } from './source-ports'

const noLog =
  'the archive tells of no change: what it has is compared with FHIR on DicomCast__ReconcileSchedule, or by dicomcast reconcile'

/** Casts the studies that an archive's own log tells of, batch after batch of its rows. */
export const castChanges =
  (ports: SourcePorts): Work =>
  async (run, reading, tally) => {
    const opened = await openCheckpoint(run)
    if (E.isLeft(opened)) return endingOf(opened.left)
    const casting = begin(run, reading, tally, opened.right)
    const { log } = ports.source
    if (log === undefined) {
      const looked = await lookOnceMore(casting)
      return E.isLeft(looked) ? looked.left : { ended: 'CaughtUp', reason: noLog }
    }
    for (;;) {
      const ended = await castBatchOf(casting, ports, log)
      if (E.isLeft(ended)) return ended.left
      if (ended.right !== undefined) return ended.right
    }
  }

/** Rows that want a look each day: no entry of a feed tells that their reason is gone. */
const lookOnceMore = (casting: Casting): Step<void> =>
  lookAgain(casting, { judged: [] }, { passed: [], withdrawnFrom: new Set() })

const castBatchOf = async (casting: Casting, ports: SourcePorts, log: ChangeLog): Step<Ending | undefined> => {
  const { run, tally, checkpoint } = casting
  casting.batches += 1
  const batch = await readLog(run, log, checkpoint, limitOf(run, checkpoint))
  if (E.isLeft(batch)) {
    if (batch.left._tag === 'FeedReset') tally.head = batch.left.head
    return E.left(await stuckOn(casting, batch.left))
  }
  tally.head = batch.right.head
  const studies: E.Either<Ending, ReadonlyArray<ListedStudy>> = await studiesOf(casting, log, batch.right)
  if (E.isLeft(studies)) return studies
  const cast = studies.right.length === 0 ? E.right(true) : await castListed(casting, ports, studies.right)
  if (E.isLeft(cast)) return cast
  const next = cast.right ? nextOf(casting, batch.right) : halved(casting, batch.right)
  const stored = await store(casting, next)
  if (E.isLeft(stored)) return stored
  if (!cast.right) return E.right({ ended: run.stopping() ? 'Stopped' : 'OutOfTime' })
  const looked = await lookOnceMore(casting)
  if (E.isLeft(looked)) return looked
  const ended = endOf(casting, batch.right)
  return E.right(ended === undefined ? undefined : { ended })
}

const studiesOf = async (casting: Casting, log: ChangeLog, { ids }: LogBatch): Step<ReadonlyArray<ListedStudy>> => {
  const found = ids.length === 0 ? E.right([]) : await retrying(casting.run, log.studiesOf(ids))
  return E.isLeft(found) ? E.left(await stuckOn(casting, found.left)) : found
}

/** Behind the batch; more of them again where a run had no time for so many. */
const nextOf = ({ run, checkpoint }: Casting, { next }: LogBatch): Checkpoint => {
  const { batchLimit, rejectedStudies } = checkpoint
  const limit = batchLimit === undefined || 2 * batchLimit >= run.settings.batchSize ? undefined : 2 * batchLimit
  return {
    ...newCheckpoint(next.syncedSequence),
    ...next,
    rejectedStudies,
    ...(limit === undefined ? {} : { batchLimit: limit }),
  }
}

/** There was no time for all of it: the next run takes less, and gets through. */
const halved = ({ checkpoint }: Casting, { rows }: LogBatch): Checkpoint => ({
  ...checkpoint,
  batchLimit: Math.max(1, Math.floor(rows / 2)),
})

const store = async (casting: Casting, next: Checkpoint): Step<void> => {
  const { run, tally, stored } = casting
  if (!sameCheckpoint(next, stored.checkpoint)) {
    const written = await writeCheckpoint(run, stored, next)
    if (E.isLeft(written)) return E.left(endingOf(written.left))
    casting.stored = written.right
  }
  casting.checkpoint = next
  tally.to = next.syncedSequence
  run.ports.progress({
    ...{ syncedSequence: tally.to, head: tally.head, entries: entriesOf(tally), timestamp: next.timestamp },
  })
  return E.right(undefined)
}

const endOf = ({ run, batches }: Casting, { reachedHead }: LogBatch): Ended | undefined => {
  if (reachedHead) return 'CaughtUp'
  if (run.stopping()) return 'Stopped'
  if (run.settings.maxBatches > 0 && batches >= run.settings.maxBatches) return 'BatchDone'
  return remainingMs(run) <= 0 ? 'OutOfTime' : undefined
}
