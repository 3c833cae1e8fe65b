import { Cron } from 'croner'
import type { TimerSettings } from '../app/operate/timer'
import type { Settings } from '../config/read-settings'

type Environment = Readonly<Record<string, string | undefined>>

// On Linux a setting's name has `__` where its name in the portal has a point.
const disabling = ['AzureWebJobs.castTimer.Disabled', 'AzureWebJobs__castTimer__Disabled']

const isDisabled = (environment: Environment): boolean =>
  disabling.some((name) => /^(true|1)$/i.test(environment[name]?.trim() ?? ''))

/** Three ticks after that; none when the schedule has no more of them. */
const missedAt = (schedule: string, since: number): number | undefined => {
  try {
    const job = new Cron(schedule, { mode: '5-or-6-parts', paused: true, timezone: 'UTC' })
    return job.nextRuns(3, new Date(since))[2]?.getTime()
  } catch {
    return undefined
  }
}

/**
 * What the environment says of the timer. The host reads CastSchedule itself, before our code runs: a default of ours
 * starts no timer, so none is told here.
 */
export const timerSettings = (
  environment: Environment,
  settings: Pick<Settings, 'timeBudgetMs'>,
  app: TimerSettings['app'],
): TimerSettings => ({
  ...(app === undefined ? {} : { app }),
  schedule: environment['CastSchedule']?.trim() || undefined,
  pausedBy: isDisabled(environment) ? [`${disabling[0]} is true`] : [],
  missedAt,
  budgetMs: settings.timeBudgetMs,
})
