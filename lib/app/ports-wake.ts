import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'

type Result<A> = TE.TaskEither<ServiceError, A>

/** What events told: a hint, and nothing more. */
export interface WakeRow {
  /** The highest number told since a run began; 0 when none was. */
  readonly sequence: number
  /** ms. */
  readonly toldAt: number
}

/** One row in storage, between those who hear of events and whoever holds the lease. */
export interface WakeStore {
  /** None: no event has come yet. A row that makes no sense tells of nothing. */
  readonly read: () => Result<O.Option<WakeRow & { readonly etag: string }>>
  /** `etag`: of the row that was read, none while there was none. CheckpointMoved when another writer was first. */
  readonly write: (row: WakeRow, etag: string | undefined) => Result<void>
}
