import { setTimeout as sleep } from 'node:timers/promises'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Meter, newMeter } from '../adapters/http/http'
import { leaseHeld, looking, service } from '../app/operate/operating'
import { describeTooManyGone } from '../app/operate/max-gone'
import { plural } from '../app/operate/words'
import type { ListedStudy, Reconciliation } from '../app/ports-source'
import { runCast } from '../app/run/run-cast'
import type { RunSummary } from '../app/run/summary'
import { type DoneStudy, unlisted } from '../app/source/cast-listed'
import { type ReconcilePlan, planReconciliation } from '../app/source/plan-reconciliation'
import { dayMs } from '../app/run/second-look'
import { castSlice } from '../app/source/reconcile-slice'
import { cast, failing } from './cast'
import { clock, forgetCapabilities, sourcePorts } from './connect'
import { type Answer, type Connected, type Operator, connected, remember } from './operator'
import { keepTotals, totalsOf } from './totals'

// The comparison of an archive without a change feed with FHIR: what has changed, what is gone, whatever no log told.

export interface Reconciled {
  /** `Done`, or how the run of its last studies ended. */
  readonly ended: 'Done' | 'TooManyGone' | RunSummary['ended']
  /** Empty when there is nothing to say. */
  readonly reason: string
  /** Studies of the archive's list. */
  readonly compared: number
  /** Read whole: new, not as they were, or due; of a dry run, to be read. */
  readonly read: number
  /** In so many of these FHIR was changed; of a dry run, those to be read because they are new or differ. */
  readonly differing: number
  /** Taken out of FHIR; of a dry run, to be taken out. */
  readonly gone: number
  /** They could not be read: two studies have the UID, or their metadata is not to be had. */
  readonly notRead: number
  /** More than may be taken out unasked, so that none was; else 0. */
  readonly tooManyGone: number
  /** They are at least so many. */
  readonly hasMoreGone: boolean
  /** Studies that are still to be read or taken out when it ended early, or by a dry run. */
  readonly left: number
  /** The archive tells of so many more studies than its list gave. */
  readonly missing: number
  readonly dicomRequests: number
  readonly fhirRequests: number
  readonly durationMs: number
}

export interface ReconcileOptions {
  readonly dryRun?: boolean
  readonly confirmed?: number | undefined
  /** Called between two slices: what the archive's log tells is cast. */
  readonly between?: () => Promise<unknown>
}

const noSource: Answer<never> = E.left({
  _tag: 'Refused',
  reason: 'an archive with a change feed is compared by dicomcast verify --all --repair',
})

/** A slice holds the lease so long; then the changes have a turn. */
const firstSliceMs = 30_000
/** What the changes have of it, at the most. */
export const betweenMs = 20_000
const leasePauseMs = 2_000
const mostLeaseTries = 150
/** A service that failed is given so long before it is begun again by itself. */
const restMs = 10 * 60_000

/** What the archive's log tells is cast, for whoever asks for a comparison. */
export const castBetween =
  ({ environment, log, by, stopping }: Operator) =>
  (): Promise<unknown> =>
    cast({ environment, log, by, budgetMs: betweenMs, ...(stopping === undefined ? {} : { stopping }) })

/** One comparison on its way. */
interface Walking {
  readonly operator: Operator
  readonly options: ReconcileOptions
  readonly plan: ReconcilePlan
  readonly context: Connected
  readonly since: number | undefined
  /** The row as it was. */
  readonly last: O.Option<Reconciliation>
  readonly left: Map<string, ListedStudy>
  readonly meters: Meter[]
  readonly sum: Record<'entries' | 'stored' | 'recorded' | 'read' | 'differing' | 'gone' | 'notRead', number>
}

