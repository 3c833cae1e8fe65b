import * as E from 'fp-ts/Either'
import type { ServiceError } from '../domain/cast-error'
import { studyKeyText } from '../domain/dicom/change-feed-entry'
import { type CastSettings, type Run, remainingMs, retrying } from './context'
import { looking } from './operating'
import type { OperatorPorts } from './ports-operator'
import { type StudyKey, type StudyReport, verifyStudy } from './resync'
import type { RunOptions } from './run-cast'
import { readFailIndex } from './settle-errors'

export type Scope =
  | { readonly _tag: 'All' }
  /** Studies of which an entry was written from then on, ms. */
  | { readonly _tag: 'Since'; readonly time: number }
  | { readonly _tag: 'Sample'; readonly size: number }

/** Where a walk goes on: so many studies of this partition are done. */
export interface WalkPosition {
  readonly partition: string
  readonly done: number
}

export interface Walk {
  readonly scope: Scope
  readonly from: WalkPosition | undefined
  /** Called for each study in turn; false ends the walk. */
  readonly onStudy: (report: StudyReport, position: WalkPosition) => Promise<boolean>
}

type Result<A> = Promise<E.Either<ServiceError, A>>

const pageSize = 100

/** Compares studies, one after another, with what FHIR holds. Reads only; the position tells how to go on. */
export const verifyStudies = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  { scope, from, onStudy }: Walk,
): Result<'Done' | 'Stopped'> => {
  const run = looking(ports, settings, options)
  const partitions = await partitionsOf(run, ports)
  if (E.isLeft(partitions)) return partitions
  const chosen = scope._tag === 'All' ? undefined : await choose(run, ports, partitions.right, scope)
  if (chosen !== undefined && E.isLeft(chosen)) return chosen
  const pages = chosen === undefined ? ports.studyIndex.studies : pagesOf(chosen.right)
  const first = Math.max(0, from === undefined ? 0 : partitions.right.indexOf(from.partition))
  for (const [index, partition] of partitions.right.slice(first).entries()) {
    let done = index === 0 && from !== undefined ? from.done : 0
    for (let more = true; more;) {
      const page = await retrying(run, pages(partition, done, pageSize))
      if (E.isLeft(page)) return page
      const failures = await readFailIndex(run)
      if (E.isLeft(failures)) return failures
      const rows = [...failures.right.rows.values()]
      for (const studyInstanceUid of page.right) {
        if (run.stopping() || remainingMs(run) <= 0) return E.right('Stopped')
        const report = await verifyStudy(run, { partition, studyInstanceUid }, rows)
        if (E.isLeft(report)) return report
        done += 1
        if (report.right !== undefined && !(await onStudy(report.right, { partition, done }))) return E.right('Stopped')
      }
      more = page.right.length === pageSize
    }
  }
  return E.right('Done')
}

const partitionsOf = (run: Run, ports: OperatorPorts): Result<ReadonlyArray<string>> =>
  run.settings.partitions.size > 0
    ? Promise.resolve(E.right([...run.settings.partitions].sort()))
    : retrying(run, ports.studyIndex.partitions())

const pagesOf =
  (studies: ReadonlyArray<StudyKey>): OperatorPorts['studyIndex']['studies'] =>
  (partition, offset, limit) =>
  async () =>
    E.right(
      studies
        .filter((study) => study.partition === partition)
        .map(({ studyInstanceUid }) => studyInstanceUid)
        .slice(offset, offset + limit),
    )

const choose = (
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  scope: Exclude<Scope, { readonly _tag: 'All' }>,
): Result<ReadonlyArray<StudyKey>> =>
  scope._tag === 'Since' ? changedSince(run, scope.time) : sample(run, ports, partitions, scope.size)

/** The change feed knows it best: every create, update and delete, by the service's own clock. */
const changedSince = async (run: Run, time: number): Result<ReadonlyArray<StudyKey>> => {
  const studies = new Map<string, StudyKey>()
  for (let skip = 0; ;) {
    const page = await retrying(run, run.ports.dicom.window(new Date(time).toISOString(), skip))
    if (E.isLeft(page)) return page
    for (const element of page.right.elements) {
      const decoded = run.judge.decode(element)
      if (E.isRight(decoded)) {
        const { partition, studyInstanceUid } = decoded.right
        studies.set(studyKeyText(decoded.right), { partition, studyInstanceUid })
      }
    }
    skip += page.right.elements.length
    if (page.right.elements.length === 0) return E.right([...studies.values()])
  }
}

/** Each study with the same chance, in one pass over the index (reservoir sampling). */
const sample = async (
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  size: number,
): Result<ReadonlyArray<StudyKey>> => {
  const chosen: Array<StudyKey> = []
  let seen = 0
  for (const partition of partitions) {
    for (let [offset, more] = [0, true]; more; offset += pageSize) {
      const page = await retrying(run, ports.studyIndex.studies(partition, offset, pageSize))
      if (E.isLeft(page)) return page
      for (const studyInstanceUid of page.right) {
        const place = seen < size ? seen : Math.floor(run.ports.random.fraction() * (seen + 1))
        seen += 1
        if (place < size) chosen[place] = { partition, studyInstanceUid }
      }
      more = page.right.length === pageSize
    }
  }
  return E.right(chosen)
}
