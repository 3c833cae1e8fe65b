import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { Backfill, LaneRow, Part } from '../domain/backfill/backfill'
import type { GivenStudies, ListedStudy } from '../domain/backfill/parts'
import type { ServiceError } from '../domain/cast-error'
import type { InstanceKey } from '../domain/dicom/change-feed-entry'
import type { BackfillQueue } from './ports-backfill'
import type { OperatorPorts } from './ports-operator'

type Result<A> = TE.TaskEither<ServiceError, A>
type StudyKey = Pick<InstanceKey, 'partition' | 'studyInstanceUid'>

export type Stored<A> = A & { readonly etag: string }

/** Into which part of which lane a study went first. */
export interface Entered {
  readonly studyInstanceUid: string
  readonly lane: number
  readonly part: number
}

/** What a backfill keeps in storage. CheckpointMoved: another writer was first. */
export interface BackfillStore {
  /** The one at work, or the last. */
  readonly read: () => Result<O.Option<Stored<Backfill>>>
  readonly write: (row: Backfill, etag: string | undefined) => Result<Stored<Backfill>>
  readonly lane: (id: string, lane: number) => Result<O.Option<Stored<LaneRow>>>
  readonly writeLane: (id: string, row: LaneRow, etag: string | undefined) => Result<Stored<LaneRow>>
  readonly part: (id: string, lane: number, part: number) => Result<O.Option<Stored<Part>>>
  readonly writePart: (id: string, row: Part, etag: string | undefined) => Result<Stored<Part>>
  /** A row a study, inserted. Answered are those that were there already, as they stand. */
  readonly enter: (id: string, partition: string, studies: ReadonlyArray<Entered>) => Result<ReadonlyArray<Entered>>
  /** The same place as `enter`, written over. */
  readonly moveTo: (id: string, partition: string, study: Entered) => Result<void>
  /** The rows of those that have one. */
  readonly entered: (id: string, partition: string, studies: ReadonlyArray<string>) => Result<ReadonlyArray<Entered>>
  /** For the end. Twice is once. */
  readonly leaveOver: (id: string, studies: ReadonlyArray<StudyKey>) => Result<void>
  /** Some of them. */
  readonly leftOver: (id: string, limit: number) => Result<ReadonlyArray<StudyKey>>
  /** The studies that somebody has named, chunk by chunk. */
  readonly writeGiven: (id: string, at: number, chunk: GivenStudies) => Result<void>
  readonly given: (id: string, at: number) => Result<O.Option<GivenStudies>>
  readonly takeLeftOver: (id: string, study: StudyKey) => Result<void>
}

/** QIDO-RS with what a backfill must know of a study. */
export interface StudyList {
  readonly page: (partition: string, offset: number, limit: number) => Result<ReadonlyArray<ListedStudy>>
  readonly find: (partition: string, studyInstanceUid: string) => Result<O.Option<ListedStudy>>
}

export interface BackfillPorts extends OperatorPorts {
  readonly backfills: BackfillStore
  readonly studyList: StudyList
  readonly backfillQueue: BackfillQueue
  /** Studies that a part may ask for at once, where the process shares its reads between parts; else as the setting says. */
  readonly readsAtOnce?: number
}
