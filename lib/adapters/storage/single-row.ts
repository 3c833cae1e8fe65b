import type { TableClient, TableEntityResult } from '@azure/data-tables'
import type * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'
import { type Access, type StorageCall, type StorageFailure, isAbsent, serviceError } from './storage-client'

export type Columns = Readonly<Record<string, unknown>>

export interface RowKey {
  readonly partitionKey: string
  readonly rowKey: string
}

export interface SingleRow<A> {
  /** None: there is no such row, or no such table. */
  readonly read: () => TE.TaskEither<ServiceError, O.Option<A>>
  /** Replaces the row of this ETag whole, or makes the first one. CheckpointMoved: another writer was first. */
  readonly write: (columns: object, etag: string | undefined) => TE.TaskEither<ServiceError, void>
}

/** The row of this key. */
export const makeSingleRow = <A>(
  table: Access<TableClient>,
  key: RowKey,
  decode: (row: TableEntityResult<Columns>) => E.Either<StorageFailure, A>,
): SingleRow<A> => ({
  read: () =>
    pipe(
      table.call((client, abortSignal) => client.getEntity<Columns>(key.partitionKey, key.rowKey, { abortSignal })),
      TE.flatMapEither(decode),
      TE.map(O.some),
      TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
      TE.mapLeft(serviceError),
    ),
  write: (columns, etag) => {
    const entity = { ...columns, ...key }
    const write: StorageCall<unknown> =
      etag === undefined
        ? table.callCreating((client, abortSignal) => client.createEntity(entity, { abortSignal }))
        : table.call((client, abortSignal) => client.updateEntity(entity, 'Replace', { etag, abortSignal }))
    return pipe(
      write,
      TE.bimap(moved, () => undefined),
    )
  },
})

const moved = (failure: StorageFailure): ServiceError =>
  failure.status === 409 || failure.status === 412 || failure.code === 'ResourceNotFound'
    ? { _tag: 'CheckpointMoved' }
    : serviceError(failure)
