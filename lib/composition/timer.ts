import * as E from 'fp-ts/Either'
import type { Log } from '../app/ports'
import { readSettings } from '../config/read-settings'
import { settingWarnings } from '../config/setting-names'
import { tickBackfill } from './backfill'
import { cast, failing } from './cast'
import { inHand, isStopping } from './lifetime'
import { problemOf } from './problem'
import { betweenMs, reconcileIfDue } from './reconcile'

/** The host ends an invocation after ten minutes. */
const longestTickMs = 9 * 60_000

let warned = false
/** In the first run of a process. */
const warnOnce = (log: Log): void => {
  const warnings = warned ? [] : settingWarnings(process.env)
  warned = true
  for (const warning of warnings) log('warn', warning)
}

/** The timer's run. A failure is thrown here, and nowhere else: the host then counts the invocation as failed. */
export const castOnTimer = async (log: Log): Promise<void> => {
  warnOnce(log)
  const settings = readSettings(process.env)
  const budgetMs = E.isRight(settings) ? settings.right.timeBudgetMs : 0
  const schedule = process.env['CastSchedule']
  const options = { environment: process.env, log, budgetMs, stopping: isStopping }
  const startedAt = Date.now()
  const tick = { ...options, kind: 'timer', by: 'timer', ...(schedule === undefined ? {} : { schedule }) } as const
  const report = await inHand(cast(tick))
  // A backfill may be at work, and then this tick takes that further. A cast that came to write has met its gate; one that
  // had nothing to write, or failed before, has not asked.
  const leftMs = (): number => Math.max(0, Math.min(budgetMs, longestTickMs - (Date.now() - startedAt)))
  const isClosed = report.ended === 'GateClosed'
  const ticked = await inHand(tickBackfill({ ...options, by: 'timer', budgetMs: leftMs() }, isClosed))
  if (ticked !== undefined && E.isLeft(ticked)) throw new Error(problemOf(ticked.left).detail)
  if (report.ended === 'CaughtUp') {
    await inHand(reconcileIfDue({ ...tick, budgetMs: leftMs() }, () => cast({ ...tick, budgetMs: betweenMs })))
  }
  if (failing.has(report.ended)) throw new Error(`${report.ended}: ${report.reason}`)
}
