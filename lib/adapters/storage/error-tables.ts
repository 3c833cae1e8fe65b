import {
  odata,
  type TableClient,
  type TableEntity,
  type TableEntityResult,
  type TransactionAction,
} from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import type { ErrorTables, FailRow, FailRowKey, RecordedRow, StuckRow, TagRow } from '../../app/ports'
import { describeEntryError, describeIssues, failTableOf, failTables, type FailTable } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import {
  isAbsent,
  serviceError,
  unusable,
  type Access,
  type StorageAccount,
  type StorageCall,
  type StorageFailure,
} from './storage-client'

/** Tables and columns of the original; its own rows have other keys, stay as they are and are never listed. */
export const makeErrorTables = (account: StorageAccount, now: () => number, tableNamePrefix = ''): ErrorTables => {
  const table = (name: TableName): Access<TableClient> => account.table(`${tableNamePrefix}${name}`)
  const fails: Readonly<Record<FailTable, Access<TableClient>>> = {
    DicomFailToStoreExceptionTable: table('DicomFailToStoreExceptionTable'),
    FhirFailToStoreExceptionTable: table('FhirFailToStoreExceptionTable'),
    TransientFailureExceptionTable: table('TransientFailureExceptionTable'),
  }
  const tags = table('InvalidDicomTagExceptionTable')
  const stuck = table('TransientRetryExceptionTable')

  return {
    failRows: () =>
      pipe(
        failTables,
        TE.traverseArray((name) => listFailRows(fails[name], name)),
        TE.bimap(serviceError, RA.flatten),
      ),
    record: (rows) =>
      pipe(
        failTables,
        TE.traverseArray((name) => {
          const own = lastOfEachSequence(rows.filter((row) => failTableOf(row.error) === name))
          return pipe(
            insertOrReplace(
              fails[name],
              own.map((row) => failEntity(name, row)),
            ),
            TE.map((rows) =>
              RA.zipWith(own, rows, (row, written) => ({
                table: name,
                ...row.key,
                sequence: row.sequence,
                code: row.error._tag,
                ...written,
              })),
            ),
          )
        }),
        TE.bimap(serviceError, RA.flatten),
      ),
    remove: (rows) =>
      pipe(
        rows,
        inParallel((row) => removeRow(fails[row.table], row)),
        TE.bimap(serviceError, () => undefined),
      ),
    recordTags: (rows) =>
      pipe(
        [...onePerPlace(rows)],
        inParallel(([rowKey, row]) =>
          pipe(
            readRow(tags, invalidTags, rowKey),
            TE.map((stored) => tagEntity(rowKey, row, stored)),
          ),
        ),
        TE.map(RA.compact),
        TE.flatMap((entities) => upsert(tags, entities)),
        TE.bimap(serviceError, () => undefined),
      ),
    recordStuck: (row) =>
      pipe(
        readRow(stuck, transientRetry, sequenceKey(row.syncedSequence)),
        TE.map((stored) => stuckEntity(row, new Date(now()), stored)),
        TE.flatMap((entity) => upsert(stuck, [entity])),
        TE.bimap(serviceError, () => undefined),
      ),
  }
}

const invalidTags = 'InvalidDicomTagExceptionTable'
const transientRetry = 'TransientRetryExceptionTable'
type TableName = FailTable | typeof invalidTags | typeof transientRetry

type Columns = Readonly<Record<string, unknown>>

/** Padded to the digits of an Int64: the order of the keys is the order of the feed. */
const sequenceKey = (sequence: number): string => String(sequence).padStart(19, '0')

const keyColumns = (key: { readonly [Name in keyof InstanceKey]?: string | undefined }) => ({
  PartitionName: key.partition,
  StudyUid: key.studyInstanceUid,
  SeriesUid: key.seriesInstanceUid,
  InstanceUid: key.sopInstanceUid,
})

// A property holds 32 Ki characters and a transaction 4 MiB: 100 of these fit. The service refuses halves of characters,
// and control characters, such as NUL, only make trouble for whoever exports the table.
const storedText = (text: string): string => text.slice(0, 4_000).replace(/[\p{Cs}\p{Cc}]/gu, '\uFFFD')

