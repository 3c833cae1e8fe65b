import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import {
  type EntryError,
  type FailTable,
  type Hop,
  type ServiceError,
  type TagIssue,
  failTables,
} from '../domain/cast-error'
import type { InstanceKey } from '../domain/dicom/change-feed-entry'
import type { DicomService, FailRowKey, FhirServer, Ports } from './ports'
import type { Acceptances } from './ports-accepted'
import type { Gate } from './ports-gate'

// What operating needs beyond casting: a run of the timer touches none of it but the history.

type Result<A> = TE.TaskEither<ServiceError, A>

export type RunKind =
  | 'timer'
  | 'wake'
  | 'cast'
  | 'catch-up'
  | 'replay'
  | 'accept'
  | 'resync'
  | 'verify'
  | 'reconcile'
  | 'checkpoint'
  | 'pause'
  | 'resume'
  | 'rename'
  | 'take-over'
  | 'backfill'

/** One run that did something. */
export interface RunRecord {
  readonly runId: string
  /** ms. */
  readonly startedAt: number
  readonly kind: RunKind
  /** Who asked for it, as far as the host knows. */
  readonly by: string
  /** As `RunSummary.ended`. */
  readonly ended: string
  readonly from: number
  readonly to: number
  readonly head: number
  /** Age of the checkpoint when the run ended; 0 when it had caught up, none when it is not known. */
  readonly lagS?: number
  readonly entries: number
  readonly stored: number
  readonly recorded: number
  readonly durationMs: number
  readonly reason?: string
  /** Of this program, `package+build`; runs of versions before have none. */
  readonly version?: string
}

/** What each run leaves when it ends, also one that found nothing to do. Times in ms. */
export interface Heartbeat {
  /** A run of the timer ended, however. */
  readonly timerAt?: number
  /** The schedule that it ran on. */
  readonly schedule?: string
  /** A cast ended well, whoever asked for it. */
  readonly succeededAt?: number
}

/** Bounded: the oldest are forgotten. */
export interface RunHistory {
  readonly add: (run: RunRecord) => Result<void>
  /** Newest first. */
  readonly list: (limit: number) => Result<ReadonlyArray<RunRecord>>
  /** One small write; what is left out stays as it was. */
  readonly beat: (heartbeat: Heartbeat) => Result<void>
  readonly lastBeat: () => Result<Heartbeat>
}

export type ErrorTable = FailTable | 'InvalidDicomTagExceptionTable' | 'TransientRetryExceptionTable'

export const errorTables: ReadonlyArray<ErrorTable> = [
  ...failTables,
  'InvalidDicomTagExceptionTable',
  'TransientRetryExceptionTable',
]

export const isErrorTable = (name: string): name is ErrorTable => (errorTables as ReadonlyArray<string>).includes(name)
export const isFailTable = (name: string): name is FailTable => (failTables as ReadonlyArray<string>).includes(name)

export type FailureCode = EntryError['_tag'] | TagIssue['_tag'] | 'Retrying'

// A record, so that the compiler misses the one that is forgotten.
const everyCode: Readonly<Record<FailureCode, true>> = {
  EntryMalformed: true,
  TagsRejected: true,
  PatientMismatch: true,
  IssuerUnknown: true,
  Rejected: true,
  DemographicsConflict: true,
  PatientAmbiguous: true,
  PatientInactive: true,
  FhirRejected: true,
  OutlastedRetries: true,
  TagMissing: true,
  TagInvalid: true,
  TagUnmappable: true,
  Retrying: true,
}
export const failureCodes = Object.keys(everyCode) as ReadonlyArray<FailureCode>

/** A row as an operator reads it: UIDs, codes and our own words. */
export interface FailureRow extends Partial<InstanceKey> {
  readonly table: ErrorTable
  /** Its key in the table. */
  readonly row: string
  readonly sequence: number
  readonly code: string
  /** Attempts of an entry, instances with a bad tag, runs that stood still here. */
  readonly count: number
  readonly reason: string
  /** When the row was written last, ISO 8601. */
  readonly writtenAt: string
  readonly hop?: Hop
  readonly status?: number
  readonly firstSeen?: string
}

