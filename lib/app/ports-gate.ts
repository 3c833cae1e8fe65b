import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'

type Result<A> = TE.TaskEither<ServiceError, A>

/** What the whole installation is doing: `running` is the rule, and is what no row means. */
export const gateStates = ['running', 'paused', 'renaming', 'backfill'] as const
export type GateState = (typeof gateStates)[number]

export interface GateRow {
  readonly state: GateState
  /** Who asked for it, as far as the host knows. */
  readonly by: string
  /** ms. */
  readonly since: number
}

/** One row in storage for all that write: timer, command line and operators alike. */
export interface Gate {
  /** None: running, and nobody has ever said otherwise. A row that cannot be read is no open gate. */
  readonly read: () => Result<O.Option<GateRow & { readonly etag: string }>>
  /** `etag`: of the row that was read, none while there was none. CheckpointMoved when another writer was first. */
  readonly write: (row: GateRow, etag: string | undefined) => Result<void>
}
