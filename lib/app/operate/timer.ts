import type { Heartbeat, RunRecord } from '../ports-operator'

/** What is known of the timer where the question is asked. */
export interface TimerSettings {
  /** Asked inside the function app, whose host starts the timer: what it is told counts. Since when it runs, ms. */
  readonly app?: { readonly startedAt: number }
  /** None when it is not set: a host then starts no timer at all. */
  readonly schedule: string | undefined
  /** Why no run is to begin, each in words; empty while the gate is open. */
  readonly pausedBy: ReadonlyArray<string>
  /** When a timer of this schedule has missed three ticks, ms; none when it never fires. */
  readonly missedAt: (schedule: string, since: number) => number | undefined
  /** One run may take so long before it tells of itself. */
  readonly budgetMs: number
}

export interface Timer {
  /** Unknown: it never ran, or what it left cannot be read. */
  readonly state: 'running' | 'late' | 'paused' | 'missing' | 'unknown'
  /** The one in force; null when none is set or known. */
  readonly schedule: string | null
  readonly lastRanAt?: string
  /** A cast ended well, whoever asked for it. */
  readonly lastSucceededAt?: string
  readonly pausedBy: ReadonlyArray<string>
}

/** Runs that take what comes next in the feed. */
const casts: ReadonlySet<RunRecord['kind']> = new Set(['timer', 'wake', 'cast', 'catch-up'])
export const isCast = ({ kind }: RunRecord): boolean => casts.has(kind)

const good: ReadonlySet<string> = new Set(['CaughtUp', 'BatchDone', 'OutOfTime', 'Stopped'])
/** An ending that is not known here is nothing to keep quiet about. */
export const endedWell = ({ ended }: RunRecord): boolean => good.has(ended)

const endOf = ({ startedAt, durationMs }: RunRecord): number => startedAt + durationMs
const iso = (ms: number): string => new Date(ms).toISOString()

export interface Seen {
  /** None when it could not be read. */
  readonly beat: Heartbeat | undefined
  /** Newest first. A version before left no heartbeat: then they tell. */
  readonly runs: ReadonlyArray<RunRecord>
  readonly leaseHeld: boolean
  readonly now: number
}

export const lastSucceeded = ({ beat, runs }: Pick<Seen, 'beat' | 'runs'>): number | undefined => {
  const run = runs.find((each) => isCast(each) && endedWell(each))
  return beat?.succeededAt ?? (run === undefined ? undefined : endOf(run))
}

/** Late: three ticks are over, and no run has told of itself. A run at work may take its budget first. */
export const timerOf = (settings: TimerSettings, seen: Seen): Timer => {
  const { app, pausedBy } = settings
  const { beat, runs, leaseHeld, now } = seen
  const run = runs.find(({ kind }) => kind === 'timer')
  const last = beat?.timerAt ?? (run === undefined ? undefined : endOf(run))
  const succeeded = lastSucceeded(seen)
  const schedule = app === undefined ? (beat?.schedule ?? settings.schedule) : settings.schedule
  const since = last ?? app?.startedAt
  const missedAt = schedule === undefined || since === undefined ? undefined : settings.missedAt(schedule, since)
  const isLate = missedAt !== undefined && now > missedAt + (leaseHeld ? settings.budgetMs : 0)
  const told = (): Timer['state'] => {
    if (app !== undefined && settings.schedule === undefined) return 'missing'
    if (pausedBy.length > 0) return 'paused'
    if (beat === undefined) return 'unknown'
    return isLate ? 'late' : last === undefined ? 'unknown' : 'running'
  }
  return {
    state: told(),
    schedule: schedule ?? null,
    ...(last === undefined ? {} : { lastRanAt: iso(last) }),
    ...(succeeded === undefined ? {} : { lastSucceededAt: iso(succeeded) }),
    pausedBy,
  }
}
