import * as E from 'fp-ts/Either'
import type { RejectedInstances } from '../../domain/batch/rejected'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { defaultPartition } from '../../domain/dicom/partition'
import { loadSnapshot, probe } from '../cast/load-snapshot'
import { type Run, remainingMs, retrying } from '../context'
import { type StudyCast, castStudy } from '../operate/cast-study'
import type { Witnesses } from '../operate/held-studies'
import type { StudyKey } from '../operate/resync'
import { canBeOneStudy } from '../operate/verify'
import type { ListedStudy, SeenStudy } from '../ports-source'
import { tryServer } from '../run/cast-batches'
import { type Casting, type Step, failIndexOf, sessionOf, stuckOn } from '../run/casting'
import type { SettledRow } from '../run/fail-index'
import { settleUnderLease } from '../run/settle-errors'
import type { Passed } from '../run/settled-rows'
import { count } from '../run/summary'
import type { SourcePorts } from './source-ports'

// Studies of an archive without a change feed, each read whole. What is wrong with one study costs that study; what is wrong
// with a service ends the run.

export interface DoneStudy {
  readonly studyInstanceUid: string
  /** `Same`: FHIR had it so already. `NotRead`: it cannot be read, while others can. */
  readonly became: 'Same' | 'Changed' | 'Gone' | 'Nowhere' | 'NotRead'
}

/** One that no list has told: what it would say of it is not known. */
export const unlisted = (studyInstanceUid: string): ListedStudy => ({
  ...{ id: studyInstanceUid, studyInstanceUid, state: undefined },
})

interface Walk {
  readonly casting: Casting
  readonly ports: SourcePorts
  readonly witnesses: Witnesses
  /** They could not be read: each is blamed when another one can be read after it, and not before. */
  readonly doubts: Array<{ readonly key: StudyKey; readonly error: ServiceError }>
  readonly tell: (done: DoneStudy) => void
  readonly seen: Array<SeenStudy>
  readonly forgotten: Array<string>
}

/** So many one after another that cannot be read: are others still to be read? */
const mostInARow = 20

/** Right: all were settled; else time is up, or somebody wants the end. `tell`: what became of each. */
export const castListed = async (
  casting: Casting,
  ports: SourcePorts,
  studies: ReadonlyArray<ListedStudy>,
  tell: (done: DoneStudy) => void = () => undefined,
): Step<boolean> => {
  const { run } = casting
  const walk: Walk = { casting, ports, witnesses: new Map(), doubts: [], tell, seen: [], forgotten: [] }
  const queue = new Map(studies.map((study) => [study.studyInstanceUid, study]))
  let isDone = true
  // What notes of one study say of another is looked for there at once: a map goes on over what is added.
  for (const study of queue.values()) {
    if (run.stopping() || remainingMs(run) <= 0) {
      isDone = false
      break
    }
    const before = run.rejected
    const cast = await castOne(walk, study)
    if (E.isLeft(cast)) return endWith(walk, cast)
    for (const uid of listedByNotesOf(study.studyInstanceUid, before, run.rejected)) {
      if (!queue.has(uid)) queue.set(uid, unlisted(uid))
    }
  }
  const blamed = await blameTheLast(walk)
  if (E.isLeft(blamed)) return endWith(walk, blamed)
  const kept = await keepSeen(walk)
  return E.isLeft(kept) ? E.left(await stuckOn(casting, kept.left)) : E.right(isDone)
}

/** What was settled before is settled. */
const endWith = async <A>(walk: Walk, ended: A): Promise<A> => {
  await keepSeen(walk)
  return ended
}

const castOne = async (walk: Walk, { studyInstanceUid, state }: ListedStudy): Step<void> => {
  const { casting, ports, witnesses, doubts } = walk
  const { run, checkpoint, stored } = casting
  const session = await sessionOf(casting)
  if (E.isLeft(session)) return session
  const index = await failIndexOf(casting)
  if (E.isLeft(index)) return index
  const key = { partition: defaultPartition, studyInstanceUid }
  const under = {
    ...{ run, ports, session: session.right, index: index.right, at: checkpoint.syncedSequence, witnesses },
    ...{ stuckSince: stored.checkpoint.stuckSince, rejectedStudies: checkpoint.rejectedStudies },
  }
  const cast = await castStudy(under, key)
  if (E.isLeft(cast)) {
    if (!canBeOneStudy(cast.left)) return E.left(await stuckOn(casting, cast.left))
    doubts.push({ key, error: cast.left })
    return doubts.length < mostInARow ? E.right(undefined) : blameTheLast(walk)
  }
  const settled = await settle(walk, studyInstanceUid, state, cast.right)
  return E.isLeft(settled) ? settled : blame(walk)
}

const isPassed = (row: SettledRow): row is Passed => row.settlement !== undefined

const settle = async (walk: Walk, uid: string, state: string | undefined, cast: StudyCast): Step<void> => {
  const { casting, tell, seen, forgotten } = walk
  const { run, tally } = casting
  if (cast._tag === 'Unknown') {
    forgotten.push(uid)
    tell({ studyInstanceUid: uid, became: 'Nowhere' })
    return E.right(undefined)
  }
  const { study, result, settled, errors } = cast
  const passed = settled.filter(isPassed)
  count(tally, passed, errors)
  casting.checkpoint = { ...casting.checkpoint, rejectedStudies: result.rejectedStudies }
  if (result.stop !== undefined) return E.left(await stuckOn(casting, result.stop))
  const isChanged = passed.some(({ settlement }) => settlement === 'Stored')
  if (isChanged) await tryServer(casting)
  if (study.readInstances === 0) forgotten.push(uid)
  else seen.push({ studyInstanceUid: uid, state, instances: study.readInstances, readAt: run.ports.clock.now() })
  const became = study.readInstances === 0 ? 'Gone' : isChanged ? 'Changed' : 'Same'
  tell({ studyInstanceUid: uid, became })
  return E.right(undefined)
}

