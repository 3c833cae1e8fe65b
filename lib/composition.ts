import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { authorized } from './adapters/http/access-token'
import { makeBlobLease, makeLeaseInspection } from './adapters/storage/blob-lease'
import { makeCheckpointTable } from './adapters/storage/checkpoint-table'
import { dicomChangeFeed, dicomStudyIndex } from './adapters/http/dicom-change-feed'
import { makeErrorTables } from './adapters/storage/error-tables'
import { makeFailureTables } from './adapters/storage/failure-tables'
import { fhirServer } from './adapters/http/fhir-server'
import { type Meter, httpSender, newMeter } from './adapters/http/http'
import { makeRunHistoryTable } from './adapters/storage/run-history-table'
import { makeStorageAccount } from './adapters/storage/storage-client'
import { believeGone } from './app/feed/believe-gone'
import type { CastSettings } from './app/context'
import type { Clock, FhirServer, HeldLease, Lease, Log, Progress } from './app/ports'
import type { OperatorPorts, RunKind } from './app/ports-operator'
import { type RunSummary, runCast } from './app/run/run-cast'
import { type Settings, readSettings } from './config'
import { dicomRoot } from './domain/fhir/provenance'
import { leaveTrace, logOfRun, tellCast } from './composition/trace'
import { settingWarnings } from './setting-names'

export { readSettings, settingDescriptions } from './config'
export { settingWarnings } from './setting-names'
export type { Settings } from './config'
export type { Progress } from './app/ports'
export { keepHeapSmall } from './adapters/heap'
export { jsonLog } from './adapters/log'

/** What one run reports: the line of `dicomcast cast --json`, and the timer's log line, with these fields in this order. */
export interface CastReport extends Omit<RunSummary, 'reason'>, Omit<Meter, 'retries'> {
  /** Empty when there is nothing to say. */
  readonly reason: string
}

