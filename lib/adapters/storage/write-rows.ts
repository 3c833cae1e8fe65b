import type { TableClient, TableEntity, TableEntityResult, TransactionAction } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { RecordedRow } from '../../app/ports'
import type { Columns } from './error-columns'
import { type Access, type StorageCall, type StorageFailure, isAbsent, unusable } from './storage-client'

// The requests that write rows: as few as there can be, and each can be asked again.

export const readRow = (
  table: Access<TableClient>,
  name: string,
  rowKey: string,
): StorageCall<O.Option<TableEntityResult<Columns>>> =>
  pipe(
    table.call((client, abortSignal) => client.getEntity<Columns>(name, rowKey, { abortSignal })),
    TE.map((row): O.Option<TableEntityResult<Columns>> => O.some(row)),
    TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
  )

/** The ETags, in the order of the entities. Transactions: 100 rows of one partition, each row once. */
const transaction = (
  table: Access<TableClient>,
  actions: ReadonlyArray<TransactionAction>,
): StorageCall<ReadonlyArray<string>> =>
  pipe(
    table.callCreating((client, abortSignal) => client.submitTransaction([...actions], { abortSignal })),
    TE.flatMap(({ subResponses }) => {
      const etags = subResponses.flatMap(({ etag }) => (etag === undefined ? [] : [etag]))
      return etags.length === actions.length
        ? TE.right(etags)
        : TE.left(unusable('the storage account gave the rows no versions'))
    }),
  )

export const upsert = (
  table: Access<TableClient>,
  entities: ReadonlyArray<TableEntity>,
): StorageCall<ReadonlyArray<string>> =>
  pipe(
    entities,
    RA.chunksOf(100),
    TE.traverseSeqArray((chunk) =>
      transaction(
        table,
        chunk.map((entity): TransactionAction => ['upsert', entity, 'Replace']),
      ),
    ),
    TE.map(RA.flatten),
  )

type Written = Pick<RecordedRow, 'etag' | 'before'>

/** With what stood there before: a run that turns out to be the second writer puts it back. */
export const insertOrReplace = (
  table: Access<TableClient>,
  entities: ReadonlyArray<TableEntity>,
): StorageCall<ReadonlyArray<Written>> =>
  pipe(
    entities,
    RA.chunksOf(100),
    TE.traverseSeqArray((chunk) =>
      pipe(
        transaction(
          table,
          chunk.map((entity): TransactionAction => ['create', entity]),
        ),
        TE.map(RA.map((etag): Written => ({ etag }))),
        TE.orElse((failure) =>
          exists(failure) ? pipe(chunk, inParallel(insertOrReplaceOne(table))) : TE.left(failure),
        ),
      ),
    ),
    TE.map(RA.flatten),
  )

const exists = ({ status, code }: StorageFailure): boolean => status === 409 && code !== 'TableBeingDeleted'

const insertOrReplaceOne =
  (table: Access<TableClient>) =>
  (entity: TableEntity): StorageCall<Written> =>
    pipe(
      transaction(table, [['create', entity]]),
      TE.map(([etag = '']): Written => ({ etag })),
      TE.orElse((failure) =>
        exists(failure)
          ? pipe(
              readRow(table, entity.partitionKey, entity.rowKey),
              TE.bindTo('stood'),
              TE.bind('etags', () => transaction(table, [['upsert', entity, 'Replace']])),
              TE.map(({ stood, etags: [etag = ''] }): Written => ({
                etag,
                ...(O.isSome(stood) ? { before: stood.value } : {}),
              })),
            )
          : TE.left(failure),
      ),
    )

// Alone, not in a transaction: the SDK's transactions drop the ETag of a delete, so they would take a changed row too.
export const removeByEtag = (
  table: Access<TableClient>,
  name: string,
  rowKey: string,
  etag: string,
): StorageCall<unknown> =>
  pipe(
    table.call((client, abortSignal) => client.deleteEntity(name, rowKey, { etag, abortSignal })),
    TE.map(() => O.none),
    unlessChanged,
  )

/** The new ETag; none where the row of this one does not stand there any more. */
export const replaceRow = (
  table: Access<TableClient>,
  row: TableEntity,
  etag: string,
): StorageCall<O.Option<string>> => {
  const told = Object.entries(row).filter(
    ([name]) => name !== 'etag' && name !== 'timestamp' && !name.startsWith('odata.'),
  )
  const { partitionKey, rowKey } = row
  const entity = { ...Object.fromEntries(told), partitionKey, rowKey }
  return pipe(
    table.call((client, abortSignal) => client.updateEntity(entity, 'Replace', { etag, abortSignal })),
    TE.map((written) => O.fromNullable(written.etag)),
    unlessChanged,
  )
}

const unlessChanged = <A>(call: StorageCall<O.Option<A>>): StorageCall<O.Option<A>> =>
  pipe(
    call,
    TE.orElse((failure) => (failure.status === 412 || isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
  )

/** A few at a time: the service throttles a partition, and a run has other requests to make. */
export const inParallel =
  <A, B>(request: (item: A) => StorageCall<B>): ((items: ReadonlyArray<A>) => StorageCall<ReadonlyArray<B>>) =>
  (items) =>
    pipe(items, RA.chunksOf(16), TE.traverseSeqArray(TE.traverseArray(request)), TE.map(RA.flatten))
