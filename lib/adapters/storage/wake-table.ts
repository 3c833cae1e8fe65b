import type { TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import type { WakeRow, WakeStore } from '../../app/ports-wake'
import { type Columns, makeSingleRow } from './single-row'
import type { StorageAccount, StorageFailure } from './storage-client'

const key = { partitionKey: 'Wake', rowKey: 'Wake' }

/** A table of its own, written by events: a run that is awake must not find its checkpoint's ETag changed by one. */
export const makeWakeTable = (account: StorageAccount, tableNamePrefix = ''): WakeStore => {
  const { read, write } = makeSingleRow(account.table(`${tableNamePrefix}WakeTable`), key, decode)
  return {
    read,
    write: ({ sequence, toldAt }, etag) => write({ Sequence: BigInt(sequence), ToldAt: new Date(toldAt) }, etag),
  }
}

/** Only a hint: what makes no sense counts as nothing told, and is written over. */
const decode = (row: TableEntityResult<Columns>): E.Either<StorageFailure, WakeRow & { readonly etag: string }> => {
  const { Sequence, ToldAt, etag } = row
  const sequence = typeof Sequence === 'bigint' ? Number(Sequence) : 0
  return E.right({
    sequence: Number.isSafeInteger(sequence) && sequence > 0 ? sequence : 0,
    toldAt: ToldAt instanceof Date ? ToldAt.getTime() : 0,
    etag,
  })
}
