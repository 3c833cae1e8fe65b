import * as E from 'fp-ts/Either'
import { type AcceptRequest, type Accepted, accept } from '../app/operate/accept'
import { type CheckpointMoved, moveCheckpoint } from '../app/operate/move-checkpoint'
import { leaseHeld } from '../app/operate/operating'
import { describePassedBy } from '../app/operate/passed-by'
import { type Preview, type PreviewRequest, preview } from '../app/operate/preview'
import { type Replay, replay } from '../app/operate/replay'
import type { CheckpointRequest, ReplayRequest } from '../requests/requests'
import { type CastReport, cast } from './cast'
import {
  type Answer,
  type Operator,
  connected,
  endingOf,
  forgetAfterFailure,
  lookTimeoutMs,
  reasonOf,
  remember,
} from './operator'

// What an operator does with the feed: cast what is behind, move the checkpoint, replay rows, try batches out.

export type { Accepted } from '../app/operate/accept'
export type { CheckpointMoved } from '../app/operate/move-checkpoint'
export { describePassedBy } from '../app/operate/passed-by'
export type { Preview } from '../app/operate/preview'
export type { Replay, ReplayedRow } from '../app/operate/replay'

export type CatchUp = CastReport & { readonly caughtUp: boolean }

export const catchUp = async (operator: Operator, maxBatches: number): Promise<Answer<CatchUp>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const report = await cast({ ...operator, kind: 'catch-up', maxBatches })
  switch (report.ended) {
    case 'CaughtUp':
    case 'BatchDone':
    case 'OutOfTime':
    case 'WaitingForHoles':
    case 'Stopped':
      return E.right({ ...report, caughtUp: report.ended === 'CaughtUp' })
    case 'LeaseHeld':
      return E.left(await leaseHeld(context.right.ports))
    default:
      return E.left({ _tag: 'RunEnded', report })
  }
}

export const setCheckpoint = async (
  operator: Operator,
  request: CheckpointRequest,
): Promise<Answer<CheckpointMoved>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const moved = await moveCheckpoint(ports, settings, options, request)
  if (E.isRight(moved)) {
    const { from, to, head, passedBy } = moved.right
    await remember(operator, context.right, {
      ...{ kind: 'checkpoint', ended: 'CheckpointMoved', from, to, head },
      ...(passedBy === undefined ? {} : { reason: describePassedBy(passedBy) }),
    })
  }
  return moved
}

export const replayRows = async (
  operator: Operator,
  request: ReplayRequest,
  dryRun: boolean,
): Promise<Answer<Replay>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const selection = { ...request, limit: request.limit ?? 1_000 }
  const done = await replay(ports, settings, options, selection, dryRun)
  forgetAfterFailure(context.right, done)
  if (E.isRight(done) && !dryRun && done.right.selected > 0) {
    const { replayed, counts, stop } = done.right
    await remember(operator, context.right, {
      ...{ kind: 'replay', ended: endingOf(stop), entries: replayed.length },
      ...{ stored: counts.Stored, recorded: counts.Recorded },
      ...reasonOf(stop),
    })
  }
  return done
}

export const acceptConflict = async (
  operator: Operator,
  request: AcceptRequest,
  dryRun: boolean,
): Promise<Answer<Accepted>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const done = await accept(ports, settings, { ...options, by: operator.by }, request, dryRun)
  forgetAfterFailure(context.right, done)
  if (E.isRight(done) && !dryRun) {
    const { replayed, counts, stop } = done.right.replay
    await remember(operator, context.right, {
      ...{ kind: 'accept', ended: endingOf(stop), entries: replayed.length },
      ...{ stored: counts.Stored, recorded: counts.Recorded },
      reason: `let the demographics of ${replayed.length} images through for ${done.right.patient}`,
      ...reasonOf(stop),
    })
  }
  return done
}

const noFeed: Answer<never> = E.left({
  _tag: 'Refused',
  reason:
    'preview reads a change feed, and DicomWeb__Source names an archive without one: dicomcast reconcile --dry-run says how ' +
    'many studies would be read, dicomcast verify <study> what would be written of one',
})

export const previewBatches = async (operator: Operator, request: PreviewRequest): Promise<Answer<Preview>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  return ports.source === undefined ? preview(ports, settings, options, request) : noFeed
}