// Fail rows

const failEntity = (table: FailTable, { sequence, key, error }: FailRow): TableEntity => ({
  partitionKey: table,
  rowKey: sequenceKey(sequence),
  ...keyColumns(key),
  ChangeFeedSequence: BigInt(sequence),
  Code: error._tag,
  Count: 1,
  Exception: storedText(describeEntryError(error)),
})

// A transaction may touch each row once.
const lastOfEachSequence = (rows: ReadonlyArray<FailRow>): ReadonlyArray<FailRow> => [
  ...new Map(rows.map((row) => [row.sequence, row])).values(),
]

const listFailRows = (table: Access<TableClient>, name: FailTable): StorageCall<ReadonlyArray<FailRowKey>> => {
  const queryOptions = {
    filter: odata`PartitionKey eq ${name} and RowKey ge ${'0'.repeat(19)} and RowKey le ${'9'.repeat(19)}`,
    select: ['RowKey', 'Timestamp', 'Code', 'Count', 'PartitionName', 'StudyUid', 'SeriesUid', 'InstanceUid'],
  }
  // A call a page: each has the whole time-out.
  const page = (continuationToken: string | undefined) =>
    table.call(async (client, abortSignal) => {
      const settings = { maxPageSize: 1_000, ...(continuationToken === undefined ? {} : { continuationToken }) }
      const next = await client.listEntities<Columns>({ queryOptions, abortSignal }).byPage(settings).next()
      return next.done === true ? undefined : next.value
    })
  return async () => {
    const rows: FailRowKey[] = []
    let continuationToken: string | undefined
    do {
      const listed = await page(continuationToken)()
      // No table, no rows. It is created with the first row.
      if (E.isLeft(listed)) return isAbsent(listed.left) ? E.right(rows) : listed
      rows.push(...(listed.right ?? []).flatMap((row) => failRowKey(name, row)))
      continuationToken = listed.right?.continuationToken
    } while (continuationToken !== undefined && continuationToken !== '')
    return E.right(rows)
  }
}

const failRowKey = (table: FailTable, row: TableEntityResult<Columns>): ReadonlyArray<FailRowKey> => {
  const { rowKey, timestamp, Code, Count, PartitionName, StudyUid, SeriesUid, InstanceUid } = row
  const sequence = typeof rowKey === 'string' && /^\d{19}$/.test(rowKey) ? Number(rowKey) : Number.NaN
  if (!Number.isSafeInteger(sequence)) return []
  return [
    {
      table,
      sequence,
      code: typeof Code === 'string' ? Code : '',
      etag: row.etag,
      ...(typeof Count === 'number' ? { attempts: Count } : {}),
      ...(timestamp === undefined ? {} : { writtenAt: Date.parse(timestamp) }),
      ...(typeof PartitionName === 'string' ? { partition: PartitionName } : {}),
      ...(typeof StudyUid === 'string' ? { studyInstanceUid: StudyUid } : {}),
      ...(typeof SeriesUid === 'string' ? { seriesInstanceUid: SeriesUid } : {}),
      ...(typeof InstanceUid === 'string' ? { sopInstanceUid: InstanceUid } : {}),
    },
  ]
}

// Alone, not in a transaction: the SDK's transactions drop the ETag of a delete, so they would take a changed row too.
const removeRow = (table: Access<TableClient>, { table: name, sequence, etag }: FailRowKey): StorageCall<unknown> =>
  pipe(
    table.call((client, abortSignal) => client.deleteEntity(name, sequenceKey(sequence), { etag, abortSignal })),
    TE.map(() => undefined),
    TE.orElse((failure) => (failure.status === 412 || isAbsent(failure) ? TE.right(undefined) : TE.left(failure))),
  )

// Rows of tags

// UIDs, keywords and partition names hold none of the characters that a key must not (/ \ # ?).
const tagKey = ({ studyInstanceUid, seriesInstanceUid, issue, partition }: TagRow): string =>
  `${studyInstanceUid}:${seriesInstanceUid ?? '-'}:${issue.keyword}:${partition}`

