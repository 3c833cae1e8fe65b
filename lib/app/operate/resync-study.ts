import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { EntryError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type BatchResult, castBatch } from '../cast/cast-batch'
import type { Settlement } from '../../domain/batch/ledger'
import { type CastSettings, type Run, retrying } from '../context'
import { type EndedEarly, type Operated, endedEarly, looking, service, sessionOf, underLease } from './operating'
import type { OperatorPorts } from '../ports-operator'
import { type StudyKey, type StudyReport, type StudyRows, countByCode, readStudyRows, verifyStudy } from './resync'
import type { RunOptions } from '../run/run-cast'
import { type FailIndex, readFailIndex, settleErrors } from '../run/settle-errors'

export interface Resync {
  readonly study: string
  readonly partition: string
  readonly stored: number
  readonly unchanged: number
  readonly removed: number
  /** By code; each of these instances is not in FHIR, or not as DICOM has it. */
  readonly notCast: Readonly<Partial<Record<EntryError['_tag'], number>>>
  readonly stop?: EndedEarly
}

const notFound = E.left({ _tag: 'NotFound', what: 'study' } as const)

/** What is not synced would look as if all of it were gone. */
const notSynced = ({ partitions }: CastSettings, { partition }: StudyKey) =>
  partitions.size > 0 && !partitions.has(partition)
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
  const run = looking(ports, settings, options)
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  const report = await verifyStudy(run, key, [...index.right.rows.values()])
  if (E.isLeft(report)) return service(report.left)
  return report.right === undefined ? notFound : E.right(report.right)
}

/** Rebuilds one study from what DICOM has now: adds what is missing, corrects what differs, removes what is gone. */
export const resync = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  key: StudyKey,
): Promise<Operated<Resync>> =>
  notSynced(settings, key) ?? underLease(ports, settings, options, (run) => resyncHeld(run, key))

const resyncHeld = async (run: Run, key: StudyKey): Promise<Operated<Resync>> => {
  const checkpoint = await retrying(run, run.ports.checkpoints.read())
  if (E.isLeft(checkpoint)) return service(checkpoint.left)
  const session = await sessionOf(run)
  if (E.isLeft(session)) return service(session.left)
  const study = await readStudyRows(run, key)
  if (E.isLeft(study)) return service(study.left)
  if (study.right.unknown) return notFound
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  // Our position tells how far the feed is settled; these rows are none of it.
  const at = O.isSome(checkpoint.right) ? checkpoint.right.value.checkpoint.syncedSequence : 0
  const { rows } = study.right
  const result = await castBatch(run, session.right, {
    ...{ rows, stuckSince: undefined, sequences: { from: at, to: at } },
  })
  const settled = await settleErrors(run, index.right, [], settledInstances(index.right, key, study.right, result))
  if (E.isLeft(settled)) return service(settled.left)
  const { stop } = result
  if (stop !== undefined && stop._tag !== 'OutOfTime' && result.settled.size === 0) return service(stop)
  const told = endedEarly(stop)
  return E.right({
    study: key.studyInstanceUid,
    partition: key.partition,
    ...countsOf(study.right, result),
    ...(told === undefined ? {} : { stop: told }),
  })
}

const inOrder = (settlement: Settlement | undefined): boolean =>
  settlement !== undefined && settlement._tag !== 'Recorded'

/** About which no row of an error table is true any more: cast now, or not there any more. */
const settledInstances = (
  index: FailIndex,
  key: StudyKey,
  { rows, rejected }: StudyRows,
  { settled, syncedInstances, stop }: BatchResult,
): ReadonlyArray<InstanceKey> => {
  const done = rows.filter(({ sequence }) => inOrder(settled.get(sequence))).map((row) => row.key)
  const known = new Set([...rows.map((row) => instanceKeyText(row.key)), ...rejected.map((each) => textOf(each.key))])
  const gone = [...index.rows.values()].flatMap((row): ReadonlyArray<InstanceKey> => {
    const { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row
    if (partition === undefined || studyInstanceUid === undefined) return []
    if (seriesInstanceUid === undefined || sopInstanceUid === undefined) return []
    const instance = { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }
    return studyKeyText(instance) === studyKeyText(key) && !known.has(instanceKeyText(instance)) ? [instance] : []
  })
  return [...done, ...syncedInstances, ...(stop === undefined ? gone : [])]
}

const textOf = (key: Partial<InstanceKey>): string =>
  instanceKeyText({ partition: '', studyInstanceUid: '', seriesInstanceUid: '', sopInstanceUid: '', ...key })

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
