import * as E from 'fp-ts/Either'
import { type Backfill, coversAll, looksForGone } from '../../domain/backfill/backfill'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, remainingMs, retrying } from '../context'
import { type Witnesses, endpointsOf } from '../operate/held-studies'
import { mostGone } from '../operate/max-gone'
import type { StudyKey } from '../operate/resync'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { readFailIndex } from '../run/fail-index'
import { type Caster, type Doubt, castStudies, isTheirFault, readStudies, recordFailed } from './cast-studies'
import type { Listing } from './list-studies'
import { writeBackfill } from './rows'
import { hearNotesElsewhere, leaveOverByRows } from './told-by-rows'
import { unlistedOf } from './unlisted'

type Result<A> = Promise<E.Either<ServiceError, A>>
type Step = (listing: Listing, stored: Stored<Backfill>) => Result<Stored<Backfill> | undefined>

/** Pages of FHIR's list that are looked through before it is kept how far that is. */
const pagesOfStep = 20

/**
 * What FHIR holds and was not listed is left over, too: whoever casts it sees whether it is gone. An archive that is not
 * whole looks like one whose studies were deleted: so it is counted first, and of too much nothing is.
 */
export const walkFhir: Step = async ({ run, ports }, stored) => {
  const { walk = { at: 0 }, cursor } = stored
  const partition = cursor?.partitions[walk.at]
  if (partition === undefined || !coversAll(stored)) return walked(run, ports, stored)
  const endpoints = await endpointsOf(run, partition)
  if (E.isLeft(endpoints)) return endpoints
  let [next, unlisted] = [walk.next, walk.unlisted ?? 0]
  const counted = walk.isCounted === true ? { isCounted: true } : {}
  for (let pages = 0; pages < pagesOfStep && endpoints.right.length > 0; pages++) {
    const page = await retrying(run, ports.heldStudies.page(endpoints.right, next))
    if (E.isLeft(page)) {
      // A server forgets its pages: then it is looked through from the beginning.
      if (pages > 0 || next === undefined) return page
      return writeBackfill(run, ports, stored, { ...stored, walk: { ...counted, at: 0 } })
    }
    const unknown = await unlistedOf(run, ports, stored.id, partition, page.right.studies)
    if (E.isLeft(unknown)) return unknown
    const keys = unknown.right.map((studyInstanceUid) => ({ partition, studyInstanceUid }))
    unlisted += keys.length
    const isLeftOver = walk.isCounted === true && keys.length > 0
    const left = isLeftOver ? await retrying(run, ports.backfills.leaveOver(stored.id, keys)) : E.right(undefined)
    if (E.isLeft(left)) return left
    next = page.right.next
    if (next === undefined) break
  }
  const after = next === undefined ? { at: walk.at + 1 } : { at: walk.at, next }
  return writeBackfill(run, ports, stored, { ...stored, walk: { ...counted, ...after, unlisted } })
}

/** All was looked through: it is counted first, then left over. */
export const walked = async (run: Run, ports: BackfillPorts, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { walk, listed, maxGone = 0 } = stored
  const unlisted = walk?.unlisted ?? 0
  if (!looksForGone(stored) || walk?.isCounted === true) {
    const told = coversAll(stored)
      ? await leaveOverByRows(run, ports, stored.id, stored.cursor?.partitions ?? [])
      : E.right(undefined)
    if (E.isLeft(told)) return told
    return writeBackfill(run, ports, stored, { ...stored, isWalked: coversAll(stored), state: 'leftOver' })
  }
  return unlisted > mostGone(maxGone, listed.studies)
    ? writeBackfill(run, ports, stored, { ...stored, tooManyGone: unlisted, state: 'leftOver' })
    : writeBackfill(run, ports, stored, { ...stored, walk: { at: 0, isCounted: true } })
}

const atOnce = 20
const tries = 2

/**
 * By one writer, with the position as its fence. Of one that was cancelled nothing is: the feed goes over it, and whoever
 * cancels may do so because this cannot be done.
 */
export const castLeftOver: Step = async ({ run, ports, session }, stored) => {
  if (stored.isCancelled === true) return writeBackfill(run, ports, stored, { ...stored, state: 'opening' })
  const left = await retrying(run, ports.backfills.leftOver(stored.id, atOnce))
  if (E.isLeft(left)) return left
  if (left.right.length === 0) return writeBackfill(run, ports, stored, { ...stored, state: 'opening' })
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return index
  const heard = await hearNotesElsewhere(run, left.right)
  if (E.isLeft(heard)) return heard
  const witnesses: Witnesses = new Map()
  const caster: Caster = {
    ...{ run, ports, session, index: index.right, witnesses, backfillId: stored.id, lanes: stored.lanes },
  }
  let [keys, cast, failed]: [ReadonlyArray<StudyKey>, number, number] = [left.right, 0, 0]
  for (let attempt = 1; keys.length > 0; attempt++) {
    if (run.stopping() || remainingMs(run) <= 0) return E.right(undefined)
    const read = await readStudies(caster, keys)
    const done = E.isLeft(read) ? read : await castStudies(caster, read.right)
    if (E.isLeft(done)) return done.left._tag === 'OutOfTime' ? E.right(undefined) : E.left(done.left)
    const { doubts, unbelieved } = done.right
    // First: whoever dies behind it has taken them off the list.
    if (unbelieved.length > 0 && stored.isLeftToFeed !== true)
      return writeBackfill(run, ports, stored, { ...stored, isLeftToFeed: true })
    cast += done.right.done.length
    const settled = await take(run, ports, stored.id, done.right.done)
    if (E.isLeft(settled)) return settled
    keys = doubts.map(({ key }) => key)
    const [first] = doubts
    if (attempt < tries || first === undefined) continue
    const before = new Map(witnesses)
    if (!(await isTheirFault(caster, doubts))) return E.left(first.error)
    // By what was found to compare with, it may be believed now that a study is gone.
    if (attempt === tries && keys.some(({ partition: of }) => witnesses.get(of) !== before.get(of))) continue
    const blamed = await blame(caster, stored, doubts)
    if (E.isLeft(blamed)) return blamed
    failed += keys.length
    keys = []
  }
  const leftOver = { cast: stored.leftOver.cast + cast, failed: stored.leftOver.failed + failed }
  return writeBackfill(run, ports, stored, { ...stored, leftOver })
}

const blame = async (caster: Caster, { id }: Backfill, doubts: ReadonlyArray<Doubt>): Result<void> => {
  const { run, ports } = caster
  const recorded = await recordFailed(caster, doubts)
  if (E.isLeft(recorded)) return recorded
  return take(
    run,
    ports,
    id,
    doubts.map(({ key }) => key),
  )
}

const take = async (run: Run, ports: BackfillPorts, id: string, keys: ReadonlyArray<StudyKey>): Result<void> => {
  for (const key of keys) {
    const taken = await retrying(run, ports.backfills.takeLeftOver(id, key))
    if (E.isLeft(taken)) return taken
  }
  return E.right(undefined)
}
