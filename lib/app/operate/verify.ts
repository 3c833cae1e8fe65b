import * as E from 'fp-ts/Either'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'
import { type CastSettings, type Run, remainingMs } from '../context'
import { lookUnderName } from '../feed-name'
import type { OperatorPorts } from '../ports-operator'
import type { RunOptions } from '../run/run-cast'
import { type FailIndex, readFailIndex } from '../run/fail-index'
import { type Scope, choose, countStudies, partitionsOf } from './choose-studies'
import { type Witnesses, unlistedIn } from './held-studies'
import { looking } from './operating'
import { type StudyKey, type StudyReport, verifyStudy } from './resync'
import { studyPages } from './study-pages'

/** Where a walk goes on: at this place of a partition's list, or of the studies that were chosen. */
export interface WalkPosition {
  readonly partition: string
  readonly done: number
  /** Of the page that begins there, the studies that are done: a page has no order. */
  readonly lately?: ReadonlyArray<string>
  /** What was chosen when the walk began; none of a walk over all. */
  readonly chosen?: ReadonlyArray<StudyKey>
}

/** What became of one study of a walk. */
export type StudyFound =
  | { readonly _tag: 'Compared'; readonly report: StudyReport }
  /** Neither service has it any more. */
  | { readonly _tag: 'Nowhere' }
  /** It cannot be read, while others can. */
  | { readonly _tag: 'NotComparable'; readonly study: string; readonly partition: string; readonly reason: string }

export interface Walk {
  readonly scope: Scope
  readonly from: WalkPosition | undefined
  /** Called for each study in turn. False ends the walk. */
  readonly onStudy: (found: StudyFound, position: WalkPosition) => Promise<boolean>
  /** How many studies it is about. Of all studies it costs a look through their index, so it is told only to who asks. */
  readonly onTotal?: (studies: number) => void
}

type Result<A> = Promise<E.Either<ServiceError, A>>

interface Page {
  readonly studies: ReadonlyArray<StudyKey>
  /** When so many of them are done. */
  readonly position: (done: number) => WalkPosition
  /** Studies that FHIR holds and DICOM does not list: told only where they differ, since others were compared already. */
  readonly ofFhir?: true
}

const pageSize = 100
/** One after another that cannot be read: no longer the fault of the studies. */
const mostInARow = 20

interface Doubt {
  readonly study: StudyKey
  readonly error: ServiceError
  readonly position: WalkPosition
}

/** A walk while it goes on. */
interface Walking {
  readonly run: Run
  readonly ports: OperatorPorts
  readonly walk: Walk
  readonly witnesses: Witnesses
  /** Not comparable so far: each is blamed when another one can be compared after it, and not before. */
  readonly doubts: Array<Doubt>
  /** The last that could be compared. */
  good?: StudyKey
}

/**
 * Compares studies, one after another, with what FHIR holds, and then the other way round. Reads only; the position
 * tells how to go on. What is wrong with one study costs that study; what is wrong with a service ends the walk.
 */
export const verifyStudies = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  walk: Walk,
): Result<'Done' | 'Stopped'> => {
  const run = looking(ports, settings, options)
  const known = await lookUnderName(run)
  if (E.isLeft(known)) return known
  const walking: Walking = { run, ports, walk, witnesses: new Map(), doubts: [] }
  for await (const page of pagesOf(run, ports, walk)) {
    if (E.isLeft(page)) return page
    const failures = await readFailIndex(run)
    if (E.isLeft(failures)) return failures
    const ended = await comparePage(walking, page.right, failures.right)
    if (ended !== undefined) return ended
  }
  return blameTheLast(walking)
}

