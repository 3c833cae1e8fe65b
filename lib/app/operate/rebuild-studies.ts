import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import { failRowName } from '../../domain/fail-row'
import { type BatchResult, castBatch } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import type { Run } from '../context'
import type { FailRowKey } from '../ports'
import { type FailIndex, type SettledRow, failingIn } from '../run/fail-index'
import { settleUnderLease } from '../run/settle-errors'
import { settleTagsOfStudy } from '../run/settle-tags'
import { type StudyKey, type StudyRows, countByCode } from './resync'

// Studies as the archive has them, cast under a session that somebody else opened: the position's, or a lane's.

export interface RebuildCounts {
  readonly stored: number
  readonly unchanged: number
  readonly removed: number
  /** By code; each of these instances is not in FHIR, or not as DICOM has it. */
  readonly notCast: Readonly<Partial<Record<EntryError['_tag'], number>>>
}

export const nothingRebuilt: RebuildCounts = { stored: 0, unchanged: 0, removed: 0, notCast: {} }

export interface ReadStudy {
  readonly key: StudyKey
  readonly study: StudyRows
}

export interface Rebuilt {
  /** In the order given. */
  readonly studies: ReadonlyArray<{
    readonly key: StudyKey
    readonly counts: RebuildCounts
    /** Every row of it is settled, one way or the other. */
    readonly isWhole: boolean
  }>
  readonly isNothingSettled: boolean
  readonly stop: Stop | undefined
}

/**
 * Casts studies together, in as few transactions as the limits allow, and brings the error tables in step. `at`: for the
 * position and the audit log, since these rows are none of the feed.
 */
export const rebuildStudies = async (
  run: Run,
  session: FhirSession,
  index: FailIndex,
  at: number,
  given: ReadonlyArray<ReadStudy>,
): Promise<E.Either<ServiceError, Rebuilt>> => {
  const studies = numbered(given)
  const rows = studies.flatMap(({ study }) => study.rows)
  const result = await castBatch(run, session, {
    ...{ rows, stuckSince: undefined, sequences: { from: at, to: at }, isRebuild: true },
  })
  const { stop, settled } = result
  const isWhole = ({ study }: ReadStudy): boolean => study.rows.every(({ sequence }) => settled.has(sequence))
  const byStudy = studies.map((each) => ({ ...each, isWhole: isWhole(each) }))
  const settledRows = byStudy.map(({ key, study, isWhole: whole }) => settledNow(index, key, study, result, whole))
  const errors = await settleUnderLease(run, index, settledRows.flat(), result.syncedInstances)
  if (E.isLeft(errors)) return errors
  for (const [place, each] of byStudy.entries()) {
    const tags = each.isWhole ? await settleTagsOfStudy(run, each.key, settledRows[place] ?? []) : E.right(undefined)
    if (E.isLeft(tags)) return tags
  }
  return E.right({
    studies: byStudy.map(({ key, study, isWhole: whole }) => ({
      ...{ key, isWhole: whole, counts: countsOf(study, result) },
    })),
    isNothingSettled: settled.size === 0,
    stop,
  })
}

/** Rows of each are numbered from 1: together each needs a number of its own. */
const numbered = (studies: ReadonlyArray<ReadStudy>): ReadonlyArray<ReadStudy> => {
  let before = 0
  return studies.map(({ key, study }) => {
    const offset = before
    before += study.rows.reduce((most, { sequence }) => Math.max(most, sequence), 0)
    return { key, study: { ...study, rows: study.rows.map((row) => ({ ...row, sequence: row.sequence + offset })) } }
  })
}

/**
 * What is known of the instances now, without an entry of the feed: what cannot be cast is recorded, and the rows of
 * those that were cast, or are gone, are true no more.
 */
const settledNow = (
  index: FailIndex,
  key: StudyKey,
  { rows, rejected }: StudyRows,
  { settled }: BatchResult,
  isWhole: boolean,
): ReadonlyArray<SettledRow> => {
  const cast = rows.flatMap((row): ReadonlyArray<SettledRow> => {
    const settlement = settled.get(row.sequence)
    if (settlement === undefined) return []
    const error = settlement._tag === 'Recorded' ? settlement.error : undefined
    const said = row._tag === 'Upsert' ? { issues: row.issues, names: row.identity } : { issues: [] }
    return [{ sequence: 0, key: row.key, error, settlement: settlement._tag, ...said }]
  })
  // Of what is there, and of what failed, a note's word stands beside what became of it.
  const failing = failingIn(index)
  const judged = new Set([...cast, ...rejected.filter(({ error }) => error._tag !== 'Rejected')].map(textOf))
  const isTold = ({ error, ...each }: StudyRows['rejected'][number]): boolean =>
    error._tag !== 'Rejected' || (!judged.has(textOf(each)) && (error.isHidden || !failing.has(textOf(each))))
  const refused = rejected.filter(isTold).map((each): SettledRow => ({ ...each, sequence: 0, settlement: 'Recorded' }))
  const known = new Set([...rows, ...refused].map((each) => failRowName({ ...each.key, sequence: 0 })))
  const gone = [...index.rows.values()].flatMap((row): ReadonlyArray<SettledRow> => {
    const { partition, studyInstanceUid, sopInstanceUid } = row
    if (partition !== key.partition || studyInstanceUid !== key.studyInstanceUid) return []
    // An entry without UIDs may be about an instance that is there.
    const isNamed = sopInstanceUid !== undefined || row.sequence === 0
    return isNamed && !known.has(failRowName({ ...row, sequence: 0 }))
      ? [{ sequence: 0, key: instanceOf(row), issues: [], error: undefined }]
      : []
  })
  return [...cast, ...refused, ...(isWhole ? gone : [])]
}

const noUids: InstanceKey = { partition: '', studyInstanceUid: '', seriesInstanceUid: '', sopInstanceUid: '' }
const textOf = ({ key }: Pick<SettledRow, 'key'>): string => instanceKeyText({ ...noUids, ...key })

const instanceOf = ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }: FailRowKey) => ({
  ...(partition === undefined ? {} : { partition }),
  ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
  ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
  ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
})

const countsOf = ({ rows, rejected }: StudyRows, { settled }: BatchResult): RebuildCounts => {
  const [tally, errors] = [{ stored: 0, unchanged: 0, removed: 0 }, rejected.map(({ error }) => error)]
  for (const row of rows) {
    const settlement = settled.get(row.sequence)
    if (settlement?._tag === 'Recorded') errors.push(settlement.error)
    else if (settlement !== undefined && row._tag === 'Delete') tally.removed += 1
    else if (settlement?._tag === 'Stored') tally.stored += 1
    else if (settlement?._tag === 'Unchanged') tally.unchanged += 1
  }
  return { ...tally, notCast: countByCode(errors) }
}
