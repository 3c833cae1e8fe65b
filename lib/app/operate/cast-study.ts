import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import { failRowName } from '../../domain/fail-row'
import { type BatchInput, type BatchResult, castBatch, nothingCast } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import type { Run } from '../context'
import type { FailRowKey } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import { type FailIndex, type SettledRow, failingIn } from '../run/fail-index'
import { type ErrorsSettled, settleUnderLease } from '../run/settle-errors'
import { settleTagsOfStudy } from '../run/settle-tags'
import type { Witnesses } from './held-studies'
import { type StudyKey, type StudyRows, readStudyRows } from './resync'

/** Who casts whole studies, under the lease and in one session. */
export interface StudyCasting extends Pick<BatchInput, 'rejectedStudies'> {
  readonly run: Run
  readonly ports: OperatorPorts
  readonly session: FhirSession
  readonly index: FailIndex
  /** For our position and the audit log: a study that is read whole is no entry of a feed. */
  readonly at: number
  readonly witnesses?: Witnesses
  readonly stuckSince?: number | undefined
}

export type StudyCast =
  /** Neither service knows it; so many rows about it went. */
  | { readonly _tag: 'Unknown'; readonly forgotten: number }
  | {
      readonly _tag: 'Cast'
      readonly study: StudyRows
      readonly result: BatchResult
      readonly settled: ReadonlyArray<SettledRow>
      readonly errors: ErrorsSettled
    }

/** One study as the archive has it now, into FHIR and the error tables. */
export const castStudy = async (
  { run, ports, session, index, at, witnesses, stuckSince, rejectedStudies }: StudyCasting,
  key: StudyKey,
): Promise<E.Either<ServiceError, StudyCast>> => {
  const study = await readStudyRows(run, ports, key, witnesses)
  if (E.isLeft(study)) return study
  if (study.right.unknown) return forgetStudy(run, ports, index, key)
  const { rows } = study.right
  const result = await castBatch(run, session, {
    ...{ rows, stuckSince, sequences: { from: at, to: at }, isRebuild: true },
    ...(rejectedStudies === undefined ? {} : { rejectedStudies }),
  })
  const settled = settledNow(index, key, study.right, result)
  const errors = await settleUnderLease(run, index, settled, result.syncedInstances)
  if (E.isLeft(errors)) return errors
  const tags = result.stop === undefined ? await settleTagsOfStudy(run, key, settled) : E.right(0)
  if (E.isLeft(tags)) return tags
  return E.right({ _tag: 'Cast', study: study.right, result, settled, errors: errors.right })
}

const nothingRead: StudyRows = {
  ...{ rows: [], rejected: [], liveInstances: 0, withdrawn: 0, heldInstances: 0, readInstances: 0, unknown: true },
}

/**
 * Nothing is left of it but rows: of its tags, and, where no entry of a feed will ever take them away, of its instances that
 * could not be cast.
 */
const forgetStudy = async (
  run: Run,
  ports: OperatorPorts,
  index: FailIndex,
  key: StudyKey,
): Promise<E.Either<ServiceError, StudyCast>> => {
  const gone = ports.source === undefined ? [] : settledNow(index, key, nothingRead, nothingCast())
  const errors = gone.length === 0 ? E.right(undefined) : await settleUnderLease(run, index, gone, [])
  if (E.isLeft(errors)) return errors
  const tags = await settleTagsOfStudy(run, key, [])
  return E.isLeft(tags) ? tags : E.right({ _tag: 'Unknown', forgotten: tags.right + gone.length })
}

/**
 * What is known of the instances now, without an entry of the feed: what cannot be cast is recorded, and the rows of
 * those that were cast, or are gone, are true no more.
 */
const settledNow = (
  index: FailIndex,
  key: StudyKey,
  { rows, rejected }: StudyRows,
  { settled, stop }: BatchResult,
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
  return [...cast, ...refused, ...(stop === undefined ? gone : [])]
}

const noUids: InstanceKey = { partition: '', studyInstanceUid: '', seriesInstanceUid: '', sopInstanceUid: '' }
const textOf = ({ key }: Pick<SettledRow, 'key'>): string => instanceKeyText({ ...noUids, ...key })

const instanceOf = ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }: FailRowKey) => ({
  ...(partition === undefined ? {} : { partition }),
  ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
  ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
  ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
})
