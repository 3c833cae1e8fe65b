import { type Checkpoint, fitted } from '../../domain/checkpoint'
import type { BatchResult } from '../cast/cast-batch'
import type { Run } from '../context'
import type { FeedBatch } from '../feed/read-feed'

/** Entries that the next batch may take. */
export const limitOf = ({ settings }: Run, { batchLimit = settings.batchSize }: Checkpoint): number =>
  Math.max(1, Math.min(batchLimit, settings.batchSize))

/** Half of what was in hand when a run ended while it was splitting; more again as soon as that moves the checkpoint. */
const nextLimit = (
  run: Run,
  { batchLimit }: Checkpoint,
  feed: FeedBatch,
  { splitting }: BatchResult,
  moved: boolean,
): number | undefined => {
  if (splitting) return Math.max(1, Math.floor((feed.rows.length + feed.late.length) / 2))
  if (batchLimit === undefined || !moved) return batchLimit
  return batchLimit * 2 < run.settings.batchSize ? batchLimit * 2 : undefined
}

/** Up to the first entry that is not settled, and always on a row that exists. */
export const nextCheckpoint = (
  run: Run,
  from: Checkpoint,
  feed: FeedBatch,
  settled: ReadonlySet<number>,
  result: BatchResult,
): Checkpoint => {
  const firstOpen = feed.rows.findIndex(({ sequence }) => !settled.has(sequence))
  const last = firstOpen < 0 ? feed.rows.at(-1) : feed.rows[firstOpen - 1]
  const syncedSequence = last?.sequence ?? from.syncedSequence
  // A late row that is not settled goes on being a hole: the next batch finds it again.
  const seenAt = run.ports.clock.now()
  const unsettledLate = feed.late
    .filter(({ sequence }) => !settled.has(sequence))
    .map(({ sequence }) => ({ from: sequence, to: sequence, seenAt }))
  const holes = fitted([
    ...feed.holes.filter((hole) => hole.to < syncedSequence || hole.to < from.syncedSequence),
    ...unsettledLate,
  ])
  const moved = syncedSequence > from.syncedSequence
  const entry = last?._tag === 'Entry' ? last.entry : undefined
  const uid = last?._tag === 'Malformed' ? last.malformed.key.sopInstanceUid : entry?.sopInstanceUid
  const batchLimit = nextLimit(run, from, feed, result, moved)
  const walked = moved ? undefined : (feed.walked ?? from.walked)
  const row = moved
    ? {
        ...(entry === undefined ? {} : { timestamp: entry.timestamp }),
        ...(uid === undefined ? {} : { sopInstanceUid: uid }),
      }
    : {
        ...(from.timestamp === undefined ? {} : { timestamp: from.timestamp }),
        ...(from.sopInstanceUid === undefined ? {} : { sopInstanceUid: from.sopInstanceUid }),
      }
  return {
    syncedSequence,
    ...row,
    holes,
    ...(walked === undefined ? {} : { walked }),
    ...(moved || result.stop === undefined || from.stuckSince === undefined ? {} : { stuckSince: from.stuckSince }),
    ...(batchLimit === undefined ? {} : { batchLimit }),
    rejectedStudies: result.rejectedStudies,
  }
}
