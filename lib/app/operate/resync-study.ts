import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { isSynced } from '../../domain/dicom/partition'
import { type CastSettings, type Run, retrying } from '../context'
import { castStudy } from './cast-study'
import { spelledAsInService } from './choose-studies'
import { type EndedEarly, type Operated, casting, endedEarly, onlyLooking, service, sessionOf } from './operating'
import type { OperatorPorts } from '../ports-operator'
import { type RebuildCounts, countsOf, nothingRebuilt } from './rebuild-studies'
import { type StudyKey, type StudyReport, verifyStudy, withdrawnOf } from './resync'
import type { RunOptions } from '../run/run-cast'
import { readFailIndex } from '../run/fail-index'

export interface Resync extends RebuildCounts {
  readonly study: string
  readonly partition: string
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
    const report = await verifyStudy(run, ports, spelled, index.right)
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
  // Our position tells how far the feed is settled; these rows are none of it.
  const at = O.isSome(checkpoint.right) ? checkpoint.right.value.checkpoint.syncedSequence : 0
  const cast = await castStudy({ run, ports, session: session.right, index: index.right, at }, key)
  if (E.isLeft(cast)) return service(cast.left)
  if (cast.right._tag === 'Unknown') {
    const { studyInstanceUid: study, partition } = key
    return cast.right.forgotten === 0 ? notFound : E.right({ study, partition, ...nothingRebuilt })
  }
  const { study, result } = cast.right
  const { stop } = result
  if (stop !== undefined && stop._tag !== 'OutOfTime' && result.settled.size === 0) return service(stop)
  const told = endedEarly(stop)
  return E.right({
    study: key.studyInstanceUid,
    partition: key.partition,
    ...countsOf(study, result),
    ...withdrawnOf(study),
    ...(told === undefined ? {} : { stop: told }),
  })
}
