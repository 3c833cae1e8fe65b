import { type Checkpoint, fitted, rowAt } from '../../domain/checkpoint'
import { type Hang, hangsAhead } from '../../domain/hangs'
import type { BatchResult } from '../cast/cast-batch'
import type { Stop } from '../../domain/batch/delivery'
import type { Run } from '../context'
import type { FeedBatch } from '../feed/read-feed'
import { knownOf } from '../feed/same-feed'

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

/** The row it rests on, and the one before. */
const rowsOf = (from: Checkpoint, { rows }: FeedBatch, index: number): Partial<Checkpoint> => {
  const { before } = from
  const at = rowAt(from)
  const row = rows[index]
  if (row === undefined) {
    const { sequence: _, ...was } = at
    return { ...was, ...(before === undefined ? {} : { before }) }
  }
  const rowBefore = rows[index - 1]
  const known = rowBefore === undefined ? at : knownOf(rowBefore)
  const { sequence: _, ...rest } = knownOf(row)
  return { ...rest, ...(known.sopInstanceUid === undefined ? {} : { before: known }) }
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
  const index = firstOpen < 0 ? feed.rows.length - 1 : firstOpen - 1
  const syncedSequence = feed.rows[index]?.sequence ?? from.syncedSequence
  // A late row that is not settled goes on being a hole: the next batch finds it again.
  const unsettledLate = feed.late
    .filter(({ sequence }) => !settled.has(sequence))
    .map(({ sequence }) => ({ from: sequence, to: sequence }))
  const holes = fitted([
    ...feed.holes.filter((hole) => hole.to < syncedSequence || hole.to < from.syncedSequence),
    ...unsettledLate,
  ])
  const moved = syncedSequence > from.syncedSequence
  const batchLimit = nextLimit(run, from, feed, result, moved)
  const walked = moved ? undefined : (feed.walked ?? from.walked)
  const hangs = hangsAhead(feed.hangs, syncedSequence, holes)
  return {
    syncedSequence,
    ...rowsOf(from, feed, index),
    holes,
    ...(feed.heads.length === 0 ? {} : { heads: feed.heads }),
    ...(hangs.length === 0 ? {} : { hangs }),
    ...(walked === undefined ? {} : { walked }),
    ...(moved || result.stop === undefined || from.stuckSince === undefined ? {} : { stuckSince: from.stuckSince }),
    ...(batchLimit === undefined ? {} : { batchLimit }),
    rejectedStudies: result.rejectedStudies,
  }
}

/**
 * The checkpoint where a run was ended: since when a service keeps it there, and what was learned of ranges that hang,
 * so that the next run need not wait for them again. As it stood when the run has no right, or no reason, to say so.
 */
export const stuckCheckpoint = (
  run: Run,
  stood: Checkpoint,
  { _tag }: Stop,
  learned: ReadonlyArray<Hang>,
): Checkpoint => {
  const isService = _tag === 'ServiceUnavailable' || _tag === 'AccessDenied'
  if (!isService && _tag !== 'OutOfTime') return stood
  const { hangs: _, stuckSince = isService ? run.ports.clock.now() : undefined, ...checkpoint } = stood
  const hangs = hangsAhead(learned, checkpoint.syncedSequence, checkpoint.holes)
  return {
    ...checkpoint,
    ...(hangs.length === 0 ? {} : { hangs }),
    ...(stuckSince === undefined ? {} : { stuckSince }),
  }
}
