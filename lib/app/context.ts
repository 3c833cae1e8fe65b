import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'
import { requestRetries, retryDelay } from '../domain/retry-policy'
import type { Judge, JudgeSettings } from '../domain/batch/judge'
import type { RejectedInstances } from '../domain/batch/rejected'
import type { HeldLease, Ports } from './ports'
import type { GateState } from './ports-gate'
import type { StoredName } from './ports-name'

export interface CastSettings extends JudgeSettings {
  readonly batchSize: number
  /** Studies that a worker of a backfill reads beside each other. */
  readonly backfillReads: number
  /** Batches a run may take; 0 until caught up or out of time. */
  readonly maxBatches: number
  readonly maxBundleEntries: number
  readonly maxBundleBytes: number
  readonly holeAgeMs: number
  readonly totalRetryDurationMs: number
  /** Images that a rejection note calls bad (113001) are taken out, too. */
  readonly hidesRejectedForQuality: boolean
  readonly startFrom: 'beginning' | 'now' | number
}

/** What lives as long as a run. */
export interface Run {
  readonly ports: Ports
  /** Under the feed's own name, once that is known. */
  settings: CastSettings
  readonly judge: Judge
  readonly runId: string
  readonly lease: HeldLease
  /** In which state of the gate it may write; `running` when it is left out. */
  readonly gateState?: GateState
  /** By the wall clock, ms; Infinity without a budget. */
  readonly deadline: number
  /** A person or the host asked for the end: the batch in hand is finished, and nothing is waited for. */
  readonly stopping: () => boolean
  retries: number
  /** Answers that asked for fewer requests. */
  throttled?: number
  /** As storage keeps it; none until it was read, or when there is no such row. */
  name?: StoredName | undefined
  /** Conflicts that an operator let through (acceptedDigest); none until a conflict asked for them. */
  accepted?: ReadonlySet<string>
  /** What rejection notes have withdrawn, as the fail rows and the notes of this run tell it. */
  rejected?: RejectedInstances
  /** Instances (instanceKeyText) that only notes of the batch in hand withdraw: no row tells it yet. */
  unheard?: ReadonlySet<string> | undefined
  /** What a service failed with since anything was last settled: tells an outage from a run that was only too short. */
  trouble?: ServiceError | undefined
}

export const remainingMs = ({ deadline, ports: { clock } }: Run): number => deadline - clock.now()

// 404 is configuration; 400 can be a passing fault inside the server, twice.
const attemptsFor = (status: number | undefined): number =>
  status === 404 ? 1 : status === 400 ? 3 : requestRetries.attempts

/** Sleeps before the next attempt; false when attempts or time are used up. */
export const pauseBefore = async (run: Run, attempt: number, error: ServiceError): Promise<boolean> => {
  if (error._tag !== 'ServiceUnavailable' || error.outOfTime === true) return false
  run.trouble = error
  if (error.status === 429 || error.retryAfterMs !== undefined) run.throttled = (run.throttled ?? 0) + 1
  if (run.stopping()) return false
  const { clock, random } = run.ports
  const policy = { ...requestRetries, attempts: attemptsFor(error.status) }
  // Without a budget one request still has an end: the next run goes on.
  const budget = Math.min(remainingMs(run), run.settings.totalRetryDurationMs)
  const delay = retryDelay(policy, attempt, budget, random.fraction(), error.retryAfterMs)
  if (delay === undefined) return false
  run.retries += 1
  await clock.sleep(delay)
  return true
}

/** Repeats a request that changes nothing, within the run's time. */
export const retrying = async <A>(
  run: Run,
  request: TE.TaskEither<ServiceError, A>,
): Promise<E.Either<ServiceError, A>> => {
  for (let attempt = 1; ; attempt++) {
    const result = await request()
    if (E.isRight(result) || !(await pauseBefore(run, attempt, result.left))) return result
  }
}
