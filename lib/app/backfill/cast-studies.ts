import * as E from 'fp-ts/Either'
import type { Counts } from '../../domain/backfill/backfill'
import { noCounts } from '../../domain/backfill/backfill'
import type { Stop } from '../../domain/batch/delivery'
import type { Snapshot } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { nothingCast } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import { loadSnapshot, probe } from '../cast/load-snapshot'
import { type Run, retrying } from '../context'
import { type Witnesses, believeStudyGone } from '../operate/held-studies'
import { type ReadStudy, type Rebuilt, rebuildStudies } from '../operate/rebuild-studies'
import { type StudyKey, type StudyRows, readStudyRows } from '../operate/resync'
import { settledNow } from '../operate/settled-now'
import { canBeOneStudy } from '../operate/verify'
import type { BackfillPorts } from '../ports-backfill-store'
import type { FailIndex } from '../run/fail-index'
import { settleUnderLease, takeBackWhenLost } from '../run/settle-errors'
import { settleTagsOfStudy } from '../run/settle-tags'
import { comparable } from './comparable'
import { leaveOver } from './leave-over'

type Result<A> = Promise<E.Either<Stop, A>>

/** Who casts: a worker under its lane, or whoever holds the lease. */
export interface Caster {
  readonly run: Run
  readonly ports: BackfillPorts
  readonly session: FhirSession
  readonly index: FailIndex
  readonly witnesses: Witnesses
  readonly backfillId: string
  readonly lanes: number
  /** None: whoever casts is the only one. */
  readonly lane?: number
}

export interface Doubt {
  readonly key: StudyKey
  readonly error: ServiceError
}

export interface Cast {
  /** Done: cast, gone, or left over. */
  readonly done: ReadonlyArray<StudyKey>
  readonly counts: Counts
  /** Each failed while it was asked for or cast alone. Whose fault that is, only a comparison tells. */
  readonly doubts: ReadonlyArray<Doubt>
  /** Done, and gone as it seems: their rows stay. */
  readonly unbelieved: ReadonlyArray<StudyKey>
}

/** One body alone may be refused: a comparison tells it from an account that may not write at all. */
const canBeTheirs = (error: ServiceError): boolean => canBeOneStudy(error) || error._tag === 'AccessDenied'
/** So many in a row, and none that could: whose fault it is, a comparison tells before the others are tried. */
const mostInARow = 3

type Answer = E.Either<ServiceError, StudyRows>
type Answers = ReadonlyArray<readonly [StudyKey, Answer]>

/** The fence, then FHIR, for all of them at once; then each as the archive has it. */
export const readStudies = async (caster: Caster, keys: ReadonlyArray<StudyKey>): Result<Answers> => {
  const known = await caster.session.readPosition()
  if (E.isLeft(known)) return known
  const snapshot = await loadSnapshot(caster.run, keys.map(probe), [])
  return E.isLeft(snapshot) ? snapshot : readEach(caster, keys, snapshot.right)
}

/** In as few transactions as the limits allow. */
export const castStudies = async (caster: Caster, answers: Answers): Result<Cast> => {
  const [read, doubts]: [Array<ReadStudy>, Array<Doubt>] = [[], []]
  for (const [key, answer] of answers) {
    if (E.isRight(answer)) read.push({ key, study: answer.right })
    else doubts.push({ key, error: answer.left })
  }
  const [first] = doubts
  const isDoubtful = first !== undefined && read.length === 0 && doubts.length >= mostInARow
  if (isDoubtful && !(await isTheirFault(caster, doubts))) return E.left(first.error)
  const left = await leaveOver(caster, read)
  if (E.isLeft(left)) return left
  const { foreign, noted } = left.right
  const own = read.filter(({ key }) => !foreign.has(studyKeyText(key)))
  const cast = await castRead(caster, own, {
    done: read.filter(({ key }) => foreign.has(studyKeyText(key))).map(({ key }) => key),
    counts: { ...noCounts, leftOver: foreign.size },
    doubts,
    unbelieved: [],
  })
  if (E.isLeft(cast) || caster.lane !== undefined) return cast
  return E.right({ ...cast.right, done: cast.right.done.filter((key) => !noted.has(studyKeyText(key))) })
}

/** In the order given, some beside each other, and each of them answered; left: the service itself is in the way. */
const readEach = async (
  { run, ports, witnesses }: Caster,
  keys: ReadonlyArray<StudyKey>,
  snapshot: Snapshot,
): Result<Answers> => {
  const answers: Array<readonly [StudyKey, Answer]> = []
  let [next, away]: [number, E.Left<ServiceError> | undefined] = [0, undefined]
  const reader = async (): Promise<void> => {
    while (away === undefined) {
      const place = next++
      const key = keys[place]
      if (key === undefined) return
      const answer = await readStudyRows(run, ports, key, witnesses, snapshot)
      if (E.isLeft(answer) && !canBeTheirs(answer.left)) away = answer
      else answers[place] = [key, answer]
    }
  }
  const { readsAtOnce = run.settings.backfillReads } = ports
  await Promise.all(Array.from({ length: Math.min(readsAtOnce, keys.length) }, reader))
  return away ?? E.right(answers)
}

