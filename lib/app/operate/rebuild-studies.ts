import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { type BatchResult, castBatch } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import type { Run } from '../context'
import type { FailIndex } from '../run/fail-index'
import { settleUnderLease } from '../run/settle-errors'
import { settleTagsOfStudies } from '../run/settle-tags'
import { type StudyKey, type StudyRows, countByCode } from './resync'
import { settledNow } from './settled-now'

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
  const settledRows = byStudy.map(({ key, study, isWhole: is }) => settledNow(index, key, study, result, is))
  const errors = await settleUnderLease(run, index, settledRows.flat(), result.syncedInstances)
  if (E.isLeft(errors)) return errors
  const whole = byStudy.flatMap(({ key: study, isWhole: is }, place) =>
    is ? [{ study, settled: settledRows[place] ?? [] }] : [],
  )
  const tags = await settleTagsOfStudies(run, whole)
  if (E.isLeft(tags)) return tags
  return E.right({
    studies: byStudy.map(({ key, study, isWhole: is }) => ({
      ...{ key, isWhole: is, counts: countsOf(study, result) },
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

export const countsOf = ({ rows, rejected }: StudyRows, { settled }: BatchResult): RebuildCounts => {
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