/** Compares the archive with FHIR, and mends what differs. */
export const reconcile = async (operator: Operator, options: ReconcileOptions = {}): Promise<Answer<Reconciled>> => {
  const meter = newMeter()
  const context = connected(operator, undefined, meter)
  if (E.isLeft(context)) return context
  const { cast: settings, options: run, settings: configured, startedAt } = context.right
  const ports = sourcePorts(context.right.ports)
  if (ports === undefined) return noSource
  const isReal = options.dryRun !== true
  const read = await ports.reconciliations.read()()
  const last = E.isRight(read) ? read.right : O.none
  const since = isReal ? sinceOf(last, startedAt) : undefined
  const { reconcile: given, maxGone } = configured
  const asked = { ...given, maxGone, confirmed: options.confirmed, since, countsAll: !isReal }
  const planned = await planReconciliation(looking(ports, settings, run), ports, asked)
  if (E.isLeft(planned)) {
    if (isReal) await ports.reconciliations.write(putOff(last, startedAt))()
    return service(planned.left)
  }
  const { changed, gone, due } = planned.right
  const walking: Walking = {
    ...{ operator, options, plan: planned.right, context: context.right, meters: [meter], since, last },
    left: new Map([...changed, ...gone.map(unlisted), ...due].map((study) => [study.studyInstanceUid, study])),
    sum: { entries: 0, stored: 0, recorded: 0, read: 0, differing: 0, gone: 0, notRead: 0 },
  }
  if (!isReal) {
    Object.assign(walking.sum, { read: changed.length + due.length, differing: changed.length, gone: gone.length })
    return E.right(answerOf(walking, { ended: 'Done', reason: '' }))
  }
  const ended = await walk(walking)
  const answer = answerOf(walking, ended)
  await keep(walking, ended.ended === 'Done' || ended.ended === 'TooManyGone' ? 'ended' : goOnAtOf(ended))
  const { entries, stored, recorded } = walking.sum
  await remember(operator, context.right, {
    ...{ kind: 'reconcile', ended: answer.ended, entries, stored, recorded, reason: describeReconciled(answer) },
  })
  if (ended.ended === 'LeaseHeld') return E.left(await leaseHeld(ports))
  return E.right(answer)
}

/** When the one began that is not done; one of long ago is none to go on with. */
const sinceOf = (last: O.Option<Reconciliation>, now: number): number | undefined => {
  if (O.isNone(last)) return undefined
  const { startedAt, endedAt } = last.value
  return endedAt === undefined && startedAt <= now && startedAt > now - dayMs ? startedAt : undefined
}

/** It could not even begin: what is known of the last one stays, and a service is given time. */
const putOff = (last: O.Option<Reconciliation>, startedAt: number): Reconciliation => ({
  ...{ startedAt, compared: 0, read: 0, differing: 0, gone: 0, notRead: 0 },
  ...O.toUndefined(last),
  goOnAt: clock.now() + restMs,
})

type Ending = Pick<Reconciled, 'ended' | 'reason'>

const goOnAtOf = ({ ended }: Ending): number =>
  ended === 'OutOfTime' || ended === 'Stopped' || ended === 'LeaseHeld' ? clock.now() : clock.now() + restMs

const leftMsOf = ({ operator: { budgetMs = Infinity }, context: { startedAt } }: Walking): number =>
  budgetMs - (clock.now() - startedAt)

/** Slice after slice, until nothing is left to read. */
const walk = async (walking: Walking): Promise<Ending> => {
  const { operator, options, left, plan } = walking
  let [sliceMs, tries] = [firstSliceMs, 0]
  while (left.size > 0) {
    if (operator.stopping?.() === true) return { ended: 'Stopped', reason: '' }
    if (leftMsOf(walking) <= 0) return { ended: 'OutOfTime', reason: '' }
    const before = left.size
    await keep(walking, clock.now() + 3 * sliceMs)
    const { ended, reason = '' } = await slice(walking, sliceMs)
    if (ended === 'LeaseHeld') {
      tries += 1
      if (tries === mostLeaseTries || leftMsOf(walking) < leasePauseMs) return { ended, reason }
      await sleep(leasePauseMs)
      continue
    }
    if (ended !== 'CaughtUp' && ended !== 'OutOfTime') return { ended, reason }
    tries = 0
    // One study may need more than a slice has.
    if (left.size === before) sliceMs *= 2
    if (left.size > 0 && leftMsOf(walking) > 0) await options.between?.()
  }
  return { ended: plan.tooManyGone === undefined ? 'Done' : 'TooManyGone', reason: '' }
}

