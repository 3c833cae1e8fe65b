import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { type Meter, newMeter } from '../adapters/http/http'
import type { Log, Progress } from '../app/ports'
import { readPartitionWarnings } from '../app/operate/partition-warnings'
import type { OperatorPorts, RunKind } from '../app/ports-operator'
import type { WakeStore } from '../app/ports-wake'
import { type Work, runCast } from '../app/run/run-cast'
import type { RunSummary } from '../app/run/summary'
import { castChanges } from '../app/source/cast-changes'
import { castHinted } from '../app/source/cast-hinted'
import { runTold } from '../app/wake'
import { type Settings, readSettings } from '../config/read-settings'
import { castSettings } from './cast-settings'
import { type Connection, clock, connect, forgetCapabilities, sourcePorts } from './connect'
import { keepTotals, totalsOf } from './totals'
import { isIdle, leaveTrace, logOfRun, tellCast } from './trace'

export type { Progress } from '../app/ports'
export type { RunKind } from '../app/ports-operator'

/** What a run does with a change feed is the default. */
const workOf = (ports: Connection, { maxGone }: Settings, hints: CastOptions['hints']): Work | undefined => {
  const source = sourcePorts(ports)
  if (source === undefined) return undefined
  return hints === undefined ? castChanges(source) : castHinted(source, hints, maxGone)
}

/** What one run reports: the line of `dicomcast cast --json`, and the timer's log line, with these fields in this order. */
export interface CastReport extends Omit<RunSummary, 'reason' | 'stood'>, Omit<Meter, 'retries' | 'outcomes'> {
  /** Empty when there is nothing to say. */
  readonly reason: string
}

const reportOf = (summary: Omit<RunSummary, 'stood'>, meter: Meter): CastReport => ({
  ended: summary.ended,
  from: summary.from,
  to: summary.to,
  head: summary.head,
  openHoles: summary.openHoles,
  entries: summary.entries,
  stored: summary.stored,
  unchanged: summary.unchanged,
  superseded: summary.superseded,
  skipped: summary.skipped,
  recorded: summary.recorded,
  failed: summary.failed,
  codes: summary.codes,
  fhirRequests: meter.fhirRequests,
  fhirBytesSent: meter.fhirBytesSent,
  dicomRequests: meter.dicomRequests,
  retries: summary.retries,
  durationMs: summary.durationMs,
  reason: summary.reason ?? '',
})

const nothingDone = {
  ...{ from: 0, to: 0, head: 0, openHoles: 0, entries: 0, stored: 0, unchanged: 0, superseded: 0 },
  ...{ skipped: 0, recorded: 0 },
  ...{ failed: {}, codes: {}, retries: 0, durationMs: 0 },
}

export interface CastOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Batches at the most; 0 until caught up. The timer takes the setting's. */
  readonly maxBatches?: number
  /** None: as long as it takes. */
  readonly budgetMs?: number
  /** Requests end here, also those begun within the budget; the budget when it is left out. */
  readonly requestsEndMs?: number
  readonly stopping?: () => boolean
  readonly progress?: (progress: Progress) => void
  /** For the run history. */
  readonly kind?: RunKind
  readonly by?: string
  /** The run is a tick of this schedule. */
  readonly schedule?: string
  /** Studies that somebody has named, of an archive without a change feed: these alone. */
  readonly hints?: ReadonlyArray<string>
}

/** All of them at once, each with the setting's name and what is expected. */
export const configurationProblems = (environment: CastOptions['environment']): ReadonlyArray<string> => {
  const read = readSettings(environment)
  return E.isLeft(read) ? read.left : []
}

interface Done {
  readonly report: CastReport
  readonly wake: WakeStore | undefined
}

/**
 * One run against the services that the environment names. Never throws for what a service or an entry does. Events that
 * came while it held the lease could not run: then others follow within its time, each a run of its own.
 */
