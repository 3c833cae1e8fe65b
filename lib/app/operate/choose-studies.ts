import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition, isSamePartition, isSynced } from '../../domain/dicom/partition'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { OperatorPorts } from '../ports-operator'
import type { StudyKey } from './resync'
import { studyPages } from './study-pages'

// Which studies a walk is about, when it is not about all of them.

export type Scope =
  | { readonly _tag: 'All' }
  /** Studies of which an entry was written from then on, ms. */
  | { readonly _tag: 'Since'; readonly time: number }
  | { readonly _tag: 'Sample'; readonly size: number }

type Result<A> = Promise<E.Either<ServiceError, A>>

/** The most that a DICOM service gives at once. */
const indexPageSize = 200

/** Those that are synced, as the service spells them. */
export const partitionsOf = async (run: Run, ports: OperatorPorts): Result<ReadonlyArray<string>> => {
  const { partitions } = run.settings
  const known = await retrying(run, ports.studyIndex.partitions())
  if (E.isLeft(known) || partitions.size === 0) return known
  const synced = known.right.filter((each) => isSynced(partitions, each))
  const others = [...partitions].filter((each) => !synced.some((name) => isSamePartition(name, each)))
  return E.right([...synced, ...others].sort())
}

/** As the service spells it; as it was given where the service knows no such partition. */
export const spelledAsInService = async (run: Run, ports: OperatorPorts, partition: string): Result<string> => {
  if (isSamePartition(partition, defaultPartition)) return E.right(defaultPartition)
  const known = await retrying(run, ports.studyIndex.partitions())
  return E.isLeft(known) ? known : E.right(known.right.find((each) => isSamePartition(each, partition)) ?? partition)
}

export const choose = (
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  scope: Exclude<Scope, { readonly _tag: 'All' }>,
): Result<ReadonlyArray<StudyKey>> =>
  scope._tag === 'Since' ? changedSince(run, scope.time) : sample(run, ports, partitions, scope.size)

/** The change feed knows it best: every create, update and delete, by the service's own clock. */
const changedSince = async (run: Run, time: number): Result<ReadonlyArray<StudyKey>> => {
  const { partitions } = run.settings
  const studies = new Map<string, StudyKey>()
  for (let skip = 0; ;) {
    const page = await retrying(run, run.ports.dicom.window(new Date(time).toISOString(), skip))
    if (E.isLeft(page)) return page
    for (const element of page.right.elements) {
      const decoded = run.judge.decode(element)
      if (E.isRight(decoded) && isSynced(partitions, decoded.right.partition)) {
        const { partition, studyInstanceUid } = decoded.right
        studies.set(studyKeyText(decoded.right), { partition, studyInstanceUid })
      }
    }
    skip += page.right.elements.length
    if (page.right.elements.length === 0) return E.right([...studies.values()])
  }
}

/** Every study of the index, in one pass. */
const eachStudy = async (
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  take: (study: StudyKey) => void,
): Result<void> => {
  for (const partition of partitions) {
    for await (const page of studyPages(run, ports.studyIndex, partition, 0, indexPageSize, new Set())) {
      if (E.isLeft(page)) return page
      for (const studyInstanceUid of page.right.studies) take({ partition, studyInstanceUid })
    }
  }
  return E.right(undefined)
}

export const countStudies = async (
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
): Result<number> => {
  let studies = 0
  const read = await eachStudy(run, ports, partitions, () => (studies += 1))
  return E.isLeft(read) ? read : E.right(studies)
}

/** Each study with the same chance (reservoir sampling). */
const sample = async (
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  size: number,
): Result<ReadonlyArray<StudyKey>> => {
  const chosen: Array<StudyKey> = []
  let seen = 0
  const read = await eachStudy(run, ports, partitions, (study) => {
    const place = seen < size ? seen : Math.floor(run.ports.random.fraction() * (seen + 1))
    seen += 1
    if (place < size) chosen[place] = study
  })
  return E.isLeft(read) ? read : E.right(chosen)
}