/** One run, with the requests that are its own. */
const slice = async (walking: Walking, sliceMs: number): Promise<Pick<RunSummary, 'ended' | 'reason'>> => {
  const { operator, left, sum, meters } = walking
  const meter = newMeter()
  const leftMs = leftMsOf(walking)
  const context = connected({ ...operator, budgetMs: leftMs, requestsEndMs: leftMs }, undefined, meter)
  const ports = E.isLeft(context) ? undefined : sourcePorts(context.right.ports)
  if (E.isLeft(context) || ports === undefined) return { ended: 'ConfigurationInvalid' }
  const { cast: under, options, settings } = context.right
  const tell = ({ studyInstanceUid, became }: DoneStudy): void => {
    left.delete(studyInstanceUid)
    if (became === 'Changed' || became === 'Same') sum.read += 1
    if (became === 'Changed') sum.differing += 1
    if (became === 'Gone') sum.gone += 1
    if (became === 'NotRead') sum.notRead += 1
  }
  const run = { ...options, budgetMs: Math.min(sliceMs, leftMs) }
  const summary = await runCast(ports, under, run, castSlice(ports, [...left.values()], tell))
  if (failing.has(summary.ended)) forgetCapabilities(settings)
  meters.push(meter)
  for (const name of ['entries', 'stored', 'recorded'] as const) sum[name] += summary[name]
  await keepTotals(context.right.ports.totals, totalsOf(summary, meter), { now: clock.now(), isIdle: false })
  return summary
}

const answerOf = ({ plan, sum, meters, context, left }: Walking, { ended, reason }: Ending): Reconciled => ({
  ...{ ended, reason, compared: plan.compared, read: sum.read, differing: sum.differing, gone: sum.gone },
  ...{ notRead: sum.notRead, tooManyGone: plan.tooManyGone ?? 0, missing: plan.missing },
  hasMoreGone: plan.hasMoreGone ?? false,
  left: left.size,
  dicomRequests: meters.reduce((all, { dicomRequests }) => all + dicomRequests, 0),
  fhirRequests: meters.reduce((all, { fhirRequests }) => all + fhirRequests, 0),
  durationMs: clock.now() - context.startedAt,
})

/** Written for the status, and for whoever may go on; that it cannot be written fails nothing. */
const keep = async ({ context, plan, sum, since, last }: Walking, goOnAt: number | 'ended'): Promise<void> => {
  const { read, differing, gone, notRead } = sum
  const at = clock.now()
  const { doneAt } = O.toUndefined(last) ?? {}
  const doneBefore = doneAt === undefined ? {} : { doneAt }
  const reconciliation: Reconciliation = {
    ...{ startedAt: since ?? context.startedAt, compared: plan.compared, read, differing, gone, notRead },
    ...(goOnAt === 'ended' ? { endedAt: at, doneAt: at, goOnAt: at } : { ...doneBefore, goOnAt }),
    ...(plan.tooManyGone === undefined ? {} : { tooManyGone: plan.tooManyGone }),
    ...(plan.hasMoreGone === true ? { hasMoreGone: true } : {}),
  }
  await context.ports.reconciliations.write(reconciliation)()
}

export const describeReconciled = (reconciled: Omit<Reconciled, 'ended'>): string => {
  const { compared, read, differing, gone, notRead, tooManyGone, hasMoreGone, missing, reason } = reconciled
  return [
    `${plural(compared, 'study', 'studies')} compared, ${read} read, ${differing} differing, ${gone} gone`,
    ...(notRead === 0 ? [] : [`${notRead} could not be read`]),
    ...(missing === 0 ? [] : [`its list lacks ${missing} that it has`]),
    ...(tooManyGone === 0 ? [] : [describeTooManyGone(tooManyGone, hasMoreGone)]),
    ...(reason === '' ? [] : [reason]),
  ].join('; ')
}