// The same keyword may be missing in one instance and invalid in another: still one place, and one row.
const onePerPlace = (rows: ReadonlyArray<TagRow>): ReadonlyMap<string, TagRow> => {
  const places = new Map<string, TagRow>()
  for (const row of rows) {
    const before = places.get(tagKey(row))
    places.set(tagKey(row), before === undefined ? row : joined(before, row))
  }
  return places
}

const joined = (a: TagRow, b: TagRow): TagRow => ({
  ...b,
  sopInstanceUid: a.firstSequence <= b.firstSequence ? a.sopInstanceUid : b.sopInstanceUid,
  firstSequence: Math.min(a.firstSequence, b.firstSequence),
  lastSequence: Math.max(a.lastSequence, b.lastSequence),
  count: a.count + b.count,
})

/** None when the stored row knows all of it: a batch that is recorded again counts nothing twice. */
const tagEntity = (rowKey: string, row: TagRow, stored: O.Option<Columns>): O.Option<TableEntity> => {
  const before = O.isSome(stored) ? tagCounts(stored.value) : undefined
  if (before !== undefined && before.last >= row.lastSequence) return O.none
  // A batch that overlaps with a recorded one was cut anew: how many of its rows are known cannot be told.
  const added = before !== undefined && before.last >= row.firstSequence ? 0 : row.count
  return O.some({
    partitionKey: invalidTags,
    rowKey,
    ...keyColumns(row),
    InstanceUid: before?.instance ?? row.sopInstanceUid,
    ChangeFeedSequence: BigInt(before?.first ?? row.firstSequence),
    LastSequence: BigInt(row.lastSequence),
    Count: (before?.count ?? 0) + added,
    Code: row.issue._tag,
    Exception: storedText(describeIssues([row.issue])),
  })
}

const tagCounts = ({ ChangeFeedSequence, LastSequence, Count, InstanceUid }: Columns) =>
  typeof ChangeFeedSequence === 'bigint' && typeof LastSequence === 'bigint' && typeof Count === 'number'
    ? {
        first: Number(ChangeFeedSequence),
        last: Number(LastSequence),
        count: Count,
        instance: typeof InstanceUid === 'string' ? InstanceUid : undefined,
      }
    : undefined

// Stuck positions

const stuckEntity = (row: StuckRow, seen: Date, stored: O.Option<Columns>): TableEntity => {
  const before: Columns = O.isSome(stored) ? stored.value : {}
  const { RetryNumber, FirstSeen } = before
  return {
    partitionKey: transientRetry,
    rowKey: sequenceKey(row.syncedSequence),
    ChangeFeedSequence: BigInt(row.syncedSequence),
    RetryNumber: (typeof RetryNumber === 'number' ? RetryNumber : 0) + 1,
    FirstSeen: FirstSeen instanceof Date ? FirstSeen : seen,
    LastSeen: seen,
    Hop: row.hop,
    Status: row.status,
    Exception: storedText(row.reason),
  }
}

// Requests

const readRow = (table: Access<TableClient>, name: TableName, rowKey: string): StorageCall<O.Option<Columns>> =>
  pipe(
    table.call((client, abortSignal) => client.getEntity<Columns>(name, rowKey, { abortSignal })),
    TE.map((row): O.Option<Columns> => O.some(row)),
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

const upsert = (table: Access<TableClient>, entities: ReadonlyArray<TableEntity>): StorageCall<ReadonlyArray<string>> =>
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

type Written = Pick<RecordedRow, 'etag' | 'wasThere'>

/** Told apart, because a run that turns out to be the second writer takes back only what was not there before. */
const insertOrReplace = (
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
              transaction(table, [['upsert', entity, 'Replace']]),
              TE.map(([etag = '']): Written => ({ etag, wasThere: true })),
            )
          : TE.left(failure),
      ),
    )

/** A few at a time: the service throttles a partition, and a run has other requests to make. */
const inParallel =
  <A, B>(request: (item: A) => StorageCall<B>): ((items: ReadonlyArray<A>) => StorageCall<ReadonlyArray<B>>) =>
  (items) =>
    pipe(items, RA.chunksOf(16), TE.traverseSeqArray(TE.traverseArray(request)), TE.map(RA.flatten))
