import type { TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { type Gate, type GateRow, gateStates } from '../../app/ports-gate'
import { type Columns, makeSingleRow } from './single-row'
import { type StorageAccount, type StorageFailure, unusable } from './storage-client'

const key = { partitionKey: 'Gate', rowKey: 'Gate' }

/** The gate has a table of its own: an older version rewrites the checkpoint's row, and must not open it. */
export const makeGateTable = (account: StorageAccount, tableNamePrefix = ''): Gate => {
  const { read, write } = makeSingleRow(account.table(`${tableNamePrefix}GateTable`), key, decode)
  return {
    read,
    write: ({ state, by, since }, etag) => write({ State: state, By: by.slice(0, 256), Since: new Date(since) }, etag),
  }
}

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
