import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import type { CastSettings } from '../app/context'
import { type CheckpointMoved, moveCheckpoint } from '../app/operate/move-checkpoint'
import {
  type EndedEarly,
  type Operated,
  type OperatorFailure,
  type OperatorOptions,
  leaseHeld,
  service,
} from '../app/operate/operating'
import { describePassedBy } from '../app/operate/passed-by'
import type { Log, Progress } from '../app/ports'
import type {
  ErrorTable,
  FailureFilter,
  FailurePage,
  FailureRow,
  OperatorPorts,
  RunRecord,
} from '../app/ports-operator'
import { type Preview, type PreviewRequest, preview } from '../app/operate/preview'
import { type Replay, replay } from '../app/operate/replay'
import type { StudyReport } from '../app/operate/resync'
import { type Resync, resync, verify } from '../app/operate/resync-study'
import type { Status } from '../app/operate/facts'
import { type Health, readHealth, readIllCast, readStatus } from '../app/operate/status'
import { describeIllCast } from '../app/operate/verdict'
import { type Walk, verifyStudies } from '../app/operate/verify'
import {
  type CastReport,
  cast,
  castSettings,
  clock,
  connect,
  forgetCapabilities,
  settingWarnings,
} from '../composition'
import { type Settings, readSettings } from '../config'
import { timerSettings } from './timer-settings'
import { logOfRun } from './trace'
import { version } from './version'
import { defaultPartition } from '../domain/dicom/change-feed-entry'
import type { CheckpointRequest, FailuresRequest, ReplayRequest, StudyRequest } from '../requests/requests'

// What an operator can ask, over HTTP and on the command line alike.

export type { LastCast, Status } from '../app/operate/facts'
export { describePassedBy } from '../app/operate/passed-by'
export type { CheckpointMoved } from '../app/operate/move-checkpoint'
export type { ErrorTable, FailurePage, FailureRow, RunRecord } from '../app/ports-operator'

export type Failure =
  | OperatorFailure
  | { readonly _tag: 'ConfigurationInvalid'; readonly problems: ReadonlyArray<string> }
  /** The request itself is wrong. */
  | { readonly _tag: 'RequestInvalid'; readonly problems: ReadonlyArray<string> }
  /** A run that a service ended: what it did before is in `report`. */
  | { readonly _tag: 'RunEnded'; readonly report: CastReport }

export type Answer<A> = E.Either<Failure, A>

export interface Operator {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** For the run history. */
  readonly by: string
  /** No new transaction after it, ms; none: as long as it takes. */
  readonly budgetMs?: number
  /** Every request ends by then, ms. */
  readonly requestsEndMs?: number
  readonly stopping?: () => boolean
  readonly progress?: (progress: Progress) => void
  /** Asked inside the function app, which runs since then (ms): there the timer's own settings are known. */
  readonly app?: { readonly startedAt: number }
  /** Of a replay or a preview. */
  readonly steps?: (done: number, total: number) => void
}

export interface Connected {
  readonly settings: Settings
  readonly cast: CastSettings
  readonly ports: OperatorPorts
  readonly options: OperatorOptions
  readonly startedAt: number
}

/** What only looks must answer soon, whatever a service does. */
const lookTimeoutMs = 8_000

export const connected = (operator: Operator, requestTimeoutMs?: number): Answer<Connected> =>
  pipe(
    readSettings(operator.environment),
    E.bimap(
      (problems): Failure => ({ _tag: 'ConfigurationInvalid', problems }),
      (settings) => {
        const { budgetMs = Infinity, requestsEndMs = budgetMs, stopping = () => false, steps } = operator
        const [runId, startedAt] = [randomUUID(), clock.now()]
        const log = logOfRun(operator.log, runId)
        const ports = connect(settings, {
          ...{ log, runId, until: startedAt + requestsEndMs },
          ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
        })
        const options = { runId, budgetMs, stopping, ...(steps === undefined ? {} : { steps }) }
        return { settings, cast: castSettings(settings, 0), ports, options, startedAt }
      },
    ),
  )

export type StatusAnswer = Status & {
  /** Of this program, `package+build`. */
  readonly version: string
  readonly configuration: Omit<ReturnType<typeof shownSettings>, 'castSchedule'> & {
    readonly castSchedule: string | null
  }
  /** Settings that have no effect. */
  readonly warnings: ReadonlyArray<string>
}

