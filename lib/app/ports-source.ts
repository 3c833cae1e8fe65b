import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'
import type { LogRow } from '../domain/checkpoint'

// An archive without a change feed: it says which studies may have changed, and each of these is read whole.

type Result<A> = TE.TaskEither<ServiceError, A>

/** A study as a list of the archive tells it. */
export interface ListedStudy {
  /** The archive's own: one UID may be that of two studies. */
  readonly id: string
  readonly studyInstanceUid: string
  /** Digest of what the list says of it: another one, and it has changed. None: the list says too little. */
  readonly state: string | undefined
}

/** A row of the archive's own log. */
export interface LoggedChange extends LogRow {
  /** It tells that something came, and of which level. Else it is one of the others: settled, attached. */
  readonly isNew: boolean
}

export interface LogPage {
  /** In order; holes between them mean nothing, since a deletion takes rows away. */
  readonly rows: ReadonlyArray<LoggedChange>
  /** No more are behind them. */
  readonly isDone: boolean
  /** Of an answer without rows: the highest number that was ever given. */
  readonly last: number
}

/** The `/changes` of Orthanc. */
export interface ChangeLog {
  /** Behind this number. */
  readonly rows: (after: number, limit: number) => Result<LogPage>
  /** The studies of these resources; those that are gone are in none. */
  readonly studiesOf: (ids: ReadonlyArray<string>) => Result<ReadonlyArray<ListedStudy>>
}

export interface StudyCounts {
  readonly series: number
  readonly instances: number
}

export interface StudySource {
  readonly kind: 'orthanc' | 'dicomweb'
  /** None: only a comparison tells what has changed. */
  readonly log?: ChangeLog
  /** Of all studies, in pages; one UID may come twice. */
  readonly list: (offset: number, limit: number) => Result<ReadonlyArray<ListedStudy>>
  readonly pageSize: number
  /** How much there is in all; none where the archive does not tell. */
  readonly totals: () => Result<O.Option<{ readonly studies: number; readonly instances: number }>>
  /** Of these studies, by UID: for an archive whose lists do not show that an instance is gone. */
  readonly counts: (uids: ReadonlyArray<string>) => Result<ReadonlyMap<string, StudyCounts>>
  /**
   * How many studies the archive lists under a UID. None: the metadata of a UID that two have is not to be found there, and
   * nobody need ask.
   */
  readonly copies?: (uid: string) => Result<number>
  /** Studies that one such question may name; 0: the lists show everything. */
  readonly countsAtOnce: number
}

/** What is known of a study since it was read whole. */
export interface SeenStudy {
  readonly studyInstanceUid: string
  /** As the list told it before it was read. */
  readonly state: string | undefined
  readonly instances: number
  /** ms. */
  readonly readAt: number
}

export interface SeenStudies {
  readonly all: () => Result<ReadonlyArray<SeenStudy>>
  readonly write: (studies: ReadonlyArray<SeenStudy>) => Result<void>
  readonly remove: (uids: ReadonlyArray<string>) => Result<void>
}

/** The last comparison of the archive with FHIR, or the one at work. */
export interface Reconciliation {
  /** ms. */
  readonly startedAt: number
  /** None: it is not done. */
  readonly endedAt?: number
  /** When one was done, this one or one before. None yet. */
  readonly doneAt?: number
  /** While it is not done nobody goes on before: somebody is at work, or a service needs time. */
  readonly goOnAt: number
  /** Studies of the archive's list. */
  readonly compared: number
  /** Of these, those that were read whole because they differ, are new, or were due. */
  readonly read: number
  /** Of those read, in how many FHIR was changed. */
  readonly differing: number
  /** Taken out of FHIR. */
  readonly gone: number
  /** Two studies have its UID, or it cannot be read: nothing is known of it. */
  readonly notRead: number
  /** FHIR holds them, the archive has them no more, and they are too many to be taken out unasked. */
  readonly tooManyGone?: number
  /** At least so many: the others were not asked for. */
  readonly hasMoreGone?: boolean
}

/** What hints of deletions may still take out of FHIR: each names a study or a few, and all of them together many. */
export interface HintedGone {
  /** ms; counted from here, a day long. */
  readonly since: number
  readonly gone: number
  /** When a hint told of more than may leave FHIR: they wait for a comparison. None: all have left. */
  readonly waitingSince?: number
}

export interface HintedGoneStore {
  readonly read: () => Result<O.Option<HintedGone>>
  readonly write: (gone: HintedGone) => Result<void>
}

export interface Reconciliations {
  readonly read: () => Result<O.Option<Reconciliation>>
  readonly write: (reconciliation: Reconciliation) => Result<void>
}
