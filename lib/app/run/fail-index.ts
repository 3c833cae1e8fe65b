import * as E from 'fp-ts/Either'
import type { RejectedInstances } from '../../domain/batch/rejected'
import type { Mismatch, Mismatched } from '../../domain/batch/fold'
import type { Settlement } from '../../domain/batch/ledger'
import { type ServiceError, type TagIssue, failTableOf, isOfPatient } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type FailRowSubject, failRowName, standingRowName } from '../../domain/fail-row'
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
  /** Changed by keepRow and dropRow alone. */
  readonly rows: Map<string, FailRowKey>
  /** The same rows by StudyInstanceUID, from when they are first asked for so. */
  byStudy?: Map<string, Map<string, FailRowKey>>
}

export const idOf = (row: FailRowKey): string => `${row.table} ${standingRowName(row)}`

const studyOf = ({ studyInstanceUid = '' }: Partial<InstanceKey>): string => studyInstanceUid

const addTo = (byStudy: Map<string, Map<string, FailRowKey>>, row: FailRowKey): void => {
  const rows = byStudy.get(studyOf(row)) ?? new Map<string, FailRowKey>()
  byStudy.set(studyOf(row), rows.set(idOf(row), row))
}

export const keepRow = (index: FailIndex, row: FailRowKey): void => {
  index.rows.set(idOf(row), row)
  if (index.byStudy !== undefined) addTo(index.byStudy, row)
}

export const dropRow = (index: FailIndex, row: FailRowKey): void => {
  index.rows.delete(idOf(row))
  index.byStudy?.get(studyOf(row))?.delete(idOf(row))
}

/** The rows of these studies alone: who goes from study to study does not read all rows for each. Not to be changed. */
export const aboutStudies = (index: FailIndex, keys: Iterable<Partial<InstanceKey>>): FailIndex => {
  if (index.byStudy === undefined) {
    const byStudy = new Map<string, Map<string, FailRowKey>>()
    for (const row of index.rows.values()) addTo(byStudy, row)
    index.byStudy = byStudy
  }
  const uids = new Set([...keys].map(studyOf))
  return { rows: new Map([...uids].flatMap((uid) => [...(index.byStudy?.get(uid) ?? [])])) }
}

export const readFailIndex = async (run: Run): Promise<E.Either<ServiceError, FailIndex>> => {
  const read = await retrying(run, run.ports.errors.failRows())
  if (E.isLeft(read)) return read
  const index = { rows: new Map(read.right.map((row) => [idOf(row), row])) }
  run.rejected = rejectedIn(index)
  return E.right(index)
}

/** What rejection notes have withdrawn, as the rows tell it; of two rows of one instance the last word. */
const rejectedIn = ({ rows }: FailIndex): RejectedInstances => {
  const byAge = [...rows.values()].sort((left, right) => (left.judgedAt ?? 0) - (right.judgedAt ?? 0))
  return new Map(
    byAge.flatMap((row) => {
      const { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid, rejected: error } = row
      const text = wholeKey(row)
      if (text === undefined || error === undefined || partition === undefined) return []
      if (studyInstanceUid === undefined || seriesInstanceUid === undefined || sopInstanceUid === undefined) return []
      return [[text, { key: { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }, error }] as const]
    }),
  )
}

/** Instances that stand recorded because they named another patient than the others, by study; and those without a vote. */
export const mismatchedStudies = ({ rows }: FailIndex): Mismatched => {
  const studies = new Map<string, Map<string, Mismatch>>()
  for (const { code, sequence, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } of rows.values()) {
    const hasNoVote = isOfPatient(code)
    if (code !== 'PatientMismatch' && !hasNoVote) continue
    if (partition === undefined || studyInstanceUid === undefined) continue
    if (seriesInstanceUid === undefined || sopInstanceUid === undefined) continue
    const key = { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }
    const study = studies.get(studyKeyText(key)) ?? new Map<string, Mismatch>()
    const mismatch = { ...key, recordedAs: sequence, ...(hasNoVote ? { hasNoVote } : {}) }
    studies.set(studyKeyText(key), study.set(instanceKeyText(key), mismatch))
  }
  return studies
}

export const wholeKey = ({
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

/** Rows of what stands recorded for another reason than a rejection note, by instance (instanceKeyText). */
export const failingRows = ({ rows }: FailIndex): ReadonlyMap<string, ReadonlyArray<FailRowKey>> => {
  const failing = new Map<string, Array<FailRowKey>>()
  for (const row of rows.values()) {
    const text = wholeKey(row)
    if (text === undefined || row.code === 'Rejected') continue
    failing.set(text, [...(failing.get(text) ?? []), row])
  }
  return failing
}

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
    if (row.original !== undefined) {
      // Of an entry that is settled now, one way or the other.
      if (tableNow.has(name)) return true
    } else {
      if (newest.get(name) !== row) return true
      // Who begins after this run knows of its notes by this row alone: it waits for one that says what is so now.
      if (row.rejected !== undefined && !judged.has(wholeKey(row) ?? '')) return false
      if (tableNow.has(name)) return tableNow.get(name) !== row.table
    }
    const text = wholeKey(row)
    if (text === undefined) return false
    return row.sequence > 0 ? row.sequence < (latest.get(text) ?? 0) : judged.has(text)
  })
}

/** Whoever was killed while a row moved from one table to another has left both: the one that was judged last is true. */
const newestOfEachName = ({ rows }: FailIndex): ReadonlyMap<string, FailRowKey> => {
  const newest = new Map<string, FailRowKey>()
  for (const row of rows.values()) {
    if (row.original !== undefined) continue
    const known = newest.get(failRowName(row))
    if (known === undefined || (known.judgedAt ?? 0) <= (row.judgedAt ?? 0)) newest.set(failRowName(row), row)
  }
  return newest
}

const subjectOf = ({ key, sequence }: SettledRow): FailRowSubject => ({ ...key, sequence })
