import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { makeJudge } from '../../domain/batch/judge'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'
import { type CastSettings, type Run, retrying } from '../context'
import { claimName, knowName, lookUnderName } from '../feed-name'
import { type FhirSession, openSession } from '../cast/fhir-session'
import type { HeldLease } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import type { RunOptions } from '../run/run-cast'

export interface OperatorOptions extends RunOptions {
  /** Long work tells how far it is. */
  readonly steps?: (done: number, total: number) => void
}

/** Why an operator's call did nothing, or not all. */
export type OperatorFailure =
  | { readonly _tag: 'LeaseHeld'; readonly runId: string | undefined; readonly heldForS: number | undefined }
  | { readonly _tag: 'NotFound'; readonly what: string }
  /** What was asked for cannot be done as things stand; `reason` says what to do. */
  | { readonly _tag: 'Refused'; readonly reason: string }
  | { readonly _tag: 'EtagStale'; readonly current: string | undefined }
  | { readonly _tag: 'Service'; readonly error: ServiceError }

export type Operated<A> = E.Either<OperatorFailure, A>

export const service = (error: ServiceError): E.Either<OperatorFailure, never> => E.left({ _tag: 'Service', error })

/** Of somebody who only looks: whatever would write is told that the lease is lost. */
const noLease: HeldLease = {
  check: () => E.left({ _tag: 'LeaseLost' }),
  confirm: () => async () => E.left({ _tag: 'LeaseLost' }),
  release: () => Promise.resolve(),
}

const runWith = (ports: OperatorPorts, settings: CastSettings, options: RunOptions, lease: HeldLease): Run => ({
  ports,
  settings,
  judge: makeJudge(settings),
  runId: options.runId,
  lease,
  deadline: ports.clock.now() + options.budgetMs,
  stopping: options.stopping,
  retries: 0,
})

export const looking = (ports: OperatorPorts, settings: CastSettings, options: RunOptions): Run =>
  runWith(ports, settings, options, noLease)

/** Work that writes: nobody else does at the same time. */
export const underLease = <A>(
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  work: (run: Run) => Promise<Operated<A>>,
): Promise<Operated<A>> =>
  underBareLease(ports, settings, options, async (run) => {
    const known = await knowName(run)
    return E.isLeft(known) ? service(known.left) : work(run)
  })

/** Whatever the feed is called. */
export const underBareLease = async <A>(
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  work: (run: Run) => Promise<Operated<A>>,
): Promise<Operated<A>> => {
  const lease = await ports.lease.acquire(options.runId)()
  if (E.isLeft(lease)) return service(lease.left)
  if (O.isNone(lease.right)) return E.left(await leaseHeld(ports))
  const held = lease.right.value
  try {
    return await work(runWith(ports, settings, options, held))
  } finally {
    await held.release()
  }
}

/** Work that casts: under the feed's own name. */
export const casting = <A>(
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  work: (run: Run) => Promise<Operated<A>>,
): Promise<Operated<A>> =>
  underLease(ports, settings, options, async (run) => {
    if (run.name?.feedId !== undefined) return work(run)
    const checked = await retrying(run, ports.fhir.check())
    if (E.isLeft(checked)) return service(checked.left)
    const named = await claimName(run, checked.right.offersBasic)
    return E.isLeft(named) ? service(named.left) : work(run)
  })

/** Work that only looks. */
export const onlyLooking = async <A>(
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  work: (run: Run) => Promise<Operated<A>>,
): Promise<Operated<A>> => {
  const run = looking(ports, settings, options)
  const known = await lookUnderName(run)
  return E.isLeft(known) ? service(known.left) : work(run)
}

/** Who holds it, and for how long already; it may have been let go since. */
export const leaseHeld = async ({ leaseInspection, clock }: OperatorPorts): Promise<OperatorFailure> => {
  const read = await leaseInspection.holder()()
  const holder = E.isRight(read) ? O.toUndefined(read.right) : undefined
  return {
    _tag: 'LeaseHeld',
    runId: holder?.runId,
    heldForS: holder?.since === undefined ? undefined : Math.max(0, Math.round((clock.now() - holder.since) / 1000)),
  }
}

export const sessionOf = async (run: Run): Promise<E.Either<ServiceError, FhirSession>> => {
  const checked = await retrying(run, run.ports.fhir.check())
  return E.isLeft(checked) ? checked : E.right(openSession(run, checked.right.offersBasic))
}

/** Why work that was begun ended early. */
export interface EndedEarly {
  readonly code: ServiceError['_tag'] | 'OutOfTime'
  readonly reason: string
}

export const endedEarly = (stop: ServiceError | { readonly _tag: 'OutOfTime' } | undefined): EndedEarly | undefined =>
  stop === undefined
    ? undefined
    : { code: stop._tag, reason: stop._tag === 'OutOfTime' ? 'the time is used up' : describeServiceError(stop) }
