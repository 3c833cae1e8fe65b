import type { EntryError, FailTable, ServiceError } from '../../domain/cast-error'
import type { CodeCounts, ErrorsSettled } from './settle-errors'
import type { Passed } from './settled-rows'

export const everyEnd = [
  'CaughtUp',
  'BatchDone',
  'OutOfTime',
  'WaitingForHoles',
  'Stopped',
  'ServiceUnavailable',
  'AccessDenied',
  'FeedReset',
  'FhirRejectsAll',
  'CheckpointMoved',
  'LeaseLost',
  'LeaseHeld',
  'GateClosed',
  'ConfigurationInvalid',
] as const
export type Ended = (typeof everyEnd)[number]

/** What a run did. `entries` = stored + unchanged + superseded + skipped + recorded. */
export interface RunSummary {
  readonly ended: Ended
  readonly from: number
  readonly to: number
  readonly head: number
  readonly openHoles: number
  /** A run before was stopped here by a service. */
  readonly stood: boolean
  readonly entries: number
  readonly stored: number
  readonly unchanged: number
  readonly superseded: number
  /** Of partitions that are not synced. */
  readonly skipped: number
  readonly recorded: number
  readonly failed: Readonly<Partial<Record<FailTable, number>>>
  /** The same entries by code: an alert tells by it whether a person must decide whose patient it is. */
  readonly codes: CodeCounts
  readonly retries: number
  readonly durationMs: number
  readonly reason?: string
}

export const endedBy = (error: ServiceError): Ended => {
  switch (error._tag) {
    case 'FhirConflict':
    case 'ServiceUnavailable':
    case 'AnswerTooLarge':
    case 'ArgumentRefused': // No run asks for what a person has named.
      return 'ServiceUnavailable'
    case 'AccessDenied':
    case 'FeedReset':
    case 'GateClosed':
    case 'FhirRejectsAll':
    case 'CheckpointMoved':
    case 'LeaseLost':
      return error._tag
    // Somebody must mend it by hand, as a setting: no next run can.
    case 'CheckpointUnreadable':
    case 'ServiceRenamed':
      return 'ConfigurationInvalid'
  }
}

/** How a run ended, and why. */
export interface Ending {
  readonly ended: Ended
  readonly reason?: string
}

/** What a run has done so far. */
export interface Tally {
  from: number
  to: number
  head: number
  openHoles: number
  stood: boolean
  stored: number
  unchanged: number
  superseded: number
  skipped: number
  recorded: number
  failed: Partial<Record<FailTable, number>>
  codes: Partial<Record<EntryError['_tag'], number>>
}

export const newTally = (): Tally => ({
  ...{ from: 0, to: 0, head: 0, openHoles: 0, stood: false, stored: 0, unchanged: 0, superseded: 0 },
  ...{ skipped: 0, recorded: 0, failed: {}, codes: {} },
})

export const entriesOf = ({ stored, unchanged, superseded, skipped, recorded }: Tally): number =>
  stored + unchanged + superseded + skipped + recorded

export const count = (tally: Tally, passed: ReadonlyArray<Passed>, { failed, codes }: ErrorsSettled): void => {
  for (const { settlement } of passed) {
    if (settlement === 'Stored') tally.stored += 1
    else if (settlement === 'Unchanged') tally.unchanged += 1
    else if (settlement === 'Superseded') tally.superseded += 1
    else if (settlement === 'Skipped') tally.skipped += 1
    else tally.recorded += 1
  }
  for (const [table, rows] of Object.entries(failed) as ReadonlyArray<[FailTable, number]>) {
    tally.failed[table] = (tally.failed[table] ?? 0) + rows
  }
  for (const [code, rows] of Object.entries(codes) as ReadonlyArray<[EntryError['_tag'], number]>) {
    tally.codes[code] = (tally.codes[code] ?? 0) + rows
  }
}