/** None while the walk goes on. */
const comparePage = async (
  walking: Walking,
  { studies, position, ofFhir }: Page,
  failures: FailIndex,
): Promise<E.Either<ServiceError, 'Stopped'> | undefined> => {
  const { run, ports, walk, witnesses, doubts } = walking
  for (const [index, study] of studies.entries()) {
    if (run.stopping() || remainingMs(run) <= 0) return E.right('Stopped')
    const next = position(index + 1)
    const report = await verifyStudy(run, ports, study, failures, witnesses)
    if (E.isLeft(report)) {
      if (!canBeOneStudy(report.left)) return report
      doubts.push({ study, error: report.left, position: next })
      if (doubts.length >= mostInARow) return report
      continue
    }
    if (report.right !== undefined) walking.good = study
    if (!(await blame(walking))) return E.right('Stopped')
    if (ofFhir === true && (report.right === undefined || report.right.inStep)) continue
    const found: StudyFound =
      report.right === undefined ? { _tag: 'Nowhere' } : { _tag: 'Compared', report: report.right }
    if (!(await walk.onStudy(found, next))) return E.right('Stopped')
  }
  return undefined
}

/** Whoever may not read at all, or lost something of its own, gets no further with the next study. */
export const canBeOneStudy = (error: ServiceError): boolean =>
  error._tag === 'AnswerTooLarge' ||
  error._tag === 'FhirConflict' ||
  (error._tag === 'ServiceUnavailable' && (error.hop === 'dicom' || error.hop === 'fhir') && error.outOfTime !== true)

const blame = async ({ walk, doubts }: Walking): Promise<boolean> => {
  for (const { study, error, position } of doubts.splice(0)) {
    const { partition, studyInstanceUid } = study
    const reason = describeServiceError(error)
    const goOn = await walk.onStudy({ _tag: 'NotComparable', study: studyInstanceUid, partition, reason }, position)
    if (!goOn) return false
  }
  return true
}

/** Nothing came after them to compare with: one that was read before must still be there. */
const blameTheLast = async (walking: Walking): Result<'Done' | 'Stopped'> => {
  const { run, ports, doubts, good, witnesses } = walking
  const [first] = doubts
  if (first === undefined) return E.right('Done')
  const noFailures: FailIndex = { rows: new Map() }
  const again = good === undefined ? E.left(first.error) : await verifyStudy(run, ports, good, noFailures, witnesses)
  if (E.isLeft(again)) return again
  return E.right((await blame(walking)) ? 'Done' : 'Stopped')
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
  for (let start = from?.done ?? 0; start < chosen.right.length; start += pageSize) {
    const studies = chosen.right.slice(start, start + pageSize)
    yield E.right({ studies, position: (done) => ({ partition: '', done: start + done, chosen: chosen.right }) })
  }
}

/** What the archive lists, and then what FHIR holds besides. */
async function* allPages(
  run: Run,
  ports: OperatorPorts,
  partitions: ReadonlyArray<string>,
  from: WalkPosition | undefined,
): AsyncGenerator<E.Either<ServiceError, Page>> {
  const first = Math.max(0, from === undefined ? 0 : partitions.indexOf(from.partition))
  for (const [index, partition] of partitions.slice(first).entries()) {
    const before = index === 0 ? from : undefined
    const seen = new Set(before?.lately)
    let position: WalkPosition = { ...before, partition, done: before?.done ?? 0 }
    for await (const page of studyPages(run, ports.studyIndex, partition, position.done, pageSize, seen)) {
      if (E.isLeft(page)) return yield page
      const { studies, known, offset } = page.right
      const at = (done: number): WalkPosition => ({
        ...{ partition, done: offset, lately: [...known, ...studies.slice(0, done)] },
      })
      yield E.right({ studies: studies.map((studyInstanceUid) => ({ partition, studyInstanceUid })), position: at })
      position = at(studies.length)
    }
    const unlisted = await unlistedIn(run, ports, partition, seen)
    if (E.isLeft(unlisted)) return yield unlisted
    const { missed, alone } = unlisted.right
    // A walk that goes on has not seen what it compared before.
    if (before === undefined && missed.length > 0) yield E.right({ studies: missed, position: () => position })
    for (let start = 0; start < alone.length; start += pageSize) {
      yield E.right({ studies: alone.slice(start, start + pageSize), position: () => position, ofFhir: true })
    }
  }
}