/** Others can be read: so these cannot. An operator finds them, and the next comparison reads them again. */
const blame = async ({ casting, doubts, tell, forgotten }: Walk): Step<void> => {
  if (doubts.length === 0) return E.right(undefined)
  const index = await failIndexOf(casting)
  if (E.isLeft(index)) return index
  const blamed = doubts.splice(0)
  const rows = blamed.map(({ key, error }): Passed => ({
    ...{ sequence: 0, key, issues: [], settlement: 'Recorded', error: errorOf(error) },
  }))
  const errors = await settleUnderLease(casting.run, index.right, rows, [])
  if (E.isLeft(errors)) return E.left(await stuckOn(casting, errors.left))
  count(casting.tally, rows, errors.right)
  for (const { studyInstanceUid } of blamed.map(({ key }) => key)) {
    // As if it had never been seen: it is read again until it can be.
    forgotten.push(studyInstanceUid)
    tell({ studyInstanceUid, became: 'NotRead' })
  }
  return E.right(undefined)
}

const statusOf = (error: ServiceError): number | 'ambiguous' | undefined => {
  if (error._tag === 'ServiceUnavailable' && error.isAmbiguous === true) return 'ambiguous'
  return error._tag === 'ServiceUnavailable' || error._tag === 'FhirConflict' ? error.status : undefined
}

const errorOf = (error: ServiceError): EntryError => ({
  _tag: 'OutlastedRetries',
  hop: error._tag === 'ServiceUnavailable' ? error.hop : error._tag === 'FhirConflict' ? 'fhir' : 'dicom',
  status: statusOf(error),
})

/** Others of the archive's list that are asked, to see whether anything can be read. */
const mostAsked = 10

const isOfFhir = (error: ServiceError): boolean =>
  error._tag === 'FhirConflict' || (error._tag === 'ServiceUnavailable' && error.hop === 'fhir')

/** Nothing came after them to compare with: one of the archive's others must be there. */
const blameTheLast = async (walk: Walk): Step<void> => {
  const { casting, ports, doubts } = walk
  const [first] = doubts
  if (first === undefined) return E.right(undefined)
  const { run, stored } = casting
  const { stuckSince } = stored.checkpoint
  const others = await retrying(run, ports.source.list(0, ports.source.pageSize))
  if (E.isLeft(others)) return E.left(await stuckOn(casting, others.left))
  const doubtful = new Set(doubts.map(({ key }) => key.studyInstanceUid))
  const uids = others.right.map(({ studyInstanceUid }) => studyInstanceUid).filter((uid) => !doubtful.has(uid))
  // Spread over the list: what cannot be read may stand side by side.
  const step = Math.max(1, Math.ceil(uids.length / mostAsked))
  const asked = uids.filter((_, index) => index % step === 0)
  // A small archive may have no other that can be read. What it said for so long, it means; of FHIR that would be an outage.
  const isPatienceOver =
    stuckSince !== undefined &&
    run.ports.clock.now() - stuckSince >= run.settings.totalRetryDurationMs &&
    uids.length < mostAsked &&
    doubts.length < mostInARow &&
    !doubts.some(({ error }) => isOfFhir(error))
  const canRead = isPatienceOver || (await canReadOneOf(run, asked))
  return canRead ? blame(walk) : E.left(await stuckOn(casting, first.error))
}

/** By both services: each may be the one that is down. */
const canReadOneOf = async (run: Run, uids: ReadonlyArray<string>): Promise<boolean> => {
  const askingOnce: Run = { ...run, stopping: () => true }
  for (const studyInstanceUid of uids) {
    const read = await run.ports.dicom.study(defaultPartition, studyInstanceUid)()
    if (E.isLeft(read) || read.right.length === 0) continue
    const held = await loadSnapshot(askingOnce, [probe({ partition: defaultPartition, studyInstanceUid })], [])
    if (E.isRight(held)) return true
  }
  return false
}

/** Studies of which a rejection note of this one says something, or did so before. */
const listedByNotesOf = (
  studyInstanceUid: string,
  before: RejectedInstances = new Map(),
  after: RejectedInstances = new Map(),
): ReadonlySet<string> => {
  const isOwn = ({ name }: { readonly name: string }): boolean => name.startsWith(`${studyInstanceUid} `)
  const others = [...before.values(), ...after.values()].filter(
    ({ key, error }) => key.studyInstanceUid !== studyInstanceUid && error.notes.some(isOwn),
  )
  return new Set(others.map(({ key }) => key.studyInstanceUid))
}

/** A row that is not written costs a reading, no more. */
const keepSeen = async ({ casting: { run }, ports, seen, forgotten }: Walk): Promise<E.Either<ServiceError, void>> => {
  const written = seen.length === 0 ? E.right(undefined) : await retrying(run, ports.seen.write(seen.splice(0)))
  if (E.isLeft(written) || forgotten.length === 0) return written
  return retrying(run, ports.seen.remove(forgotten.splice(0)))
}
