import type * as E from 'fp-ts/Either'
import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { FhirResource } from 'fhir/r4'
import type { EntryError, FailTable, Hop, ServiceError, TagIssue } from '../domain/cast-error'
import type { Checkpoint, KnownRow } from '../domain/checkpoint'
import type { InstanceKey } from '../domain/dicom/change-feed-entry'
import type { FailRowSubject, OriginalRow } from '../domain/fail-row'
import type { Acceptances } from './ports-accepted'
import type { Gate } from './ports-gate'
import type { FeedNames, StoredName } from './ports-name'
import type { StudySource } from './ports-source'
import type { WakeStore } from './ports-wake'

type Result<A> = TE.TaskEither<ServiceError, A>

/** `servedAt`: the server's Date header, ms; ages are judged by the server's clock, not by ours. `bytes`: of the answer, about. */
export interface FeedPage {
  readonly elements: ReadonlyArray<unknown>
  readonly servedAt: number
  readonly bytes: number
}

export interface DicomService {
  /** The row with the highest Sequence of the feed; none when it is empty. */
  readonly latest: () => Result<O.Option<KnownRow>>
  /**
   * v1: the rows with offset < Sequence ≤ offset + limit (limit ≤ 100). AnswerTooLarge: ask for less. `withinMs`: how
   * long it may take when that is less than a request may; then it is `timedOut`.
   */
  readonly range: (offset: number, limit: number, metadata: boolean, withinMs?: number) => Result<FeedPage>
  /** v2: rows with a Timestamp from `startTime` on, in order of Timestamp, without metadata. */
  readonly window: (startTime: string, offset: number) => Result<FeedPage>
  /** The metadata of all live instances; none when there is no such study, and never for want of the route. */
  readonly study: (partition: string, studyInstanceUid: string) => Result<ReadonlyArray<unknown>>
  /** Of one live instance. */
  readonly instance: (key: InstanceKey, withinMs?: number) => Result<O.Option<unknown>>
}