const castRead = async (caster: Caster, studies: ReadonlyArray<ReadStudy>, before: Cast): Result<Cast> => {
  const { run, session, index } = caster
  const gone = studies.filter(({ study }) => study.unknown)
  const unbelieved: Array<StudyKey> = []
  for (const each of gone) {
    const forgotten = await forget(caster, each)
    if (E.isLeft(forgotten)) return forgotten
    if (!forgotten.right) unbelieved.push(each.key)
  }
  // At the end whoever is alone looks once more, and keeps the checkpoint where it is.
  const isWorker = unbelieved.length > 0 && caster.lane !== undefined
  const left = isWorker
    ? await retrying(run, caster.ports.backfills.leaveOver(caster.backfillId, unbelieved))
    : E.right(undefined)
  if (E.isLeft(left)) return left
  const there = studies.filter(({ study }) => !study.unknown)
  const rows = there.reduce((sum, { study }) => sum + study.rows.length, 0)
  if (rows === 0) {
    // The lane moves also when nothing is to be written: what a worker that slept has built is refused then.
    const sent = await moveOn(caster)
    if (E.isLeft(sent)) return sent
  }
  const rebuilt = await rebuildStudies(run, session, index, session.reached(), there)
  if (E.isLeft(rebuilt)) return rebuilt
  const counts = { ...before.counts, studies: before.counts.studies + gone.length }
  const withGone = { ...before, counts, unbelieved, done: [...before.done, ...gone.map(({ key }) => key)] }
  const together = withRebuilt(withGone, rebuilt.right)
  const { stop } = rebuilt.right
  if (stop === undefined) return E.right(together)
  if (stop._tag === 'OutOfTime' || !canBeTheirs(stop)) return E.left(stop)
  const rest = there.filter((_, place) => rebuilt.right.studies[place]?.isWhole !== true)
  return castAlone(caster, rest, together)
}

/**
 * Nothing is left of it but rows. Those that an entry of the feed would have taken away go only when others are found. False:
 * they stay.
 */
const forget = async ({ run, ports, index, witnesses }: Caster, { key, study }: ReadStudy): Result<boolean> => {
  const rows = settledNow(index, key, study, nothingCast(), true)
  const isBelieved = rows.length === 0 || E.isRight(await believeStudyGone(run, ports, key, witnesses))
  if (rows.length > 0 && isBelieved) {
    const settled = await settleUnderLease(run, index, rows, [])
    if (E.isLeft(settled)) return settled
  }
  return E.map(() => isBelieved)(await settleTagsOfStudy(run, key, []))
}

const castAlone = async (caster: Caster, studies: ReadonlyArray<ReadStudy>, before: Cast): Result<Cast> => {
  const { run, session, index } = caster
  let [cast, inARow] = [before, 0]
  for (const each of studies) {
    const rebuilt = await rebuildStudies(run, session, index, session.reached(), [each])
    if (E.isLeft(rebuilt)) return rebuilt
    const { stop } = rebuilt.right
    inARow = stop === undefined ? 0 : inARow + 1
    if (stop !== undefined && (stop._tag === 'OutOfTime' || !canBeTheirs(stop))) return E.left(stop)
    if (stop !== undefined && inARow >= mostInARow && E.isLeft(await moveOn(caster))) return E.left(stop)
    cast =
      stop === undefined
        ? withRebuilt(cast, rebuilt.right)
        : { ...cast, doubts: [...cast.doubts, { key: each.key, error: stop }] }
  }
  return E.right(cast)
}

const moveOn = async ({ session }: Caster): Result<void> => {
  for (let attempt = 1; attempt <= 5; attempt++) {
    // The gate was asked before the archive was read.
    session.startBatch()
    const known = await session.readPosition()
    if (E.isLeft(known)) return known
    const at = session.reached()
    const sent = await session.send([], { from: at, to: at })
    if (sent._tag === 'Committed') return E.right(undefined)
    if (sent._tag === 'OutOfTime') return E.left(sent)
    if (sent._tag === 'Failed') return E.left(sent.error)
  }
  return E.left({ _tag: 'FhirConflict', status: 412 })
}

const withRebuilt = (cast: Cast, { studies }: Rebuilt): Cast => {
  const whole = studies.filter(({ isWhole }) => isWhole)
  const counts = { ...cast.counts }
  for (const { counts: each } of whole) {
    const notCast = Object.values(each.notCast).reduce((sum, count) => sum + count, 0)
    counts.studies += 1
    counts.images += each.stored + each.unchanged + each.removed + notCast
    counts.written += each.stored + each.removed
    counts.notCast += notCast
  }
  return { ...cast, counts, done: [...cast.done, ...whole.map(({ key }) => key)] }
}

/** A study that failed alone, while others did not: its row tells why, until it is rebuilt. */
export const recordFailed = async (
  { run, ports }: Pick<Caster, 'run' | 'ports'>,
  doubts: ReadonlyArray<Doubt>,
): Promise<E.Either<ServiceError, void>> => {
  const held = await retrying(run, run.lease.confirm())
  if (E.isLeft(held)) return held
  const rows = doubts.map(({ key, error }) => {
    const hop = 'hop' in error ? error.hop : 'fhir'
    const status = 'status' in error ? error.status : undefined
    return { sequence: 0, key, error: { _tag: 'OutlastedRetries', hop, status } as const }
  })
  const recorded = await retrying(run, ports.errors.record(rows))
  if (E.isLeft(recorded)) return recorded
  const still = await retrying(run, run.lease.confirm())
  if (E.isLeft(still)) await takeBackWhenLost(run, still.left, recorded.right)
  return still
}

/** Do the services do for others what they did not do for these? What was done in this pass tells it, too. */
export const isTheirFault = async (caster: Caster, doubts: ReadonlyArray<Doubt>): Promise<boolean> => {
  const { run } = caster
  if (!doubts.some(({ error }) => 'hop' in error && error.hop === 'dicom')) return E.isRight(await moveOn(caster))
  const doubted = doubts.map(({ key }) => key)
  for await (const { partition, studyInstanceUid } of comparable(caster, doubted)) {
    const read = await run.ports.dicom.study(partition, studyInstanceUid)()
    if (E.isLeft(read) || read.right.length === 0) continue
    caster.witnesses.set(partition, studyInstanceUid)
    return E.isRight(await moveOn(caster))
  }
  return false
}
