import type { FailTable } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'

// Names of the tables, and the keys and columns that their rows have in common.

export const invalidTags = 'InvalidDicomTagExceptionTable'
export const transientRetry = 'TransientRetryExceptionTable'
export type TableName = FailTable | typeof invalidTags | typeof transientRetry

export type Columns = Readonly<Record<string, unknown>>

export const keyColumns = (key: { readonly [Name in keyof InstanceKey]?: string | undefined }) => ({
  PartitionName: key.partition,
  StudyUid: key.studyInstanceUid,
  SeriesUid: key.seriesInstanceUid,
  InstanceUid: key.sopInstanceUid,
})

// A property holds 32 Ki characters and a transaction 4 MiB: 100 of these fit. The service refuses halves of characters,
// and control characters, such as NUL, only make trouble for whoever exports the table.
export const storedText = (text: string): string => text.slice(0, 4_000).replace(/[\p{Cs}\p{Cc}]/gu, '\uFFFD')
