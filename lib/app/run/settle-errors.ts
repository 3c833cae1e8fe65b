import * as E from 'fp-ts/Either'
import type { Mismatched } from '../../domain/batch/fold'
import { type EntryError, type FailTable, type ServiceError, type TagIssue, failTableOf } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import type { Keyword } from '../../domain/dicom/tags'
import { type FailRowSubject, failRowName, identityDigest } from '../../domain/fail-row'
import { firstRoot } from '../../domain/fhir/provenance'
import type { PatientIdentity } from '../../domain/mapping/patient-identity'
import type { Settlement } from '../../domain/batch/ledger'
import type { Run } from '../context'
import { retrying } from '../context'
import type { FailRow, FailRowKey, TagRow } from '../ports'

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
}

/** The fail rows of a run, read once: while the lease is held nobody else adds any. */
export interface FailIndex {
  readonly rows: Map<string, FailRowKey>
}

const idOf = (row: FailRowKey): string => `${row.table} ${failRowName(row)}`

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
const underStandingEntries = (index: FailIndex, settled: ReadonlyArray<SettledRow>): ReadonlyArray<SettledRow> => {
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
const staleRows = (
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
  return [...index.rows.values()].filter((row) => {
    const name = failRowName(row)
    if (tableNow.has(name)) return tableNow.get(name) !== row.table
    const text = wholeKey(row)
    if (text === undefined) return false
    return row.sequence > 0 ? row.sequence < (latest.get(text) ?? 0) : judged.has(text)
  })
}

const subjectOf = ({ key, sequence }: SettledRow): FailRowSubject => ({ ...key, sequence })

export const tagRowsOf = (
  settled: ReadonlyArray<SettledRow>,
  studyKeywords: ReadonlySet<Keyword>,
): ReadonlyArray<TagRow> => {
  const rows = new Map<string, TagRow>()
  for (const { sequence, key, issues } of settled) {
    const { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = key
    if (partition === undefined || studyInstanceUid === undefined || sopInstanceUid === undefined) continue
    for (const issue of issues) {
      const series = studyKeywords.has(issue.keyword) ? undefined : seriesInstanceUid
      const place = `${partition} ${studyInstanceUid} ${series ?? ''} ${issue.keyword}`
      const known = rows.get(place)
      rows.set(place, {
        partition,
        studyInstanceUid,
        seriesInstanceUid: series,
        sopInstanceUid: known?.sopInstanceUid ?? sopInstanceUid,
        issue: known?.issue ?? issue,
        firstSequence: Math.min(sequence, known?.firstSequence ?? sequence),
        lastSequence: Math.max(sequence, known?.lastSequence ?? sequence),
        count: (known?.count ?? 0) + 1,
      })
    }
  }
  return [...rows.values()]
}

/** Refused because of the Patient that FHIR has: a later row that names him may show that the reason is gone. */
export const isOfPatient = (code: string): boolean => patientCodes.has(code)
const patientCodes: ReadonlySet<string> = new Set<EntryError['_tag']>([
  'DemographicsConflict',
  'PatientAmbiguous',
  'PatientInactive',
])

const identityIn = (run: Run, error: EntryError, names: PatientIdentity | undefined): Pick<FailRow, 'identity'> =>
  names === undefined || !isOfPatient(error._tag)
    ? {}
    : { identity: identityDigest(firstRoot(run.settings.dicom), names) }

export type CodeCounts = Readonly<Partial<Record<EntryError['_tag'], number>>>

export interface ErrorsSettled {
  readonly failed: Readonly<Partial<Record<FailTable, number>>>
  /** The same rows by their code. */
  readonly codes: CodeCounts
  /** What was not there before: to be taken back when the checkpoint turns out to be somebody else's. */
  readonly written: ReadonlyArray<FailRowKey>
}

/** Brings the error tables in step with what was settled. Doing it twice is the same as doing it once. */
export const settleErrors = async (
  run: Run,
  index: FailIndex,
  settled: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
): Promise<E.Either<ServiceError, ErrorsSettled>> => {
  const { errors } = run.ports
  const named = underStandingEntries(index, settled)
  const stale = staleRows(index, settled, named, syncedInstances)
  const fails = named.flatMap(({ sequence, key, error, names }): ReadonlyArray<FailRow> =>
    error === undefined ? [] : [{ sequence, key, error, ...identityIn(run, error, names) }],
  )
  const tagRows = tagRowsOf(settled, run.judge.studyKeywords)
  if (stale.length === 0 && fails.length === 0 && tagRows.length === 0)
    return E.right({ failed: {}, codes: {}, written: [] })
  // Rows have no If-Match on the checkpoint: only the lease keeps a run that slept from telling old news.
  const held = await retrying(run, run.lease.confirm())
  if (E.isLeft(held)) return held
  if (stale.length > 0) {
    const removed = await retrying(run, errors.remove(stale))
    if (E.isLeft(removed)) return removed
    for (const row of stale) index.rows.delete(idOf(row))
  }
  const written = fails.length === 0 ? E.right([]) : await retrying(run, errors.record(fails))
  if (E.isLeft(written)) return written
  for (const row of written.right) index.rows.set(idOf(row), row)
  if (tagRows.length > 0) {
    const recorded = await retrying(run, errors.recordTags(tagRows))
    if (E.isLeft(recorded)) return recorded
  }
  const failed: Partial<Record<FailTable, number>> = {}
  const codes: Partial<Record<EntryError['_tag'], number>> = {}
  for (const { error } of fails) {
    failed[failTableOf(error)] = (failed[failTableOf(error)] ?? 0) + 1
    codes[error._tag] = (codes[error._tag] ?? 0) + 1
  }
  return E.right({ failed, codes, written: written.right.filter(({ wasThere }) => wasThere !== true) })
}

const takeBackPauseMs = 500

/**
 * What was recorded of entries that somebody else settles now. It is told again when storage fails, whatever time is left
 * to a run that slept: such a row would be an alarm about nothing, and nobody else would take it away.
 */
export const takeBack = async (run: Run, { written }: ErrorsSettled): Promise<void> => {
  for (let attempt = 0; attempt < 4 && written.length > 0; attempt++) {
    if (attempt > 0) await run.ports.clock.sleep(takeBackPauseMs * attempt)
    if (E.isRight(await run.ports.errors.remove(written)())) return
  }
}

/**
 * As settleErrors, for what no checkpoint is stored behind: whoever slept while the rows were on their way takes them
 * back, for somebody else settles these instances now.
 */
export const settleUnderLease = async (...given: Parameters<typeof settleErrors>): ReturnType<typeof settleErrors> => {
  const [run] = given
  const settled = await settleErrors(...given)
  if (E.isLeft(settled) || settled.right.written.length === 0) return settled
  const held = await retrying(run, run.lease.confirm())
  if (E.isRight(held)) return settled
  if (held.left._tag === 'LeaseLost') await takeBack(run, settled.right)
  return held
}