export const status = async (operator: Operator): Promise<Answer<StatusAnswer>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, settings: configured } = context.right
  const timer = timerSettings(operator.environment, configured, operator.app)
  return E.right({
    ...(await readStatus(ports, settings, timer)),
    version,
    // The schedule that is set: the host has no default.
    configuration: { ...shownSettings(configured), castSchedule: timer.schedule ?? null },
    warnings: settingWarnings(operator.environment),
  })
}

/** Why the casts stand, in words; none while they do not. */
export const whyItStands = async (operator: Operator): Promise<string | undefined> => {
  const context = connected(operator, lookTimeoutMs)
  const ill = E.isLeft(context) ? undefined : await readIllCast(context.right.ports)
  return ill === undefined ? undefined : describeIllCast(ill)
}

/** No secret is among them, and no PatientID. */
const shownSettings = ({ storage, patient, ...settings }: Settings) => ({
  ...settings,
  patient: { ...patient, rejectedIds: patient.rejectedIds.size },
  storage: storage._tag === 'ConnectionString' ? 'connection string' : storage.tableServiceUri,
})

const healthKeptMs = 15_000
let lastHealth: { readonly at: number; readonly answer: Promise<Health> } | undefined

/** Kept for a moment: anybody may ask, and must not be able to load the services by it. */
export const health = (operator: Operator): Promise<Health> => {
  if (lastHealth === undefined || clock.now() - lastHealth.at > healthKeptMs) {
    const context = connected(operator, lookTimeoutMs)
    const answer = E.isLeft(context)
      ? Promise.resolve({ healthy: false, timer: undefined })
      : readHealth(
          context.right.ports,
          context.right.cast,
          timerSettings(operator.environment, context.right.settings, operator.app),
        )
    lastHealth = { at: clock.now(), answer }
  }
  return lastHealth.answer
}

export type CatchUp = CastReport & { readonly caughtUp: boolean }

export const catchUp = async (operator: Operator, maxBatches: number): Promise<Answer<CatchUp>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const report = await cast({ ...operator, kind: 'catch-up', maxBatches })
  switch (report.ended) {
    case 'CaughtUp':
    case 'BatchDone':
    case 'OutOfTime':
    case 'Stopped':
      return E.right({ ...report, caughtUp: report.ended === 'CaughtUp' })
    case 'LeaseHeld':
      return E.left(await leaseHeld(context.right.ports))
    default:
      return E.left({ _tag: 'RunEnded', report })
  }
}

export const failures = async (
  operator: Operator,
  table: ErrorTable,
  { from, limit = 100, errorCode, study, since }: FailuresRequest,
): Promise<Answer<FailurePage>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const filter: FailureFilter = {
    ...(study === undefined ? {} : { study }),
    ...(since === undefined ? {} : { since }),
    ...(errorCode === undefined ? {} : { code: errorCode }),
  }
  const read = await context.right.ports.failures.list(table, filter, limit, from)()
  return E.isLeft(read) ? service(read.left) : read
}

/** Page after page, up to the limit. */
export const allFailures = async (
  operator: Operator,
  table: ErrorTable,
  { limit = 100, ...request }: FailuresRequest,
): Promise<Answer<FailurePage>> => {
  const rows: Array<FailureRow> = []
  let next: string | undefined
  do {
    const page = await failures(operator, table, {
      ...{ ...request, limit: Math.min(1_000, limit - rows.length) },
      ...(next === undefined ? {} : { from: next }),
    })
    if (E.isLeft(page)) return page
    rows.push(...page.right.rows)
    next = page.right.next
  } while (next !== undefined && rows.length < limit)
  return E.right({ rows, ...(next === undefined ? {} : { next }) })
}

export const failure = async (operator: Operator, table: ErrorTable, row: string): Promise<Answer<FailureRow>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const read = await context.right.ports.failures.get(table, row)()
  if (E.isLeft(read)) return service(read.left)
  return E.fromOption((): Failure => ({ _tag: 'NotFound', what: 'row' }))(read.right)
}

export const setCheckpoint = async (
  operator: Operator,
  request: CheckpointRequest,
): Promise<Answer<CheckpointMoved>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const moved = await moveCheckpoint(ports, settings, options, request)
  if (E.isRight(moved)) {
    const { from, to, head, passedBy } = moved.right
    await remember(operator, context.right, {
      ...{ kind: 'checkpoint', ended: 'CheckpointMoved', from, to, head },
      ...(passedBy === undefined ? {} : { reason: describePassedBy(passedBy) }),
    })
  }
  return moved
}

