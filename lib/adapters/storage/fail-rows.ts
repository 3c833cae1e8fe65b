import type { TableClient, TableEntity, TableEntityResult } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { Annotation, FailRow, FailRowKey, RecordedRow } from '../../app/ports'
import { rejectionBy } from '../../domain/batch/rejected'
import { type EntryError, type FailTable, describeEntryError } from '../../domain/cast-error'
import { type ListingNote, type RejectionCode, rejectionCodes } from '../../domain/dicom/rejection-codes'
import { failRowName, isFailRowName, standingRowName } from '../../domain/fail-row'
import { type Columns, keyColumns, storedText } from './error-columns'
import { listRows } from './list-rows'
import { originalColumns, originalEntryOf } from './original-rows'
import type { Access, StorageCall } from './storage-client'
import { readRow, removeByEtag, replaceRow } from './write-rows'

// Rows of what is not in FHIR: one for each entry, or for each instance that no entry told of.

export const failEntity = (
  table: FailTable,
  { sequence, key, error, identity, rejected }: FailRow,
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
  ...rejectionColumns(error._tag === 'Rejected' ? error : rejected),
  JudgedAt: judgedAt,
})

type Rejected = Extract<EntryError, { _tag: 'Rejected' }>

const hides = 'hides'

const rejectionColumns = (
  rejected: Rejected | undefined,
): { readonly RejectionCode?: string; readonly RejectionNotes?: string } =>
  rejected === undefined
    ? {}
    : {
        RejectionCode: rejected.code,
        RejectionNotes: rejected.notes
          .map(({ name, code, isHiding }) => `${name} ${code}${isHiding ? ` ${hides}` : ''}`)
          .join(','),
      }

const rejectionCodeIn = (text: unknown): RejectionCode | undefined => rejectionCodes.find((each) => each === text)

// A row that was edited by hand hides nothing that it does not plainly say.
const rejectionOf = ({ RejectionCode, RejectionNotes }: Columns): Rejected | undefined => {
  const code = rejectionCodeIn(RejectionCode)
  if (code === undefined || typeof RejectionNotes !== 'string') return undefined
  const notes = RejectionNotes.split(',').flatMap((text): ReadonlyArray<ListingNote> => {
    const [study, instance, said, effect] = text.split(' ')
    const own = rejectionCodeIn(said)
    return own === undefined ? [] : [{ name: `${study} ${instance}`, code: own, isHiding: effect === hides }]
  })
  return rejectionBy(notes, code)
}

// A transaction may touch each row once.
export const lastOfEachName = (rows: ReadonlyArray<FailRow>): ReadonlyArray<FailRow> => [
  ...new Map(rows.map((row) => [failRowName({ ...row.key, sequence: row.sequence }), row])).values(),
]

const failColumns = [
  ...originalColumns,
  ...['Code', 'Count', 'PartitionName', 'IdentityDigest', 'JudgedAt', 'RejectionCode', 'RejectionNotes'],
]

export const listFailRows = (table: Access<TableClient>, name: FailTable): StorageCall<ReadonlyArray<FailRowKey>> =>
  pipe(
    listRows(table, { select: failColumns }),
    TE.map(RA.chain((row) => (row.partitionKey === name ? failRowKey(name, row) : originalRowKey(name, row)))),
  )

const originalRowKey = (table: FailTable, row: TableEntityResult<Columns>): ReadonlyArray<FailRowKey> => {
  const entry = originalEntryOf(row)
  if (entry === undefined) return []
  const { timestamp, etag } = row
  const writtenAt = timestamp === undefined ? {} : { writtenAt: Date.parse(timestamp) }
  return [{ table, code: entry.original.type, etag, ...entry, ...writtenAt }]
}

const failRowKey = (table: FailTable, row: TableEntityResult<Columns>): ReadonlyArray<FailRowKey> => {
  const { rowKey, timestamp, Code, Count, PartitionName, StudyUid, SeriesUid, InstanceUid } = row
  const { IdentityDigest, JudgedAt } = row
  if (typeof rowKey !== 'string' || !isFailRowName(rowKey)) return []
  const rejected = rejectionOf(row)
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
    ...(rejected === undefined ? {} : { rejected }),
  }
  // A row whose UIDs were changed by hand could not be found again by what it is about.
  return failRowName(key) === rowKey ? [key] : []
}

/** Asked again when the answer was lost, it finds its own work. */
export const annotateRow = (
  table: Access<TableClient>,
  { row, rejected }: Annotation,
): StorageCall<O.Option<RecordedRow>> => {
  const { rejected: _, ...key } = row
  const annotated = { ...key, ...(rejected === undefined ? {} : { rejected }) }
  const columns = rejectionColumns(rejected)
  const rowKey = failRowName(row)
  return pipe(
    readRow(table, row.table, rowKey),
    TE.flatMap((stored): StorageCall<O.Option<RecordedRow>> => {
      if (O.isNone(stored)) return TE.right(O.none)
      const { RejectionCode, RejectionNotes, etag, ...rest } = stored.value
      const written = (as: string): RecordedRow => ({ ...annotated, etag: as, before: stored.value })
      if (etag !== row.etag) {
        const isDone = RejectionCode === columns.RejectionCode && RejectionNotes === columns.RejectionNotes
        return TE.right(isDone ? O.some(written(etag)) : O.none)
      }
      const entity = { ...rest, ...columns, partitionKey: row.table, rowKey }
      return pipe(replaceRow(table, entity, row.etag), TE.map(O.map(written)))
    }),
  )
}

export const removeRow = (table: Access<TableClient>, row: FailRowKey): StorageCall<unknown> =>
  removeByEtag(table, row.original?.type ?? row.table, standingRowName(row), row.etag)
