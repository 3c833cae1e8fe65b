import * as E from 'fp-ts/Either'
import type { Mismatched } from '../../domain/batch/fold'
import type { Settlement } from '../../domain/batch/ledger'
import { type ServiceError, type TagIssue, failTableOf } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type FailRowSubject, failRowName } from '../../domain/fail-row'
import type { PatientIdentity } from '../../domain/mapping/patient-identity'
import { type Run, retrying } from '../context'
import type { FailRow, FailRowKey } from '../ports'

/** Everything a batch settled, as the error tables see it. `sequence` 0: an instance as it is now, told of by no entry. */
export interface SettledRow {
  readonly sequence: number
  readonly key: Partial<InstanceKey>
  readonly issues: ReadonlyArray<TagIssue>
  /** None when the entry was stored, unchanged or superseded. */
  readonly error: FailRow['error'] | undefined
  /** A superseded entry says nothing about what its instance is now. */
  readonly settlement?: Settlement['_tag'] | 'Skipped'
  /** Whom it names. */
  readonly names?: PatientIdentity
  /** A correction says what its place has now, a deletion that something is gone: both may end rows of tags. */
  readonly says?: 'Corrected' | 'Gone'
}

/** The fail rows of a run, read once: while the lease is held nobody else adds any. */
export interface FailIndex {
  readonly rows: Map<string, FailRowKey>
}

export const idOf = (row: FailRowKey): string => `${row.table} ${failRowName(row)}`

export const readFailIndex = async (run: Run): Promise<E.Either<ServiceError, FailIndex>> => {
  const read = await retrying(run, run.ports.errors.failRows())
  return E.isLeft(read) ? read : E.right({ rows: new Map(read.right.map((row) => [idOf(row), row])) })
}

/** Instances that stand recorded because they named another patient than the others, by study. */
export const mismatchedStudies = ({ rows }: FailIndex): Mismatched => {
  const studies = new Map<string, Map<string, InstanceKey>>()
  for (const { code, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } of rows.values()) {
    if (code !== 'PatientMismatch' || partition === undefined || studyInstanceUid === undefined) continue
    if (seriesInstanceUid === undefined || sopInstanceUid === undefined) continue
    const key = { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }
    const study = studies.get(studyKeyText(key)) ?? new Map<string, InstanceKey>()
    studies.set(studyKeyText(key), study.set(instanceKeyText(key), key))
  }
  return studies
}

const wholeKey = ({
  partition,
  studyInstanceUid,
  seriesInstanceUid,
  sopInstanceUid,
}: Partial<InstanceKey>): string | undefined =>
  partition === undefined ||
  studyInstanceUid === undefined ||
  seriesInstanceUid === undefined ||
  sopInstanceUid === undefined
    ? undefined
    : instanceKeyText({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid })

/**
 * What is known of an instance without an entry is told under its newest entry that stands recorded, if there is one:
 * two rows never stand for one instance.
 */
export const underStandingEntries = (
  index: FailIndex,
  settled: ReadonlyArray<SettledRow>,
): ReadonlyArray<SettledRow> => {
  if (settled.every(({ sequence }) => sequence > 0)) return settled
  const standing = new Map<string, number>()
  for (const row of index.rows.values()) {
    const text = wholeKey(row)
    if (text !== undefined) standing.set(text, Math.max(row.sequence, standing.get(text) ?? 0))
  }
  return settled.map((row) => {
    const text = row.sequence > 0 ? undefined : wholeKey(row.key)
    return text === undefined ? row : { ...row, sequence: standing.get(text) ?? 0 }
  })
}

/**
 * Rows that no longer tell the truth: of an entry that is settled otherwise now, and of an instance about which a
 * later entry was settled, which was synced with its whole study, or which was settled as it is now.
 */
export const staleRows = (
  index: FailIndex,
  settled: ReadonlyArray<SettledRow>,
  named: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
): ReadonlyArray<FailRowKey> => {
  if (index.rows.size === 0) return []
  const tableNow = new Map(
    named.map((row) => [failRowName(subjectOf(row)), row.error === undefined ? undefined : failTableOf(row.error)]),
  )
  const latest = new Map<string, number>()
  /** Of which it is known what they are now: a row that came without an entry has nothing to add. */
  const judged = new Set<string>()
  for (const { key, sequence, settlement } of settled) {
    const text = wholeKey(key)
    if (text === undefined) continue
    latest.set(text, Math.max(sequence > 0 ? sequence : Infinity, latest.get(text) ?? 0))
    if (settlement !== 'Superseded' && settlement !== 'Skipped') judged.add(text)
  }
  for (const key of syncedInstances) {
    latest.set(instanceKeyText(key), Infinity)
    judged.add(instanceKeyText(key))
  }
  const newest = newestOfEachName(index)
  return [...index.rows.values()].filter((row) => {
    const name = failRowName(row)
    if (newest.get(name) !== row) return true
    if (tableNow.has(name)) return tableNow.get(name) !== row.table
    const text = wholeKey(row)
    if (text === undefined) return false
    return row.sequence > 0 ? row.sequence < (latest.get(text) ?? 0) : judged.has(text)
  })
}

/** Whoever was killed while a row moved from one table to another has left both: the one that was judged last is true. */
const newestOfEachName = ({ rows }: FailIndex): ReadonlyMap<string, FailRowKey> => {
  const newest = new Map<string, FailRowKey>()
  for (const row of rows.values()) {
    const known = newest.get(failRowName(row))
    if (known === undefined || (known.judgedAt ?? 0) <= (row.judgedAt ?? 0)) newest.set(failRowName(row), row)
  }
  return newest
}

const subjectOf = ({ key, sequence }: SettledRow): FailRowSubject => ({ ...key, sequence })
