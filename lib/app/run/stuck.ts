import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import { describeServiceError } from '../../domain/cast-error'
import { sameCheckpoint } from '../../domain/checkpoint'
import type { Hang } from '../../domain/hangs'
import type { Run } from '../context'
import type { StoredCheckpoint } from '../ports'
import { stuckCheckpoint } from './next-checkpoint'
import { type Ending, endedBy } from './summary'

/** A request that the run's own budget cut short says nothing about a service, unless it was in trouble before. */
export const whatEnded = (run: Run, stop: Stop): Stop =>
  stop._tag === 'OutOfTime' || (stop._tag === 'ServiceUnavailable' && stop.outOfTime === true)
    ? (run.trouble ?? { _tag: 'OutOfTime' })
    : stop

/** A service ended the run: since when the checkpoint stands still is kept, and an operator finds why. */
export const stuck = async (
  run: Run,
  stored: StoredCheckpoint,
  stop: Stop,
  learned: ReadonlyArray<Hang>,
): Promise<Ending> => {
  const error = whatEnded(run, stop)
  const next = stuckCheckpoint(run, stored.checkpoint, error, learned)
  const isOurs = E.isRight(run.lease.check())
  if (isOurs && !sameCheckpoint(next, stored.checkpoint)) await run.ports.checkpoints.write(stored, next)()
  if (error._tag === 'OutOfTime') return { ended: 'OutOfTime' }
  const ending = { ended: endedBy(error), reason: describeServiceError(error) }
  if (error._tag !== 'ServiceUnavailable' && error._tag !== 'AccessDenied') return ending
  if (!isOurs) return ending
  const { hop, reason, status } = error
  await run.ports.errors.recordStuck({ syncedSequence: next.syncedSequence, hop, status, reason })()
  return ending
}
