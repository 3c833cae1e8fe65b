import { type TableClient, type TableEntity, type TableEntityResult, odata } from '@azure/data-tables'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { FailRow, FailRowKey } from '../../app/ports'
import { type FailTable, describeEntryError } from '../../domain/cast-error'
import { failRowName, isFailRowName } from '../../domain/fail-row'
import { type Columns, keyColumns, storedText } from './error-columns'
import { listRows } from './list-rows'
import type { Access, StorageCall } from './storage-client'
import { removeByEtag } from './write-rows'

// Rows of what is not in FHIR: one for each entry, or for each instance that no entry told of.

export const failEntity = (
  table: FailTable,
  { sequence, key, error, identity }: FailRow,
  judgedAt: Date,
): TableEntity => ({
  partitionKey: table,
  rowKey: failRowName({ ...key, sequence }),
  ...keyColumns(key),
  ChangeFeedSequence: BigInt(sequence),
  Code: error._tag,
  Count: 1,
  Exception: storedText(describeEntryError(error)),
  ...(identity === undefined ? {} : { IdentityDigest: identity }),
  JudgedAt: judgedAt,
})

// A transaction may touch each row once.
export const lastOfEachName = (rows: ReadonlyArray<FailRow>): ReadonlyArray<FailRow> => [
  ...new Map(rows.map((row) => [failRowName({ ...row.key, sequence: row.sequence }), row])).values(),
]

const failColumns = [
  ...['RowKey', 'Timestamp', 'Code', 'Count', 'PartitionName', 'StudyUid', 'SeriesUid', 'InstanceUid'],
  ...['IdentityDigest', 'JudgedAt'],
]

export const listFailRows = (table: Access<TableClient>, name: FailTable): StorageCall<ReadonlyArray<FailRowKey>> =>
  pipe(
    listRows(table, { filter: odata`PartitionKey eq ${name}`, select: failColumns }),
    TE.map(RA.chain((row) => failRowKey(name, row))),
  )

const failRowKey = (table: FailTable, row: TableEntityResult<Columns>): ReadonlyArray<FailRowKey> => {
  const { rowKey, timestamp, Code, Count, PartitionName, StudyUid, SeriesUid, InstanceUid } = row
  const { IdentityDigest, JudgedAt } = row
  if (typeof rowKey !== 'string' || !isFailRowName(rowKey)) return []
  const sequence = rowKey.startsWith('i-') ? 0 : Number(rowKey)
  if (!Number.isSafeInteger(sequence)) return []
  const key: FailRowKey = {
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
    ...(typeof IdentityDigest === 'string' ? { identity: IdentityDigest } : {}),
    ...(JudgedAt instanceof Date ? { judgedAt: JudgedAt.getTime() } : {}),
  }
  // A row whose UIDs were changed by hand could not be found again by what it is about.
  return failRowName(key) === rowKey ? [key] : []
}

export const removeRow = (table: Access<TableClient>, row: FailRowKey): StorageCall<unknown> =>
  removeByEtag(table, row.table, failRowName(row), row.etag)
