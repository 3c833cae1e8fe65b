import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import { describeServiceError } from '../../domain/cast-error'
import type { Run } from '../context'
import type { StoredCheckpoint } from '../ports'
import { type Ending, endedBy } from './summary'

/** A request that the run's own budget cut short says nothing about a service, unless it was in trouble before. */
export const whatEnded = (run: Run, stop: Stop): Stop =>
  stop._tag === 'OutOfTime' || (stop._tag === 'ServiceUnavailable' && stop.outOfTime === true)
    ? (run.trouble ?? { _tag: 'OutOfTime' })
    : stop

/** A service ended the run: since when the checkpoint stands still is kept, and an operator finds why. */
export const stuck = async (run: Run, stored: StoredCheckpoint, stop: Stop): Promise<Ending> => {
  const error = whatEnded(run, stop)
  if (error._tag === 'OutOfTime') return { ended: 'OutOfTime' }
  const ending = { ended: endedBy(error), reason: describeServiceError(error) }
  const { checkpoint } = stored
  if (error._tag !== 'ServiceUnavailable' && error._tag !== 'AccessDenied') return ending
  if (E.isLeft(run.lease.check())) return ending
  if (checkpoint.stuckSince === undefined) {
    await run.ports.checkpoints.write(stored, { ...checkpoint, stuckSince: run.ports.clock.now() })()
  }
  const { hop, reason, status } = error
  await run.ports.errors.recordStuck({ syncedSequence: checkpoint.syncedSequence, hop, status, reason })()
  return ending
}