export interface FailureFilter {
  readonly study?: string
  readonly code?: FailureCode
  /** Written at or after, ms. */
  readonly since?: number
}

/** Whose patient is it? Only a person can tell, so these are counted apart from all others. */
export const identityCodes = [
  'PatientMismatch',
  'DemographicsConflict',
  'IssuerUnknown',
  'PatientAmbiguous',
  'PatientInactive',
] as const satisfies ReadonlyArray<FailureCode>

export interface CodeCount {
  readonly rows: number
  /** There may be more than were counted: `rows` and `codes` are at least that many. */
  readonly more: boolean
  readonly codes: Readonly<Record<string, number>>
}

export interface TableCount extends CodeCount {
  /** Rows with an identity code alone: counted apart, however many other rows there are. */
  readonly identity: CodeCount
  /** What the archive has withdrawn by rejection notes, by the code (DCM) of the note: no failure, and not among `rows`. */
  readonly withdrawn: CodeCount
}

export interface FailurePage {
  readonly rows: ReadonlyArray<FailureRow>
  /** Where the next page begins; none when this is the last. */
  readonly next?: string
}

export interface Failures {
  readonly list: (table: ErrorTable, filter: FailureFilter, limit: number, from?: string) => Result<FailurePage>
  readonly get: (table: ErrorTable, row: string) => Result<O.Option<FailureRow>>
  /** Up to five thousand rows, and as many of them that are about identity. */
  readonly count: (table: ErrorTable) => Result<TableCount>
  /** Takes away the rows of positions where a cast stood still: one has succeeded since. */
  readonly forgetStuck: () => Result<void>
  /**
   * How many rows the original left in the two tables of what was stored all the same: invalid tags, and retries. They
   * go, when that is asked for.
   */
  readonly originals: (remove: boolean) => Result<number>
  /** By ETag; a row that was changed or removed since is no error. */
  readonly setAttempts: (row: FailRowKey, attempts: number) => Result<void>
}

export interface LeaseHolder {
  readonly runId?: string
  /** ms. */
  readonly since?: number
}

export interface LeaseInspection {
  /** None when nobody holds it. */
  readonly holder: () => Result<O.Option<LeaseHolder>>
}

/** QIDO-RS: which studies there are. */
export interface StudyIndex {
  /** Of a service without partitions: the default one. */
  readonly partitions: () => Result<ReadonlyArray<string>>
  /** StudyInstanceUIDs; fewer than `limit` at the end. */
  readonly studies: (partition: string, offset: number, limit: number) => Result<ReadonlyArray<string>>
  readonly has: (partition: string, studyInstanceUid: string) => Result<boolean>
}

/** Which studies FHIR holds. */
export interface HeldStudies {
  /** StudyInstanceUIDs of those that refer to one of these Endpoints (ids); `next` is the page after, none at the end. */
  readonly page: (
    endpoints: ReadonlyArray<string>,
    next: string | undefined,
  ) => Result<{ readonly studies: ReadonlyArray<string>; readonly next: string | undefined }>
}

export interface ProbedDicomService extends DicomService {
  /** Is one of the newest live images of the feed found by its UIDs? No error when there is none to look for. */
  readonly probeStudies: (head: number) => Result<unknown>
}

export interface ProbedFhirServer extends FhirServer {
  /** Asks /metadata, now: is it a FHIR R4 server with what is needed? */
  readonly probe: FhirServer['check']
}

export interface OperatorPorts extends Ports {
  readonly dicom: ProbedDicomService
  readonly fhir: ProbedFhirServer
  readonly gate: Gate
  readonly accepted: Acceptances
  readonly history: RunHistory
  readonly failures: Failures
  readonly leaseInspection: LeaseInspection
  readonly studyIndex: StudyIndex
  readonly heldStudies: HeldStudies
}
