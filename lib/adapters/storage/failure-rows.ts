import type { TableEntityResult } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import type { ErrorTable, FailureRow } from '../../app/ports-operator'
import type { Columns } from './error-columns'
import { originalEntryOf } from './original-rows'

// A row of an error table as an operator reads it.

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : undefined
const hopOf = (value: unknown): FailureRow['hop'] =>
  value === 'dicom' || value === 'fhir' || value === 'storage' ? value : undefined

/** A stuck position has no code of its own. */
export const codeOf = (row: Columns): string =>
  originalEntryOf(row as TableEntityResult<Columns>)?.original.type ??
  textOf(row['Code']) ??
  (hopOf(row['Hop']) === undefined ? 'Unknown' : 'Retrying')

export const rejectionCodeOf = (row: Columns): string => textOf(row['RejectionCode']) ?? 'Unknown'

/** Only what is there, so that an answer has no empty members. */
const present = <A extends object>(members: A): { [K in keyof A]?: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof A]?: Exclude<A[K], undefined>
  }

export const rowOf =
  (table: ErrorTable) =>
  (row: TableEntityResult<Columns>): O.Option<FailureRow> => {
    const rowKey = textOf(row['rowKey'])
    if (rowKey === undefined) return O.none
    const hop = hopOf(row['Hop'])
    return O.some({
      table,
      row: rowKey,
      sequence: numberOf(row['ChangeFeedSequence']) ?? 0,
      code: codeOf(row),
      count: numberOf(row['Count']) ?? numberOf(row['RetryNumber']) ?? 1,
      reason: textOf(row['Exception']) ?? '',
      writtenAt: row.timestamp ?? '',
      ...present({
        partition: textOf(row['PartitionName']),
        studyInstanceUid: textOf(row['StudyUid']),
        seriesInstanceUid: textOf(row['SeriesUid']),
        sopInstanceUid: textOf(row['InstanceUid']),
        hop,
        status: numberOf(row['Status']),
        firstSeen: row['FirstSeen'] instanceof Date ? row['FirstSeen'].toISOString() : undefined,
      }),
    })
  }

/** What it said is not read: it may name the patient. */
const saidByOriginal =
  'Recorded by the original DICOMcast. Its words are not shown: they may hold a value of the patient.'

export const asOriginals =
  (table: ErrorTable) =>
  (row: TableEntityResult<Columns>): O.Option<FailureRow> => {
    const entry = originalEntryOf(row)
    if (entry === undefined) return O.none
    const { original, ...rest } = entry
    return O.some({
      ...{ table, row: original.row, code: original.type, count: numberOf(row['RetryNumber']) ?? 1, ...rest },
      ...{ reason: saidByOriginal, writtenAt: row.timestamp ?? '' },
    })
  }
