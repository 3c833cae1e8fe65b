import { Cron } from 'croner'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Reconciliation } from '../app/ports-source'
import { dayMs } from '../app/run/second-look'
import { readSettings } from '../config/read-settings'
import type { CastOptions } from './cast'
import { clock } from './connect'
import { type Operator, connected } from './operator'
import { reconcile } from './reconcile'

/** Its time has come, by its schedule; the first time, and when one was not done, at once. */
const isDue = (schedule: string, last: O.Option<Reconciliation>, now: number): boolean => {
  if (O.isNone(last)) return true
  const { startedAt, endedAt, goOnAt } = last.value
  // Of a clock that was wrong: it would be put off for as long.
  if (startedAt > now + dayMs) return true
  if (now < goOnAt) return false
  if (endedAt === undefined) return true
  const next = new Cron(schedule, { mode: '6-part', paused: true, timezone: 'UTC' }).nextRun(new Date(startedAt))
  return next !== null && next.getTime() <= now
}

/**
 * Behind a cast that has caught up: the comparison, when it is due, within the time that is left. `again` casts between its
 * slices.
 */
export const reconcileIfDue = async (options: CastOptions, again: () => Promise<unknown>): Promise<void> => {
  const settings = readSettings(options.environment)
  if (E.isLeft(settings) || settings.right.reconcile.schedule === undefined) return
  const { environment, log, by = 'timer', budgetMs = settings.right.timeBudgetMs, stopping } = options
  const operator: Operator = {
    ...{ environment, log, by, budgetMs, requestsEndMs: budgetMs },
    ...(stopping === undefined ? {} : { stopping }),
  }
  const context = connected(operator)
  if (E.isLeft(context)) return
  const last = await context.right.ports.reconciliations.read()()
  if (E.isLeft(last) || !isDue(settings.right.reconcile.schedule, last.right, clock.now())) return
  const done = await reconcile(operator, { between: again })
  if (E.isLeft(done)) log('warn', 'The comparison with the archive could not be made; it is begun again by itself')
}
