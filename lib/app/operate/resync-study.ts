import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { EntryError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import { isSynced } from '../../domain/dicom/partition'
import { failRowName } from '../../domain/fail-row'
import { type BatchResult, castBatch } from '../cast/cast-batch'
import { type CastSettings, type Run, retrying } from '../context'
import { spelledAsInService } from './choose-studies'
import { type EndedEarly, type Operated, casting, endedEarly, onlyLooking, service, sessionOf } from './operating'
import type { FailRowKey } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import {
  type StudyKey,
  type StudyReport,
  type StudyRows,
  countByCode,
  readStudyRows,
  verifyStudy,
  withdrawnOf,
} from './resync'
import type { RunOptions } from '../run/run-cast'
import { type FailIndex, type SettledRow, failingIn, readFailIndex } from '../run/fail-index'
import { settleUnderLease } from '../run/settle-errors'
import { settleTagsOfStudy } from '../run/settle-tags'

export interface Resync {
  readonly study: string
  readonly partition: string
  readonly stored: number
  readonly unchanged: number
  readonly removed: number
  /** By code; each of these instances is not in FHIR, or not as DICOM has it. */
  readonly notCast: Readonly<Partial<Record<EntryError['_tag'], number>>>
  /** Withdrawn by rejection notes: FHIR holds none of them. None where there are none. */
  readonly withdrawn?: number
  readonly stop?: EndedEarly
}

const notFound = E.left({ _tag: 'NotFound', what: 'study' } as const)

/** What is not synced would look as if all of it were gone. */
const notSynced = ({ partitions }: CastSettings, { partition }: StudyKey) =>
  !isSynced(partitions, partition)
    ? E.left({ _tag: 'Refused', reason: `the partition ${partition} is not among DicomCast__Partitions` } as const)
    : undefined

/** Does FHIR hold the study as DICOM has it? Reads only. */
export const verify = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  key: StudyKey,
): Promise<Operated<StudyReport>> => {
  const refused = notSynced(settings, key)
  if (refused !== undefined) return refused
  return onlyLooking(ports, settings, options, async (run): Promise<Operated<StudyReport>> => {
    const index = await readFailIndex(run)
    if (E.isLeft(index)) return service(index.left)
    const partition = await spelledAsInService(run, ports, key.partition)
    if (E.isLeft(partition)) return service(partition.left)
    const spelled = { ...key, partition: partition.right }
    const report = await verifyStudy(run, ports, spelled, [...index.right.rows.values()])
    if (E.isLeft(report)) return service(report.left)
    return report.right === undefined ? notFound : E.right(report.right)
  })
}

/** Rebuilds one study from what DICOM has now: adds what is missing, corrects what differs, removes what is gone. */
export const resync = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  key: StudyKey,
): Promise<Operated<Resync>> =>
  notSynced(settings, key) ??
  casting(ports, settings, options, async (run) => {
    const partition = await spelledAsInService(run, ports, key.partition)
    return E.isLeft(partition)
      ? service(partition.left)
      : resyncHeld(run, ports, { ...key, partition: partition.right })
  })

const resyncHeld = async (run: Run, ports: OperatorPorts, key: StudyKey): Promise<Operated<Resync>> => {
  const checkpoint = await retrying(run, run.ports.checkpoints.read())
  if (E.isLeft(checkpoint)) return service(checkpoint.left)
  const session = await sessionOf(run)
  if (E.isLeft(session)) return service(session.left)
  // What rejection notes of other studies have withdrawn stands there.
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  const study = await readStudyRows(run, ports, key)
  if (E.isLeft(study)) return service(study.left)
  if (study.right.unknown) return forgetStudy(run, key)
  // Our position tells how far the feed is settled; these rows are none of it.
  const at = O.isSome(checkpoint.right) ? checkpoint.right.value.checkpoint.syncedSequence : 0
  const { rows } = study.right
  const result = await castBatch(run, session.right, {
    ...{ rows, stuckSince: undefined, sequences: { from: at, to: at }, isRebuild: true },
  })
  const settled = settledNow(index.right, key, study.right, result)
  const errors = await settleUnderLease(run, index.right, settled, result.syncedInstances)
  if (E.isLeft(errors)) return service(errors.left)
  const tags = result.stop === undefined ? await settleTagsOfStudy(run, key, settled) : E.right(undefined)
  if (E.isLeft(tags)) return service(tags.left)
  const { stop } = result
  if (stop !== undefined && stop._tag !== 'OutOfTime' && result.settled.size === 0) return service(stop)
  const told = endedEarly(stop)
  return E.right({
    study: key.studyInstanceUid,
    partition: key.partition,
    ...countsOf(study.right, result),
    ...withdrawnOf(study.right),
    ...(told === undefined ? {} : { stop: told }),
  })
}

/** Neither service knows it: nothing is left of it but rows of its tags. */
const forgetStudy = async (run: Run, key: StudyKey): Promise<Operated<Resync>> => {
  const forgotten = await settleTagsOfStudy(run, key, [])
  if (E.isLeft(forgotten)) return service(forgotten.left)
  const { studyInstanceUid: study, partition } = key
  return forgotten.right === 0
    ? notFound
    : E.right({ study, partition, stored: 0, unchanged: 0, removed: 0, notCast: {} })
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

const countsOf = ({ rows, rejected }: StudyRows, { settled }: BatchResult) => {
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
