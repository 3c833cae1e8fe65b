import * as E from 'fp-ts/Either'
import type { Log } from '../app/ports'
import { readSettings } from '../config/read-settings'
import { settingWarnings } from '../config/setting-names'
import { tickBackfill } from './backfill'
import { cast, failing } from './cast'
import { inHand, isStopping } from './lifetime'
import { problemOf } from './problem'

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
  // While a backfill is at work this run takes it further, and casts nothing.
  const ticked = await inHand(tickBackfill({ ...options, by: 'timer' }))
  if (ticked !== undefined) {
    if (E.isLeft(ticked)) throw new Error(problemOf(ticked.left).detail)
    return
  }
  const report = await inHand(
    cast({ ...options, kind: 'timer', by: 'timer', ...(schedule === undefined ? {} : { schedule }) }),
  )
  if (failing.has(report.ended)) throw new Error(`${report.ended}: ${report.reason}`)
}
