import type { FailTable } from '../../domain/cast-error'
import { defaultPartition, isSamePartition } from '../../domain/dicom/partition'
import { failRowName, standingRowName } from '../../domain/fail-row'
import type { FailRowKey } from '../ports'

// Which rows a replay takes, and in which order.

/** Which rows; what is given must all hold. */
export interface ReplaySelection {
  readonly table?: FailTable
  readonly rows?: ReadonlyArray<{ readonly table: FailTable; readonly row: string }>
  readonly study?: string
  readonly partition?: string
  readonly code?: string
  /** Written last at or after, ms. */
  readonly since?: number
  /** Written last at or before, ms: who goes on with a replay takes no row twice, for each try writes the row anew. */
  readonly until?: number
  readonly limit: number
}

export const select = (
  rows: ReadonlyArray<FailRowKey>,
  { table, rows: named, study, partition, code, since, until }: ReplaySelection,
): ReadonlyArray<FailRowKey> => {
  const names = named === undefined ? undefined : new Set(named.map((each) => `${each.table} ${each.row}`))
  return onePerEntry(
    rows.filter(
      (row) =>
        (table === undefined || row.table === table) &&
        (names === undefined || names.has(`${row.table} ${standingRowName(row)}`)) &&
        (study === undefined || row.studyInstanceUid === study) &&
        (partition === undefined || isSamePartition(row.partition ?? defaultPartition, partition)) &&
        (code === undefined || row.code === code) &&
        (since === undefined || (row.writtenAt ?? 0) >= since) &&
        (until === undefined || (row.writtenAt ?? 0) <= until),
    ),
  ).sort((left, right) => triesOf(left) - triesOf(right) || left.sequence - right.sequence)
}

/** The original has a row for each of its attempts: all of them go with the entry. */
const onePerEntry = (rows: ReadonlyArray<FailRowKey>): Array<FailRowKey> => {
  const names = new Set(rows.flatMap((row) => (row.original === undefined ? [failRowName(row)] : [])))
  return rows.filter((row) => {
    if (row.original === undefined) return true
    const isFirst = !names.has(failRowName(row))
    names.add(failRowName(row))
    return isFirst
  })
}

/** Those that were tried least come first: no row stands behind a thousand that fail each time. */
export const triesOf = ({ attempts = 1 }: FailRowKey): number => attempts