export interface FhirSearch {
  readonly type: 'Patient' | 'Endpoint' | 'ImagingStudy' | 'Observation'
  /** Values are FHIR-escaped, not yet percent-encoded. */
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

export type TransactOutcome =
  /** Of each entry, in order. `id`: where the server says that it stands. */
  | {
      readonly _tag: 'Committed'
      readonly entries: ReadonlyArray<{ status: number; etag: string | undefined; id: string | undefined }>
    }
  | { readonly _tag: 'Rejected'; readonly error: Extract<EntryError, { _tag: 'FhirRejected' }> }

export interface FhirServer {
  /** Once before a process's first write and after failures: R4, transactions, does it offer Basic? */
  readonly check: () => Result<{ readonly offersBasic: boolean }>
  readonly read: (type: string, id: string) => Result<O.Option<FhirResource>>
  /** A plain PUT, alone. */
  readonly put: (type: string, id: string, body: string) => Result<void>
  /** All pages of each search, in the order asked; a hit is not yet known to be what was asked for. */
  readonly search: (searches: ReadonlyArray<FhirSearch>) => Result<ReadonlyArray<ReadonlyArray<FhirResource>>>
  /** All or nothing. `sequences` goes into the server's audit log. */
  readonly transact: (body: string, entries: number, sequences: string) => Result<TransactOutcome>
}

/** `etag` is the storage's; none for a checkpoint that is not stored yet. */
export interface StoredCheckpoint {
  readonly checkpoint: Checkpoint
  readonly etag: string | undefined
  /** The original wrote it. */
  readonly isOriginals?: true
  /** When, by the clock of the storage account, ms; known of one that was read. */
  readonly writtenAt?: number
}

export interface NamedCheckpoint {
  readonly checkpoint: O.Option<StoredCheckpoint>
  readonly name: O.Option<StoredName>
}

export interface CheckpointStore {
  /** None only when there is no such row: a checkpoint that cannot be read ends the run. */
  readonly read: () => Result<O.Option<StoredCheckpoint>>
  /** The same, and the feed's name beside it, in one call: what a run must know before it looks at the feed. */
  readonly readNamed: () => Result<NamedCheckpoint>
  /** CheckpointMoved when another writer was first (412 or 409). */
  readonly write: (from: StoredCheckpoint, to: Checkpoint) => Result<StoredCheckpoint>
}

export interface FailRowKey extends FailRowSubject {
  readonly table: FailTable
  readonly code: string
  readonly etag: string
  /** How often it was tried, and when it was written last, ms; unknown of a row that was just recorded. */
  readonly attempts?: number
  readonly writtenAt?: number
  /** Whom the entry names (identityDigest), where it was refused because of that Patient. */
  readonly identity?: string
  /** When it was last found to be so, ms; none in a row of an older version. */
  readonly judgedAt?: number
  /** The original wrote it; its `code` is the type of its exception. */
  readonly original?: OriginalRow
  /** What rejection notes say of its instance, whatever its code is. */
  readonly rejected?: Extract<EntryError, { _tag: 'Rejected' }>
}

export interface RecordedRow extends FailRowKey {
  /** What stood in its place, and may have been another run's: opaque, for takeBack. */
  readonly before?: object
}

/** What rejection notes say of the instance of a row that stands recorded for another reason; none: nothing any more. */
export interface Annotation {
  readonly row: FailRowKey
  readonly rejected: FailRowKey['rejected']
}

/** `sequence` 0: what no entry of the feed told of; its row is known by the instance. */
export interface FailRow {
  readonly sequence: number
  readonly key: Partial<InstanceKey>
  readonly error: EntryError
  readonly identity?: string | undefined
  /** What rejection notes say of its instance, where that is not the error itself. */
  readonly rejected?: Extract<EntryError, { _tag: 'Rejected' }>
}

/** One row per tag and place: per series for tags of instance and series, per study for the others. */
export interface TagRow extends Pick<InstanceKey, 'partition' | 'studyInstanceUid'> {
  readonly seriesInstanceUid: string | undefined
  readonly sopInstanceUid: string
  readonly issue: TagIssue
  readonly firstSequence: number
  readonly lastSequence: number
  readonly count: number
}

/** A row of tags by its place. */
export interface TagRowKey extends Pick<TagRow, 'partition' | 'studyInstanceUid' | 'seriesInstanceUid'> {
  readonly keyword: string
  /** Of the last entry that had the fault; -1 when the row does not say. */
  readonly lastSequence: number
  readonly etag: string
}

export interface StuckRow {
  readonly syncedSequence: number
  readonly hop: Hop
  readonly status: number | undefined
  readonly reason: string
}

/** Recording twice is the same as recording once. */
export interface ErrorTables {
  /** Every row of the three fail tables, without texts. */
  readonly failRows: () => Result<ReadonlyArray<FailRowKey>>
  readonly record: (rows: ReadonlyArray<FailRow>) => Result<ReadonlyArray<RecordedRow>>
  /** The rest of a row stays as it is; one that was changed since, or is gone, is not among the answers. */
  readonly annotate: (annotations: ReadonlyArray<Annotation>) => Result<ReadonlyArray<RecordedRow>>
  /** By ETag: a row that was changed since stays. One that is gone is no error. */
  readonly remove: (rows: ReadonlyArray<FailRowKey>) => Result<void>
  /** As if they had not been recorded, each by ETag. */
  readonly takeBack: (rows: ReadonlyArray<RecordedRow>) => Result<void>
  readonly recordTags: (rows: ReadonlyArray<TagRow>) => Result<void>
  readonly tagRows: (study: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>) => Result<ReadonlyArray<TagRowKey>>
  /** Of all of them at once; none: there are too many rows to tell. */
  readonly tagRowsAmong: (
    studies: ReadonlyArray<Pick<InstanceKey, 'partition' | 'studyInstanceUid'>>,
  ) => Result<O.Option<ReadonlyArray<TagRowKey>>>
  /** By ETag, as `remove`. */
  readonly removeTags: (rows: ReadonlyArray<TagRowKey>) => Result<void>
  /** TransientRetry: one row per stuck position of the checkpoint, counted up once a run. */
  readonly recordStuck: (row: StuckRow) => Result<void>
}

export interface HeldLease {
  /** LeaseLost when a renewal failed, or when the last good one was sent too long ago by either clock. */
  readonly check: () => E.Either<ServiceError, void>
  /** Asks the service, now. LeaseLost when somebody else may have held it since it was acquired. */
  readonly confirm: () => Result<void>
  readonly release: () => Promise<void>
}

export interface Lease {
  /** None when somebody else holds it: a normal result. */
  readonly acquire: (runId: string) => Result<O.Option<HeldLease>>
}

export interface Clock {
  /** Wall clock, ms. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}

export interface Randomness {
  /** In [0, 1). */
  readonly fraction: () => number
  readonly uuid: () => string
}

/** A line for the operator. Never a value of a patient. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void

/** What a person who watches a long catch-up sees. */
export interface Progress {
  readonly syncedSequence: number
  readonly head: number
  readonly entries: number
  /** Of the row at the checkpoint, where it is known. */
  readonly timestamp: string | undefined
}

export interface Ports {
  readonly dicom: DicomService
  readonly fhir: FhirServer
  readonly checkpoints: CheckpointStore
  readonly errors: ErrorTables
  readonly lease: Lease
  readonly gate: Pick<Gate, 'read'>
  readonly names: FeedNames
  readonly accepted: Pick<Acceptances, 'read'>
  /** None: no event wakes this installation, and no run spends a request on asking. */
  readonly wake?: WakeStore
  /** None: the archive has a change feed. */
  readonly source?: StudySource
  readonly clock: Clock
  readonly random: Randomness
  readonly log: Log
  readonly progress: (progress: Progress) => void
}