export type { Replay, ReplayedRow } from '../app/operate/replay'
export type { Resync } from '../app/operate/resync-study'
export type { StudyReport } from '../app/operate/resync'
export type { Preview } from '../app/operate/preview'

export const replayRows = async (
  operator: Operator,
  request: ReplayRequest,
  dryRun: boolean,
): Promise<Answer<Replay>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const selection = { ...request, limit: request.limit ?? 1_000 }
  const done = await replay(ports, settings, options, selection, dryRun)
  forgetAfterFailure(context.right, done)
  if (E.isRight(done) && !dryRun && done.right.selected > 0) {
    const { replayed, counts, stop } = done.right
    await remember(operator, context.right, {
      ...{ kind: 'replay', ended: endingOf(stop), entries: replayed.length },
      ...{ stored: counts.Stored, recorded: counts.Recorded },
      ...reasonOf(stop),
    })
  }
  return done
}

const studyKeyOf = ({ partition = defaultPartition, studyInstanceUid }: StudyRequest) => ({
  partition,
  studyInstanceUid,
})

export const verifyOne = async (operator: Operator, request: StudyRequest): Promise<Answer<StudyReport>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  return verify(ports, settings, options, studyKeyOf(request))
}

export const resyncStudy = async (operator: Operator, request: StudyRequest): Promise<Answer<Resync>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const done = await resync(ports, settings, options, studyKeyOf(request))
  forgetAfterFailure(context.right, done)
  if (E.isRight(done)) {
    const { stored, unchanged, removed, notCast, stop } = done.right
    const recorded = Object.values(notCast).reduce((total, count) => total + count, 0)
    await remember(operator, context.right, {
      ...{ kind: 'resync', ended: endingOf(stop), entries: stored + unchanged + removed + recorded },
      ...{ stored: stored + removed, recorded },
      ...reasonOf(stop),
    })
  }
  return done
}

export const previewBatches = async (operator: Operator, request: PreviewRequest): Promise<Answer<Preview>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  return preview(ports, settings, options, request)
}

const endingOf = (stop: EndedEarly | undefined): string => stop?.code ?? 'Done'

const reasonOf = (stop: EndedEarly | undefined): { readonly reason?: string } =>
  stop === undefined ? {} : { reason: stop.reason }

type Remembered = Pick<RunRecord, 'kind' | 'ended'> & Partial<RunRecord>

/** The run history is for people: that it cannot be written fails nothing. */
export const remember = async (operator: Operator, context: Connected, run: Remembered): Promise<void> => {
  const { ports, options, startedAt } = context
  const record: RunRecord = {
    ...{ runId: options.runId, startedAt, by: operator.by, durationMs: clock.now() - startedAt },
    ...{ from: 0, to: 0, head: 0, entries: 0, stored: 0, recorded: 0, version },
    ...run,
  }
  operator.log('info', run.kind, { ...record })
  const added = await ports.history.add(record)()
  if (E.isLeft(added)) operator.log('warn', 'The run history could not be written')
}

/** After a failure of a service the FHIR server is asked again what it offers. */
export const forgetAfterFailure = ({ settings }: Connected, result: Operated<unknown>): void => {
  if (E.isLeft(result) && result.left._tag === 'Service') forgetCapabilities(settings)
}

/** 0 fine, 2 what was asked or configured is wrong, 3 a service or another writer was in the way, 4 somebody is at work. */
export const exitCodeOfFailure = (failed: Failure): number => {
  switch (failed._tag) {
    case 'ConfigurationInvalid':
    case 'RequestInvalid':
    case 'NotFound':
    case 'Refused':
    case 'EtagStale':
      return 2
    case 'Service':
    case 'RunEnded':
      return 3
    case 'LeaseHeld':
      return 4
  }
}

export type { Scope, Walk, WalkPosition } from '../app/operate/verify'

/** Many studies, for the command line: `verifyOne` for each of a scope. */
export const verifyMany = async (operator: Operator, walk: Walk): Promise<Answer<'Done' | 'Stopped'>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const ended = await verifyStudies(ports, settings, options, walk)
  return E.isLeft(ended) ? service(ended.left) : ended
}
