import type { TableClient, TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { type Gate, type GateRow, gateStates } from '../../app/ports-gate'
import type { ServiceError } from '../../domain/cast-error'
import {
  type StorageAccount,
  type StorageCall,
  type StorageFailure,
  isAbsent,
  serviceError,
  unusable,
} from './storage-client'

const key = { partitionKey: 'Gate', rowKey: 'Gate' }

/** The gate has a table of its own: an older version rewrites the checkpoint's row, and must not open it. */
export const makeGateTable = (account: StorageAccount, tableNamePrefix = ''): Gate => {
  const table = account.table(`${tableNamePrefix}GateTable`)
  return {
    read: () =>
      pipe(
        table.call((client, abortSignal) => client.getEntity<Columns>(key.partitionKey, key.rowKey, { abortSignal })),
        TE.flatMapEither(decode),
        TE.map(O.some),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
        TE.mapLeft(serviceError),
      ),
    write: ({ state, by, since }, etag) => {
      const entity = { ...key, State: state, By: by.slice(0, 256), Since: new Date(since) }
      const write: StorageCall<unknown> =
        etag === undefined
          ? table.callCreating((client, abortSignal) => client.createEntity(entity, { abortSignal }))
          : table.call((client: TableClient, abortSignal) =>
              client.updateEntity(entity, 'Replace', { etag, abortSignal }),
            )
      return pipe(
        write,
        TE.bimap(moved, () => undefined),
      )
    },
  }
}

type Columns = Readonly<Record<string, unknown>>

const moved = (failure: StorageFailure): ServiceError =>
  failure.status === 409 || failure.status === 412 || failure.code === 'ResourceNotFound'
    ? { _tag: 'CheckpointMoved' }
    : serviceError(failure)

const decode = (row: TableEntityResult<Columns>): E.Either<StorageFailure, GateRow & { readonly etag: string }> => {
  const { State, By, Since } = row
  const state = gateStates.find((each) => each === State)
  return state === undefined || !(Since instanceof Date)
    ? E.left(
        unusable(
          'the row in GateTable does not say what the installation is doing: delete it, and it counts as running',
        ),
      )
    : E.right({ state, by: typeof By === 'string' ? By : '', since: Since.getTime(), etag: row.etag })
}
