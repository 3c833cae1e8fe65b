import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { makeJudge } from '../../domain/batch/judge'
import { describeServiceError } from '../../domain/cast-error'
import type { CastSettings, Run } from '../context'
import { type Reading, endReading, newReading } from '../feed/read-feed'
import type { HeldLease, Ports } from '../ports'
import { takeTold } from '../wake'
import { castBatches } from './cast-batches'
import { type Ending, type RunSummary, type Tally, endedBy, entriesOf, newTally } from './summary'

export interface RunOptions {
  readonly runId: string
  /** How long it may take, ms; Infinity without a budget. */
  readonly budgetMs: number
  readonly stopping: () => boolean
}

/** What a run does while it holds the lease. */
export type Work = (run: Run, reading: Reading, tally: Tally) => Promise<Ending>

/** One run: takes the lease, casts batches of the feed until it may take no more, and says what it did. */
export const runCast = async (
  ports: Ports,
  settings: CastSettings,
  options: RunOptions,
  work: Work = castBatches,
): Promise<RunSummary> => {
  const startedAt = ports.clock.now()
  const tally = newTally()
  const { runId } = options
  let retries = 0
  const summary = ({ ended, reason }: Ending): RunSummary => ({
    ended,
    ...tally,
    entries: entriesOf(tally),
    retries,
    durationMs: ports.clock.now() - startedAt,
    ...(reason === undefined ? {} : { reason }),
  })
  const lease = await ports.lease.acquire(runId)()
  if (E.isLeft(lease)) return summary({ ended: endedBy(lease.left), reason: describeServiceError(lease.left) })
  if (O.isNone(lease.right)) return summary({ ended: 'LeaseHeld', reason: 'another run holds the lease' })
  const held: HeldLease = lease.right.value
  const reading = newReading()
  let over = false
  const run: Run = {
    ports,
    settings,
    judge: makeJudge(settings),
    runId,
    lease: held,
    deadline: startedAt + options.budgetMs,
    stopping: () => over || options.stopping(),
    retries: 0,
  }
  try {
    if (ports.wake !== undefined) await takeTold(ports.wake)
    const ending = await work(run, reading, tally)
    retries = run.retries
    return summary(ending)
  } finally {
    over = true
    await held.release()
    // Nothing of a run outlives it.
    await endReading(reading)
  }
}
