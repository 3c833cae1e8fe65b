import type { TableEntityResult } from '@azure/data-tables'
import { defaultPartition } from '../../domain/dicom/partition'
import { type OriginalRow, isOriginalRowName } from '../../domain/fail-row'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import type { Columns } from './error-columns'

// Rows of the original DICOMcast: their partition is the type of an exception, their key a GUID. Their text (Exception)
// may hold a value of the patient, so no query asks for it.

export const originalColumns = [
  ...['PartitionKey', 'RowKey', 'Timestamp', 'StudyUid', 'SeriesUid', 'InstanceUid', 'ChangeFeedSequence'],
  'RetryNumber',
]

const isType = (text: string): boolean => /^[A-Za-z]{1,90}Exception$/.test(text)

const uidOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[0-9.]{1,64}$/.test(value) ? value : undefined

export interface OriginalEntry extends Partial<InstanceKey> {
  readonly original: OriginalRow
  readonly sequence: number
}

/** None when it is not the original's. It knew no partitions. */
export const originalEntryOf = (row: TableEntityResult<Columns>): OriginalEntry | undefined => {
  const { partitionKey: type, rowKey, ChangeFeedSequence: told, StudyUid, SeriesUid, InstanceUid } = row
  if (typeof type !== 'string' || typeof rowKey !== 'string' || !isType(type) || !isOriginalRowName(rowKey)) return
  const sequence = typeof told === 'bigint' || typeof told === 'number' ? Number(told) : 0
  const [study, series, instance] = [uidOf(StudyUid), uidOf(SeriesUid), uidOf(InstanceUid)]
  return {
    original: { type, row: rowKey },
    sequence: Number.isSafeInteger(sequence) && sequence > 0 ? sequence : 0,
    partition: defaultPartition,
    ...(study === undefined ? {} : { studyInstanceUid: study }),
    ...(series === undefined ? {} : { seriesInstanceUid: series }),
    ...(instance === undefined ? {} : { sopInstanceUid: instance }),
  }
}
