import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { Backfill } from '../../domain/backfill/backfill'
import { type ListedStudy, isUid } from '../../domain/backfill/parts'
import { planEndpoint } from '../../domain/batch/plan'
import type { ServiceError } from '../../domain/cast-error'
import { isSamePartition } from '../../domain/dicom/partition'
import type { FhirSession } from '../cast/fhir-session'
import { loadSnapshot, probe } from '../cast/load-snapshot'
import { type Run, remainingMs } from '../context'
import { partitionsOf } from '../operate/choose-studies'
import type { OperatorFailure } from '../operate/operating'
import { sendPlanned } from '../operate/rename-steps'
import { studyPages } from '../operate/study-pages'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import type { StudyIndex } from '../ports-operator'
import { writeBackfill } from './rows'
import { type Gathering, findParts, gather, writeParts } from './write-parts'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** The most that a DICOM service gives at once. */
const pageSize = 200
/** Of a step: what it has gathered is written then, and where it stands is kept. */
const pagesOfStep = 25

export interface Listing {
  readonly run: Run
  readonly ports: BackfillPorts
  /** Under the position. */
  readonly session: FhirSession
}

/** The pages as they are walked through, and what they say of each study. */
const remembering = ({ studyList }: BackfillPorts, details: Map<string, ListedStudy>): Pick<StudyIndex, 'studies'> => ({
  studies: (partition, offset, limit) =>
    pipe(
      studyList.page(partition, offset, limit),
      TE.map((page) => {
        for (const study of page) details.set(study.studyInstanceUid, study)
        return page.map(({ studyInstanceUid }) => studyInstanceUid)
      }),
    ),
})

const isChosen = ({ partitions }: Backfill['scope'], name: string): boolean =>
  partitions === undefined || partitions.some((each) => isSamePartition(each, name))

/** As the service spells them. */
export const chosenPartitions = async (
  run: Run,
  ports: BackfillPorts,
  scope: Backfill['scope'],
): Result<ReadonlyArray<string>> =>
  E.map((names: ReadonlyArray<string>) => names.filter((name) => isChosen(scope, name)))(await partitionsOf(run, ports))

type Cursor = NonNullable<Backfill['cursor']>

export const listedAll = ({ run, ports }: Listing, stored: Stored<Backfill>, done: Partial<Backfill>) =>
  writeBackfill(run, ports, stored, { ...stored, ...done, state: 'working', listedAt: ports.clock.now() })

/** Where the listing stands; at its beginning when it has not begun. */
export const cursorOf = async (run: Run, ports: BackfillPorts, { cursor, scope }: Backfill): Result<Cursor> =>
  cursor !== undefined
    ? E.right(cursor)
    : E.map((partitions: ReadonlyArray<string>) => ({ partitions, at: 0, offset: 0 }))(
        await chosenPartitions(run, ports, scope),
      )

/** One step of the listing, under the lease. The cursor is kept last: a step that died is repeated. */
export const listStep = async (listing: Listing, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { run, ports } = listing
  const begun = await cursorOf(run, ports, stored)
  if (E.isLeft(begun)) return begun
  const cursor = begun.right
  const partition = cursor.partitions[cursor.at]
  if (partition === undefined) return listedAll(listing, stored, { cursor })
  const gathering: Gathering = {
    ...{ run, ports, backfill: stored, partition, waiting: new Map() },
    ...{ parts: [...stored.parts], listed: { ...stored.listed } },
  }
  const found = await findParts(gathering)
  if (E.isLeft(found)) return found
  const details = new Map<string, ListedStudy>()
  const index = remembering(ports, details)
  const last = new Set(cursor.before)
  let [next, unlistable, pages]: [Cursor, number, number] = [cursor, stored.unlistable, 0]
  let [isEnd, isBorn] = [true, false]
  // The parts of a page are written while the next one is read.
  let writing: Result<void> = Promise.resolve(E.right(undefined))
  for await (const page of studyPages(run, index, partition, cursor.offset, pageSize, new Set(last), last)) {
    const before = await writing
    if (E.isLeft(before)) return before
    if (E.isLeft(page)) return page
    const { studies: fresh, known } = page.right
    const studies = fresh.flatMap((uid) => details.get(uid) ?? []).filter((each) => isUid(each.studyInstanceUid))
    unlistable += fresh.length - studies.length
    gather(gathering, studies)
    // Two lanes could create the Endpoint both: no part comes before it.
    const born = isBorn ? Promise.resolve(E.right(undefined)) : bearEndpoint(listing, partition, studies[0])
    isBorn ||= studies.length > 0
    writing = born.then((stands) => (E.isLeft(stands) ? stands : writeParts(gathering, false)))
    // Whoever waits for it hears of an exception.
    writing.catch(() => undefined)
    details.clear()
    next = { ...cursor, offset: page.right.next, before: [...known, ...fresh] }
    pages += 1
    isEnd = false
    if (pages >= pagesOfStep || run.stopping() || remainingMs(run) <= 0) break
    isEnd = true
  }
  const before = await writing
  const written = E.isLeft(before) ? before : await writeParts(gathering, true)
  if (E.isLeft(written)) return written
  const { parts, listed } = gathering
  const after = isEnd ? { partitions: cursor.partitions, at: cursor.at + 1, offset: 0 } : next
  return writeBackfill(run, ports, stored, { ...stored, cursor: after, parts, listed, unlistable })
}

const asService = (failure: OperatorFailure): ServiceError =>
  failure._tag === 'Service'
    ? failure.error
    : { _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'the Endpoint of a partition cannot be written' }

/** Two lanes could create it both, and each would be right: it stands before the first of them writes. */
export const bearEndpoint = async (
  { run, session }: Listing,
  partition: string,
  study: Pick<ListedStudy, 'studyInstanceUid'> | undefined,
): Result<void> => {
  if (study === undefined) return E.right(undefined)
  const sent = await sendPlanned(session, async () => {
    const snapshot = await loadSnapshot(run, [probe({ partition, studyInstanceUid: study.studyInstanceUid })], [])
    if (E.isLeft(snapshot)) return snapshot
    const entry = planEndpoint(run.settings, snapshot.right, partition)
    return E.right(entry === undefined ? [] : [entry])
  })
  return E.isLeft(sent) ? E.left(asService(sent.left)) : E.right(undefined)
}

/** What a backfill of this scope would be about; nothing is written. */
export interface Foreseen {
  readonly partitions: ReadonlyArray<{ readonly partition: string; readonly studies: number; readonly images: number }>
  /** All was counted; else there are at least so many, and the time was used up. */
  readonly whole: boolean
  /** Of studies that were named: those that the archive does not have. */
  readonly missing?: number
}

export const foresee = async (listing: Omit<Listing, 'session'>, scope: Backfill['scope']): Result<Foreseen> => {
  const { run, ports } = listing
  const known = await chosenPartitions(run, ports, scope)
  if (E.isLeft(known)) return known
  const partitions: Array<Foreseen['partitions'][number]> = []
  for (const partition of known.right) {
    let [studies, images] = [0, 0]
    const details = new Map<string, ListedStudy>()
    const index = remembering(ports, details)
    for await (const page of studyPages(run, index, partition, 0, pageSize, new Set())) {
      if (E.isLeft(page)) return page
      studies += page.right.studies.length
      for (const uid of page.right.studies) images += details.get(uid)?.instances ?? 0
      details.clear()
      if (!run.stopping() && remainingMs(run) > 0) continue
      return E.right({ partitions: [...partitions, { partition, studies, images }], whole: false })
    }
    partitions.push({ partition, studies, images })
  }
  return E.right({ partitions, whole: true })
}
