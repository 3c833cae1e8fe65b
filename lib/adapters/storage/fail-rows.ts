import { type TableClient, type TableEntity, type TableEntityResult, odata } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { FailRow, FailRowKey } from '../../app/ports'
import { type FailTable, describeEntryError } from '../../domain/cast-error'
import { type Columns, keyColumns, sequenceKey, storedText } from './error-columns'
import { type Access, type StorageCall, isAbsent } from './storage-client'

// Rows of entries that are not in FHIR: one for each sequence.

export const failEntity = (table: FailTable, { sequence, key, error }: FailRow): TableEntity => ({
  partitionKey: table,
  rowKey: sequenceKey(sequence),
  ...keyColumns(key),
  ChangeFeedSequence: BigInt(sequence),
  Code: error._tag,
  Count: 1,
  Exception: storedText(describeEntryError(error)),
})

// A transaction may touch each row once.
export const lastOfEachSequence = (rows: ReadonlyArray<FailRow>): ReadonlyArray<FailRow> => [
  ...new Map(rows.map((row) => [row.sequence, row])).values(),
]

export const listFailRows = (table: Access<TableClient>, name: FailTable): StorageCall<ReadonlyArray<FailRowKey>> => {
  const queryOptions = {
    filter: odata`PartitionKey eq ${name} and RowKey ge ${'0'.repeat(19)} and RowKey le ${'9'.repeat(19)}`,
    select: ['RowKey', 'Code', 'PartitionName', 'StudyUid', 'SeriesUid', 'InstanceUid'],
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
  const { rowKey, Code, PartitionName, StudyUid, SeriesUid, InstanceUid } = row
  const sequence = typeof rowKey === 'string' && /^\d{19}$/.test(rowKey) ? Number(rowKey) : Number.NaN
  if (!Number.isSafeInteger(sequence)) return []
  return [
    {
      table,
      sequence,
      code: typeof Code === 'string' ? Code : '',
      etag: row.etag,
      ...(typeof PartitionName === 'string' ? { partition: PartitionName } : {}),
      ...(typeof StudyUid === 'string' ? { studyInstanceUid: StudyUid } : {}),
      ...(typeof SeriesUid === 'string' ? { seriesInstanceUid: SeriesUid } : {}),
      ...(typeof InstanceUid === 'string' ? { sopInstanceUid: InstanceUid } : {}),
    },
  ]
}

// Alone, not in a transaction: the SDK's transactions drop the ETag of a delete, so they would take a changed row too.
export const removeRow = (
  table: Access<TableClient>,
  { table: name, sequence, etag }: FailRowKey,
): StorageCall<unknown> =>
  pipe(
    table.call((client, abortSignal) => client.deleteEntity(name, sequenceKey(sequence), { etag, abortSignal })),
    TE.map(() => undefined),
    TE.orElse((failure) => (failure.status === 412 || isAbsent(failure) ? TE.right(undefined) : TE.left(failure))),
  )
