import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import type { Meter } from '../adapters/http/http'
import type { CastSettings } from '../app/context'
import type { EndedEarly, Operated, OperatorFailure, OperatorOptions } from '../app/operate/operating'
import type { Log, Progress } from '../app/ports'
import type { RunRecord } from '../app/ports-operator'
import { type Settings, readSettings } from '../config/read-settings'
import type { CastReport } from './cast'
import { castSettings } from './cast-settings'
import { type Connection, clock, connect, forgetCapabilities } from './connect'
import { logOfRun } from './trace'
import { version } from './version'

// What all that an operator asks has in common, over HTTP and on the command line alike.

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
  readonly ports: Connection
  readonly options: OperatorOptions
  readonly startedAt: number
}

/** What only looks must answer soon, whatever a service does. */
export const lookTimeoutMs = 8_000

export const connected = (operator: Operator, requestTimeoutMs?: number, meter?: Meter): Answer<Connected> =>
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
          ...(meter === undefined ? {} : { meter }),
        })
        const options = { runId, budgetMs, stopping, ...(steps === undefined ? {} : { steps }) }
        return { settings, cast: castSettings(settings, 0), ports, options, startedAt }
      },
    ),
  )

export const endingOf = (stop: EndedEarly | undefined): string => stop?.code ?? 'Done'

export const reasonOf = (stop: EndedEarly | undefined): { readonly reason?: string } =>
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

/**
 * 0 fine, 2 what was asked or configured is wrong, 3 a service or another writer was in the way, 4 somebody is at work or
 * has closed the gate.
 */
export const exitCodeOfFailure = (failed: Failure): number => {
  switch (failed._tag) {
    case 'ConfigurationInvalid':
    case 'RequestInvalid':
    case 'NotFound':
    case 'Refused':
    case 'EtagStale':
      return 2
    case 'Service':
      return failed.error._tag === 'GateClosed'
        ? 4
        : failed.error._tag === 'ServiceRenamed' || failed.error._tag === 'ArgumentRefused'
          ? 2
          : 3
    case 'RunEnded':
      return failed.report.ended === 'GateClosed' ? 4 : 3
    case 'LeaseHeld':
      return 4
  }
}
