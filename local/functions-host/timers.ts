import { Cron } from 'croner'
import type { App, InvocationRequest, Log, RegisteredFunction } from './core-api'
import { expand, isDisabled } from './expand'
import { triggerOf, type Invoke, type Outcome } from './invoke'

export interface Timer {
  readonly schedule: string
  readonly next: () => Date | null
  /** Fires it now, apart from its schedule, as `POST /admin/functions/{name}` does. */
  readonly fire: () => Promise<Outcome>
  readonly stop: () => void
}

/** Starts every timer function on its schedule, in UTC as in Azure. One with a bad schedule is logged and left out. */
export const startTimers = (app: App, invoke: Invoke, log: Log, env = process.env): ReadonlyMap<string, Timer> => {
  const timers = new Map<string, Timer>()
  for (const fn of app.functions.values()) {
    if (triggerOf(fn).type !== 'timertrigger') continue
    try {
      timers.set(fn.name, startTimer(fn, invoke, env))
    } catch (error) {
      log({ level: 'error', category: 'host', message: (error as Error).message, functionName: fn.name })
    }
  }
  return timers
}

const startTimer = (fn: RegisteredFunction, invoke: Invoke, env: NodeJS.ProcessEnv): Timer => {
  const schedule = expand((triggerOf(fn) as { schedule?: string }).schedule ?? '', env)
  let last: Date | undefined

  const run = (due: Date | null): Promise<Outcome> => {
    const status = monitored && due !== null ? { Last: stamp(last), Next: stamp(due), LastUpdated: stamp(last) } : null
    if (due !== null) last = due
    return invoke(fn, timerRequest(fn, status))
  }
  const cron = new Cron(
    schedule,
    // A tick that falls into a run still going is left out: the timer trigger never overlaps itself.
    { timezone: 'UTC', mode: '5-or-6-parts', protect: true, paused: isDisabled(fn.name, env) },
    async (self: Cron) => {
      await run(self.currentRun())
    },
  )
  const monitored = atLeastAMinuteApart(cron)
  return { schedule, next: () => cron.nextRun(), fire: () => run(null), stop: () => cron.stop() }
}

const timerRequest = (fn: RegisteredFunction, status: unknown): InvocationRequest => {
  // PascalCase on the wire; the library turns it into what the handler sees.
  const info = { Schedule: { AdjustForDST: true }, ScheduleStatus: status, IsPastDue: false }
  return { inputData: [{ name: triggerOf(fn).name, data: { json: JSON.stringify(info) } }], triggerMetadata: {} }
}

// The host keeps no schedule status for timers that fire more often than once a minute.
const atLeastAMinuteApart = (cron: Cron): boolean => {
  const [first, second] = cron.nextRuns(2)
  return first === undefined || second === undefined || second.getTime() - first.getTime() >= 60_000
}

const stamp = (date: Date | undefined): string => date?.toISOString() ?? '0001-01-01T00:00:00'
