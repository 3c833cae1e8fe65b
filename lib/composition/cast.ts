import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { type Meter, newMeter } from '../adapters/http/http'
import type { Log, Progress } from '../app/ports'
import type { RunKind } from '../app/ports-operator'
import { runCast } from '../app/run/run-cast'
import type { RunSummary } from '../app/run/summary'
import { readSettings } from '../config/read-settings'
import { castSettings } from './cast-settings'
import { clock, connect, forgetCapabilities } from './connect'
import { leaveTrace, logOfRun, tellCast } from './trace'

export type { Progress } from '../app/ports'

/** What one run reports: the line of `dicomcast cast --json`, and the timer's log line, with these fields in this order. */
export interface CastReport extends Omit<RunSummary, 'reason' | 'stood'>, Omit<Meter, 'retries'> {
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
}

/** All of them at once, each with the setting's name and what is expected. */
export const configurationProblems = (environment: CastOptions['environment']): ReadonlyArray<string> => {
  const read = readSettings(environment)
  return E.isLeft(read) ? read.left : []
}

/** One run against the services that the environment names. Never throws for what a service or an entry does. */
export const cast = async (options: CastOptions): Promise<CastReport> => {
  const { kind = 'cast', by = 'command line', schedule } = options
  const [runId, startedAt] = [randomUUID(), clock.now()]
  const log = logOfRun(options.log, runId)
  const read = readSettings(options.environment)
  if (E.isLeft(read)) {
    const reason = `the configuration has ${read.left.length} problem${read.left.length === 1 ? '' : 's'}: ${read.left.join(' · ')}`
    const report = reportOf({ ...nothingDone, ended: 'ConfigurationInvalid', reason }, newMeter())
    tellCast(log, { kind, by, failed: true, report })
    return report
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
  const summary = await runCast(ports, castSettings(settings, options.maxBatches ?? settings.timerBatches), {
    runId,
    budgetMs,
    stopping: options.stopping ?? (() => false),
  })
  if (failing.has(summary.ended)) forgetCapabilities(settings)
  const report = reportOf(summary, meter)
  const failed = failing.has(report.ended)
  tellCast(log, { kind, by, failed, report })
  await leaveTrace(ports, log, {
    runId,
    startedAt,
    endedAt: clock.now(),
    kind,
    by,
    schedule,
    timestamp,
    failed,
    stood: summary.stood,
    report,
  })
  return report
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
