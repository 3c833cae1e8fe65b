import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'

type Result<A> = TE.TaskEither<ServiceError, A>

/** What the feed is called, whatever the settings say today. */
export interface FeedName {
  /** None until the first run that writes has asked FHIR for it. */
  readonly feedId?: string
  /** The DICOM service's root of today. */
  readonly root: string
  /** Those it had before, oldest first. */
  readonly formerRoots: ReadonlyArray<string>
  /** The original's account has been gone on from since then, ms, and can still be gone back to. */
  readonly takenOverAt?: number
  /** It is being renamed to this root, with this API version: nobody casts until that is finished. */
  readonly renaming?: { readonly to: string; readonly version: string }
  /** None until it was tried. */
  readonly conditions?: Conditions
}

/** Whether a FHIR server refuses a transaction whose If-Match is old, which everything rests on (docs/adr/0002). */
export interface Conditions {
  readonly fhirBase: string
  readonly refusesOld: boolean
  /** ms. */
  readonly triedAt: number
}

export type StoredName = FeedName & { readonly etag: string }

/** One row in storage. An older version, which rewrites the checkpoint's, does not know it. */
export interface FeedNames {
  /** None: no run of this version was here yet. */
  readonly read: () => Result<O.Option<StoredName>>
  /** `etag`: of the row that was read, none while there was none. CheckpointMoved when another writer was first. */
  readonly write: (name: FeedName, etag: string | undefined) => Result<void>
}