const reportOf = (summary: RunSummary, meter: Meter): CastReport => ({
  ended: summary.ended,
  from: summary.from,
  to: summary.to,
  head: summary.head,
  openHoles: summary.openHoles,
  entries: summary.entries,
  stored: summary.stored,
  unchanged: summary.unchanged,
  superseded: summary.superseded,
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
  ...{ from: 0, to: 0, head: 0, openHoles: 0, entries: 0, stored: 0, unchanged: 0, superseded: 0, recorded: 0 },
  ...{ failed: {}, codes: {}, retries: 0, durationMs: 0 },
}

export const clock: Clock = { now: Date.now, sleep: async (ms) => void (await sleep(ms)) }

export const castSettings = (settings: Settings, maxBatches: number): CastSettings => ({
  dicom: dicomRoot(settings.dicomWeb.endpoint, settings.dicomWeb.version),
  fhirBase: settings.fhir.endpoint.replace(/\/+$/, ''),
  enforceValidation: settings.enforceValidationOfTagValues,
  generateObservations: settings.generateObservations,
  excludedElements: settings.excludedElements,
  defaultTimeZone: settings.defaultTimeZone,
  partitions: new Set(settings.partitions),
  patient: settings.patient,
  batchSize: settings.batchSize,
  maxBatches,
  maxBundleEntries: settings.fhir.maxBundleEntries,
  maxBundleBytes: settings.fhir.maxBundleBytes,
  holeAgeMs: settings.dicomWeb.holeAgeMs,
  totalRetryDurationMs: settings.totalRetryDurationMs,
  startFrom:
    settings.startFrom._tag === 'Sequence'
      ? settings.startFrom.sequence
      : settings.startFrom._tag === 'Now'
        ? 'now'
        : 'beginning',
})

const storageOf = (settings: Settings, requestTimeoutMs: number | undefined) => {
  const { storage, tableNamePrefix } = settings
  const account = makeStorageAccount(
    storage._tag === 'ConnectionString'
      ? { connectionString: storage.connectionString }
      : {
          blobServiceUri: storage.blobServiceUri,
          tableServiceUri: storage.tableServiceUri,
          ...(storage.clientId === undefined ? {} : { clientId: storage.clientId }),
        },
    requestTimeoutMs,
  )
  const blobPrefix = tableNamePrefix.toLowerCase()
  return {
    checkpoints: makeCheckpointTable(account, tableNamePrefix),
    errors: makeErrorTables(account, Date.now, tableNamePrefix),
    lease: makeBlobLease(account, { now: Date.now, monotonic: () => performance.now() }, blobPrefix),
    leaseInspection: makeLeaseInspection(account, blobPrefix),
    history: makeRunHistoryTable(account, tableNamePrefix),
    failures: makeFailureTables(account, tableNamePrefix),
  }
}

// Clients and their connections live as long as the process; a checkpoint's lost answer is known by the same store.
const storages = new Map<string, ReturnType<typeof storageOf>>()

const sharedStorage = (settings: Settings, requestTimeoutMs?: number): ReturnType<typeof storageOf> => {
  const key = JSON.stringify([settings.storage, settings.tableNamePrefix, requestTimeoutMs])
  const known = storages.get(key) ?? storageOf(settings, requestTimeoutMs)
  storages.set(key, known)
  return known
}

/** What each FHIR server offers, asked before a process's first write and after failures. */
const capabilities = new Map<string, { readonly offersBasic: boolean }>()

const checkedOnce = (fhir: FhirServer, endpoint: string, log: Log): FhirServer => ({
  ...fhir,
  check: () => async () => {
    const known = capabilities.get(endpoint)
    if (known !== undefined) return E.right(known)
    const checked = await fhir.check()()
    if (E.isRight(checked)) {
      capabilities.set(endpoint, checked.right)
      if (!checked.right.offersBasic) {
        log('warn', 'The FHIR server offers no Basic: a run that sleeps past its lease is not fenced off')
      }
    }
    return checked
  },
})

export interface Connecting {
  readonly log: Log
  readonly runId: string
  /** One that nobody reads, when it is left out. */
  readonly meter?: Meter
  /** Of all that is asked; a request gets no more, and none is begun after it. By the wall clock, ms. */
  readonly until: number
  /** Of one request; the setting's when it is left out. */
  readonly requestTimeoutMs?: number
  readonly progress?: (progress: Progress) => void
}

/** Every port, wired to the services that the settings name. Nothing is asked yet. */
export const connect = (settings: Settings, connecting: Connecting): OperatorPorts => {
  const { log, runId, meter = newMeter(), until, requestTimeoutMs, progress = () => undefined } = connecting
  const send = httpSender({
    meter,
    requestTimeoutMs: requestTimeoutMs ?? settings.requestTimeoutMs,
    remainingMs: () => until - clock.now(),
  })
  const callDicom = authorized(send, 'dicom', settings.dicomWeb.authentication)
  const callFhir = authorized(send, 'fhir', settings.fhir.authentication)
  const storage = sharedStorage(settings, requestTimeoutMs)
  const fhir = fhirServer(settings.fhir, callFhir, runId)
  const { version: dicomVersion } = dicomRoot(settings.dicomWeb.endpoint, settings.dicomWeb.version)
  return {
    ...storage,
    lease: remembered(storage.lease),
    dicom: believeGone(dicomChangeFeed(settings.dicomWeb, callDicom), dicomVersion),
    studyIndex: dicomStudyIndex(settings.dicomWeb, callDicom),
    fhir: { ...checkedOnce(fhir, settings.fhir.endpoint, log), probe: fhir.check },
    clock,
    random: { fraction: Math.random, uuid: randomUUID },
    log,
    progress,
  }
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
  const traced = { runId, startedAt, endedAt: clock.now(), kind, by, schedule, timestamp }
  const failed = failing.has(report.ended)
  tellCast(log, { kind, by, failed, report })
  await leaveTrace(ports, log, { ...traced, failed, report })
  return report
}

/** After a failure the server is asked again what it offers. */
export const forgetCapabilities = (settings: Settings): void => void capabilities.delete(settings.fhir.endpoint)

const failing: ReadonlySet<CastReport['ended']> = new Set([
  'ConfigurationInvalid',
  'ServiceUnavailable',
  'AccessDenied',
  'FeedReset',
  'FhirRejectsAll',
  'CheckpointMoved',
  'LeaseLost',
])

let stopping = false
const runsInHand = new Set<Promise<unknown>>()
const heldLeases = new Set<HeldLease>()
// Of the five seconds that the host gives: the rest is for letting the lease go.
const patienceMs = 3_000

/**
 * The host asks the app to end: the batch in hand is finished, and no other is begun. One that takes longer than the
 * host waits loses its lease here, and with it the right to begin another request that writes.
 */
export const stopTakingWork = async (): Promise<void> => {
  stopping = true
  await Promise.race([Promise.allSettled(runsInHand), sleep(patienceMs, undefined, { ref: false })])
  await Promise.all([...heldLeases].map((held) => held.release()))
}

/** Remembers what is held, so that it can be let go when the host ends the app. */
const remembered = (lease: Lease): Lease => ({
  acquire: (runId) =>
    TE.map(
      O.map((held: HeldLease): HeldLease => {
        const known: HeldLease = {
          check: held.check,
          confirm: held.confirm,
          release: async () => {
            heldLeases.delete(known)
            await held.release()
          },
        }
        heldLeases.add(known)
        return known
      }),
    )(lease.acquire(runId)),
})

export const isStopping = (): boolean => stopping

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
  const run = cast({ ...options, kind: 'timer', by: 'timer', ...(schedule === undefined ? {} : { schedule }) })
  runsInHand.add(run)
  const report = await run.finally(() => runsInHand.delete(run))
  if (failing.has(report.ended)) throw new Error(`${report.ended}: ${report.reason}`)
}

/** 0 done, 2 configuration, 3 a service or another writer ended it, 4 somebody else is at work. */
export const exitCodeOf = (ended: CastReport['ended']): number => {
  if (ended === 'ConfigurationInvalid') return 2
  if (ended === 'LeaseHeld') return 4
  return failing.has(ended) ? 3 : 0
}