export const cast = async (options: CastOptions): Promise<CastReport> => {
  const { schedule: _, ...others } = options
  const { budgetMs = Infinity, requestsEndMs = budgetMs, stopping = () => false } = options
  const startedAt = clock.now()
  const { report, wake } = await castOnce(options)
  if (wake === undefined) return report
  await runTold(wake, report, async () => {
    const spentMs = clock.now() - startedAt
    if (spentMs >= budgetMs || stopping()) return undefined
    const rest = { budgetMs: budgetMs - spentMs, requestsEndMs: requestsEndMs - spentMs }
    return (await castOnce({ ...others, ...rest, kind: 'wake', by: 'event' })).report
  })
  return report
}

const castOnce = async (options: CastOptions): Promise<Done> => {
  const { kind = 'cast', by = 'command line', schedule } = options
  const [runId, startedAt] = [randomUUID(), clock.now()]
  const log = logOfRun(options.log, runId)
  const read = readSettings(options.environment)
  if (E.isLeft(read)) {
    const reason = `the configuration has ${read.left.length} problem${read.left.length === 1 ? '' : 's'}: ${read.left.join(' · ')}`
    const report = reportOf({ ...nothingDone, ended: 'ConfigurationInvalid', reason }, newMeter())
    tellCast(log, { kind, by, failed: true, report })
    return { report, wake: undefined }
  }
  const settings = read.right
  const { budgetMs = Infinity, progress } = options
  const meter = newMeter()
  let timestamp: string | undefined
  const ports = connect(settings, {
    log,
    runId,
    meter,
    until: startedAt + (options.requestsEndMs ?? budgetMs),
    progress: (reached) => {
      timestamp = reached.timestamp
      progress?.(reached)
    },
  })
  const summary = await runCast(
    ports,
    castSettings(settings, options.maxBatches ?? settings.timerBatches),
    {
      runId,
      budgetMs,
      stopping: options.stopping ?? (() => false),
    },
    workOf(ports, settings, options.hints),
  )
  if (failing.has(summary.ended)) forgetCapabilities(settings)
  else if (summary.entries > 0) await tellPartitions(ports, settings, log)
  const report = reportOf(summary, meter)
  const failed = failing.has(report.ended)
  tellCast(log, { kind, by, failed, report })
  const traced = {
    ...{ runId, startedAt, endedAt: clock.now(), kind, by, schedule, timestamp, failed, stood: summary.stood, report },
  }
  await Promise.all([
    leaveTrace(ports, log, traced),
    keepTotals(ports.totals, totalsOf(summary, meter), { now: traced.endedAt, isIdle: isIdle(traced) }),
  ])
  return { report, wake: ports.wake }
}

const toldOf = new Set<string>()

/** Once a process, by a cast that had something to do: an idle one asks no more than it must. */
const tellPartitions = async (ports: OperatorPorts, settings: Settings, log: Log): Promise<void> => {
  const { endpoint } = settings.dicomWeb
  if (toldOf.has(endpoint)) return
  const warnings = await readPartitionWarnings(ports, castSettings(settings, 0))
  if (warnings === undefined) return
  toldOf.add(endpoint)
  for (const warning of warnings) log('warn', warning)
}

export const failing: ReadonlySet<CastReport['ended']> = new Set([
  'ConfigurationInvalid',
  'ServiceUnavailable',
  'AccessDenied',
  'FeedReset',
  'FhirRejectsAll',
  'CheckpointMoved',
  'LeaseLost',
])

/** 0 done, 2 configuration, 3 a service or another writer ended it, 4 somebody else is at work or stopped it, 5 it waits. */
export const exitCodeOf = (ended: CastReport['ended']): number => {
  if (ended === 'ConfigurationInvalid') return 2
  if (ended === 'LeaseHeld' || ended === 'GateClosed') return 4
  if (ended === 'WaitingForHoles') return 5
  return failing.has(ended) ? 3 : 0
}
