import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { findStudy } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition } from '../../domain/dicom/partition'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { loadSnapshot, probe } from '../cast/load-snapshot'
import { type Run, retrying } from '../context'
import { knowName } from '../feed-name'
import { mostGone } from '../operate/max-gone'
import type { HintedGone } from '../ports-source'
import { endingOf } from '../run/casting'
import type { Work } from '../run/run-cast'
import { dayMs } from '../run/second-look'
import { unlisted } from './cast-listed'
import { castSlice } from './reconcile-slice'
import type { SourcePorts } from './source-ports'

/**
 * Casts the studies that somebody has named. Those that the archive has no more leave FHIR, as long as all that hints have
 * named in a day are no more than may leave it unasked: else they wait for a comparison, which counts them.
 */
export const castHinted =
  (ports: SourcePorts, uids: ReadonlyArray<string>, maxGone: number): Work =>
  async (run, reading, tally) => {
    const [there, gone]: [string[], string[]] = [[], []]
    for (const uid of uids) {
      const has = await retrying(run, ports.studyIndex.has(defaultPartition, uid))
      if (E.isLeft(has)) return endingOf(has.left)
      ;(has.right ? there : gone).push(uid)
    }
    const leaving = await mayLeave(run, ports, gone, maxGone)
    if (E.isLeft(leaving)) return endingOf(leaving.left)
    const studies = [...there, ...leaving.right].map(unlisted)
    return castSlice(ports, studies, () => undefined)(run, reading, tally)
  }

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Counted before they leave: whoever is killed in between has counted too many, and never too few. */
const mayLeave = async (
  run: Run,
  ports: SourcePorts,
  gone: ReadonlyArray<string>,
  maxGone: number,
): Result<ReadonlyArray<string>> => {
  if (gone.length === 0) return E.right(gone)
  const held = await heldOf(run, gone)
  if (E.isLeft(held) || held.right.length === 0) return E.map(() => gone)(held)
  const [before, compared] = await Promise.all([
    retrying(run, ports.hintedGone.read()),
    retrying(run, ports.reconciliations.read()),
  ])
  if (E.isLeft(before)) return before
  if (E.isLeft(compared)) return compared
  const now = run.ports.clock.now()
  const today = todayOf(before.right, now)
  const all = today.gone + held.right.length
  const isTooMany = all > mostGone(maxGone, O.toUndefined(compared.right)?.compared ?? 0)
  const counted = isTooMany ? { ...today, waitingSince: now } : { ...today, gone: all }
  const written = await retrying(run, ports.hintedGone.write(counted))
  if (E.isLeft(written)) return written
  const stays = new Set(isTooMany ? held.right : [])
  return E.right(gone.filter((uid) => !stays.has(uid)))
}

/** That there are some which wait is told until a comparison is done. */
const todayOf = (before: O.Option<HintedGone>, now: number): HintedGone => {
  const known: HintedGone = O.getOrElse((): HintedGone => ({ since: 0, gone: 0 }))(before)
  return known.since <= now && known.since > now - dayMs ? known : { ...known, since: now, gone: 0 }
}

/** Of those that FHIR does not hold nothing leaves it. */
const heldOf = async (run: Run, uids: ReadonlyArray<string>): Result<ReadonlyArray<string>> => {
  const named = await knowName(run)
  if (E.isLeft(named)) return named
  const keys = uids.map((studyInstanceUid) => ({ partition: defaultPartition, studyInstanceUid }))
  const snapshot = await loadSnapshot(run, keys.map(probe), [])
  if (E.isLeft(snapshot)) return snapshot
  const isHeld = (uid: string): boolean =>
    findStudy(snapshot.right, run.settings, defaultPartition, studyIdentifier(uid).value ?? '') !== undefined
  return E.right(uids.filter(isHeld))
}
