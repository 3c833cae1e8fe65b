import * as E from 'fp-ts/Either'
import type { Log } from '../app/ports'
import type { Heartbeat, OperatorPorts, RunKind } from '../app/ports-operator'
import type { RunSummary } from '../app/run/summary'
import { version } from './version'

/** `reason`: empty when there is nothing to say. */
type Report = Omit<RunSummary, 'reason' | 'stood'> & { readonly reason: string }

export interface Traced {
  readonly runId: string
  readonly startedAt: number
  readonly endedAt: number
  readonly kind: RunKind
  readonly by: string
  /** Of the timer that fired, when one did. */
  readonly schedule?: string | undefined
  /** Of the row at the checkpoint, ISO 8601. */
  readonly timestamp: string | undefined
  /** It ended by a failure. */
  readonly failed: boolean
  /** A run before stood still where this one began. */
  readonly stood: boolean
  readonly report: Report
}

/** Every line of a run carries its id. */
export const logOfRun =
  (log: Log, runId: string): Log =>
  (level, message, fields) =>
    log(level, message, { runId, ...fields })

/** The one line that the alert rules read: each cast writes it, whoever asked for it. */
export const tellCast = (log: Log, traced: Pick<Traced, 'kind' | 'by' | 'failed' | 'report'>): void => {
  const { kind, by, failed, report } = traced
  log(failed ? 'error' : 'info', 'cast', { version, kind, by, ...report })
}

/** No failure, and not done either. */
const noSuccess: ReadonlySet<Report['ended']> = new Set(['LeaseHeld', 'WaitingForHoles', 'GateClosed'])

const heartbeatOf = ({ kind, schedule, endedAt, failed, report }: Traced): Heartbeat => ({
  ...(kind === 'timer' || schedule !== undefined ? { timerAt: endedAt } : {}),
  ...(schedule === undefined ? {} : { schedule }),
  ...(failed || noSuccess.has(report.ended) ? {} : { succeededAt: endedAt }),
})

const worthTelling: ReadonlySet<Report['ended']> = new Set(['WaitingForHoles', 'OutOfTime'])

/** An idle tick leaves no row; one that a service ended does, one that moved the checkpoint, and one whose time was too short. */
const didSomething = ({ failed, report: { ended, entries, from, to } }: Traced): boolean =>
  failed || entries > 0 || from !== to || worthTelling.has(ended)

export const isIdle = (traced: Traced): boolean => !didSomething(traced)

/** What an operator finds of a run afterwards. It fails nothing: the run is what counts, and its summary is in the log. */
export const leaveTrace = async (
  { history, failures }: Pick<OperatorPorts, 'history' | 'failures'>,
  log: Log,
  traced: Traced,
): Promise<void> => {
  const { runId, startedAt, endedAt, kind, by, timestamp, report } = traced
  const { reason, ended, from, to, head, entries, stored, recorded, durationMs } = report
  const lagS = to >= head ? 0 : (endedAt - Date.parse(timestamp ?? '')) / 1000
  const heartbeat = heartbeatOf(traced)
  // Rows of positions where a cast stood still are over; a tick that finds nothing to do need not look for any.
  const isOver = heartbeat.succeededAt !== undefined && (traced.stood || didSomething(traced))
  const nothing = E.right(undefined)
  const [beaten, added] = await Promise.all([
    Object.keys(heartbeat).length === 0 ? nothing : history.beat(heartbeat)(),
    didSomething(traced)
      ? history.add({
          ...{ runId, startedAt, kind, by, ended, from, to, head, entries, stored, recorded, durationMs, version },
          ...(Number.isFinite(lagS) ? { lagS: Math.max(0, lagS) } : {}),
          ...(reason === '' ? {} : { reason }),
        })()
      : nothing,
    isOver ? failures.forgetStuck()() : nothing,
  ])
  if (E.isLeft(beaten) || E.isLeft(added)) log('warn', 'The run history could not be written')
}
