import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { looking } from './operating'
import type { OperatorPorts } from '../ports-operator'
import { type StudyKey, type StudyReport, verifyStudy } from './resync'
import type { RunOptions } from '../run/run-cast'
import { readFailIndex } from '../run/settle-errors'

export type Scope =
  | { readonly _tag: 'All' }
  /** Studies of which an entry was written from then on, ms. */
  | { readonly _tag: 'Since'; readonly time: number }
  | { readonly _tag: 'Sample'; readonly size: number }

/** Where a walk goes on: so many studies are done, of this partition, or of those that were chosen. */
export interface WalkPosition {
  readonly partition: string
  readonly done: number
  /** What was chosen when the walk began; none of a walk over all. */
  readonly chosen?: ReadonlyArray<StudyKey>
}

export interface Walk {
  readonly scope: Scope
  readonly from: WalkPosition | undefined
  /** Called for each study in turn; none when neither service has it any more. False ends the walk. */
  readonly onStudy: (report: StudyReport | undefined, position: WalkPosition) => Promise<boolean>
  /** How many studies it is about. Of all studies it costs a look through their index, so it is told only to who asks. */
  readonly onTotal?: (studies: number) => void
}

type Result<A> = Promise<E.Either<ServiceError, A>>

interface Page {
  readonly studies: ReadonlyArray<StudyKey>
  /** Of its first study. */
  readonly position: WalkPosition
}

const pageSize = 100
/** The most that a DICOM service gives at once. */
const indexPageSize = 200

/** Compares studies, one after another, with what FHIR holds. Reads only; the position tells how to go on. */
export const verifyStudies = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  walk: Walk,
): Result<'Done' | 'Stopped'> => {
  const run = looking(ports, settings, options)
  for await (const page of pagesOf(run, ports, walk)) {
    if (E.isLeft(page)) return page
    const failures = await readFailIndex(run)
    if (E.isLeft(failures)) return failures
    const rows = [...failures.right.rows.values()]
    const { studies, position } = page.right
    for (const [index, study] of studies.entries()) {
      if (run.stopping() || remainingMs(run) <= 0) return E.right('Stopped')
      const report = await verifyStudy(run, study, rows)
      if (E.isLeft(report)) return report
      const next = { ...position, partition: study.partition, done: position.done + index + 1 }
      if (!(await walk.onStudy(report.right, next))) return E.right('Stopped')
    }
  }
  return E.right('Done')
}

async function* pagesOf(
  run: Run,
  ports: OperatorPorts,
  { scope, from, onTotal }: Walk,
): AsyncGenerator<E.Either<ServiceError, Page>> {
  const partitions = await partitionsOf(run, ports)
  if (E.isLeft(partitions)) return yield partitions
  if (scope._tag === 'All') {
    const total = onTotal === undefined ? E.right(0) : await countStudies(run, ports, partitions.right)
    if (E.isLeft(total)) return yield total
    onTotal?.(total.right)
    return yield* allPages(run, ports, partitions.right, from)
  }
  const chosen = from?.chosen === undefined ? await choose(run, ports, partitions.right, scope) : E.right(from.chosen)
  if (E.isLeft(chosen)) return yield chosen
  onTotal?.(chosen.right.length)
  for (let done = from?.done ?? 0; done < chosen.right.length; done += pageSize) {
    const studies = chosen.right.slice(done, done + pageSize)
    yield E.right({ studies, position: { partition: '', done, chosen: chosen.right } })
  }
}

async function* allPages(
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  from: WalkPosition | undefined,
): AsyncGenerator<E.Either<ServiceError, Page>> {
  const first = Math.max(0, from === undefined ? 0 : partitions.indexOf(from.partition))
  for (const [index, partition] of partitions.slice(first).entries()) {
    let done = index === 0 && from !== undefined ? from.done : 0
    for (let more = true; more;) {
      const page = await retrying(run, ports.studyIndex.studies(partition, done, pageSize))
      if (E.isLeft(page)) return yield page
      const studies = page.right.map((studyInstanceUid) => ({ partition, studyInstanceUid }))
      yield E.right({ studies, position: { partition, done } })
      done += studies.length
      more = studies.length === pageSize
    }
  }
}

const partitionsOf = (run: Run, ports: OperatorPorts): Result<ReadonlyArray<string>> =>
  run.settings.partitions.size > 0
    ? Promise.resolve(E.right([...run.settings.partitions].sort()))
    : retrying(run, ports.studyIndex.partitions())

const choose = (
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
      if (E.isRight(decoded) && (partitions.size === 0 || partitions.has(decoded.right.partition))) {
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
    for (let [offset, more] = [0, true]; more; offset += indexPageSize) {
      const page = await retrying(run, ports.studyIndex.studies(partition, offset, indexPageSize))
      if (E.isLeft(page)) return page
      for (const studyInstanceUid of page.right) take({ partition, studyInstanceUid })
      more = page.right.length === indexPageSize
    }
  }
  return E.right(undefined)
}

const countStudies = async (run: Run, ports: OperatorPorts, partitions: ReadonlyArray<string>): Result<number> => {
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
