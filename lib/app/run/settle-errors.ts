import * as E from 'fp-ts/Either'
import { type EntryError, type FailTable, type ServiceError, type TagIssue, failTableOf } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import type { Keyword } from '../../domain/dicom/tags'
import type { Run } from '../context'
import { retrying } from '../context'
import type { FailRow, FailRowKey, TagRow } from '../ports'

/** Everything a batch settled, as the error tables see it. */
export interface SettledRow {
  readonly sequence: number
  readonly key: Partial<InstanceKey>
  readonly issues: ReadonlyArray<TagIssue>
  /** None when the entry was stored, unchanged or superseded. */
  readonly error: FailRow['error'] | undefined
}

/** The fail rows of a run, read once: while the lease is held nobody else adds any. */
export interface FailIndex {
  readonly rows: Map<string, FailRowKey>
}

const idOf = ({ table, sequence }: FailRowKey): string => `${table} ${sequence}`

export const readFailIndex = async (run: Run): Promise<E.Either<ServiceError, FailIndex>> => {
  const read = await retrying(run, run.ports.errors.failRows())
  return E.isLeft(read) ? read : E.right({ rows: new Map(read.right.map((row) => [idOf(row), row])) })
}

/** Studies of which an entry stands recorded because it named another patient than the others. */
export const mismatchedStudies = ({ rows }: FailIndex): ReadonlySet<string> =>
  new Set(
    [...rows.values()].flatMap(({ code, partition, studyInstanceUid }) =>
      code === 'PatientMismatch' && partition !== undefined && studyInstanceUid !== undefined
        ? [studyKeyText({ partition, studyInstanceUid })]
        : [],
    ),
  )

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
 * Rows that no longer tell the truth: of an entry that is settled otherwise now, and of an instance about which a
 * later entry was settled, or which was synced with its whole study.
 */
const staleRows = (
  index: FailIndex,
  settled: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
): ReadonlyArray<FailRowKey> => {
  if (index.rows.size === 0) return []
  const tableNow = new Map(
    settled.map(({ sequence, error }) => [sequence, error === undefined ? undefined : failTableOf(error)]),
  )
  const latest = new Map<string, number>()
  for (const { key, sequence } of settled) {
    const text = wholeKey(key)
    if (text !== undefined) latest.set(text, Math.max(sequence, latest.get(text) ?? 0))
  }
  for (const key of syncedInstances) latest.set(instanceKeyText(key), Infinity)
  return [...index.rows.values()].filter((row) => {
    if (tableNow.has(row.sequence)) return tableNow.get(row.sequence) !== row.table
    const text = wholeKey(row)
    return text !== undefined && row.sequence < (latest.get(text) ?? 0)
  })
}

const tagRowsOf = (settled: ReadonlyArray<SettledRow>, studyKeywords: ReadonlySet<Keyword>): ReadonlyArray<TagRow> => {
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
  const stale = staleRows(index, settled, syncedInstances)
  const fails = settled.flatMap(({ sequence, key, error }): ReadonlyArray<FailRow> =>
    error === undefined ? [] : [{ sequence, key, error }],
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
