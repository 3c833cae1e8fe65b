import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import {
  type LaneRow,
  type Part,
  mostTries,
  nextPauseS,
  noCounts,
  openStudies,
  stallS,
  stalled,
  withDone,
} from '../../domain/backfill/backfill'
import type { Stop } from '../../domain/batch/delivery'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'
import { openSession } from '../cast/fhir-session'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { lookUnderName } from '../feed-name'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { readFailIndex } from '../run/fail-index'
import type { RunOptions } from '../run/run-cast'
import { type Caster, type Doubt, castStudies, isTheirFault, readStudies, recordFailed } from './cast-studies'
import { isLaneClosed, runOfLane } from './lane-fence'
import { areAllSettled, countSettled, readBackfillRow, readLaneRow, readPart, send, writePart } from './rows'

/** What a message asks for. */
export interface PartKey {
  readonly backfillId: string
  readonly lane: number
  readonly part: number
}

export type Worked =
  /** Settled before, or somebody else has it, or the lane is closed. */
  | { readonly _tag: 'Dropped'; readonly reason: string }
  | { readonly _tag: 'Settled'; readonly part: Part }
  /** The same work is on the queue again, to be seen later. */
  | { readonly _tag: 'Postponed'; readonly delayS: number; readonly reason: string }

type Result<A> = Promise<E.Either<ServiceError, A>>

const dropped = (reason: string): E.Either<never, Worked> => E.right({ _tag: 'Dropped', reason })

/** Somebody else has the lane, or nobody may have it any more. */
const isOthers = (stop: Stop): boolean =>
  isLaneClosed(stop) || stop._tag === 'LeaseLost' || stop._tag === 'CheckpointMoved'

const describe = (stop: Stop): string =>
  stop._tag === 'OutOfTime' ? 'the time is used up' : describeServiceError(stop)

/**
 * Works on one part: the lane first, then the gate, then the part's row, then FHIR, then the archive. Whatever ends it early, the same
 * message is sent again, and what is done stays done. Left: not even that could be said to storage.
 */
export const workPart = async (
  ports: BackfillPorts,
  settings: CastSettings,
  options: RunOptions,
  key: PartKey,
): Result<Worked> => {
  const { run, fence } = runOfLane(ports, settings, options, key)
  const session = openSession(run, true, fence)
  const named = await lookUnderName(run)
  // The gate is asked beside what follows, and heard before anything of it counts.
  const lane = E.isLeft(named) ? named : await session.beginPosition()
  if (E.isLeft(lane) && isOthers(lane.left)) return dropped(describe(lane.left))
  // The rows that tell what failed rest on the lane, too: they are read behind it.
  const [read, row, index] = await Promise.all([
    readPart(run, ports, key.backfillId, key.lane, key.part),
    readBackfillRow(run, ports),
    readFailIndex(run),
  ])
  const open = E.isLeft(lane) ? lane : await session.mayWrite()
  if (E.isLeft(read)) return read
  if (O.isNone(read.right)) return dropped('there is no such part')
  const { value: stored } = read.right
  const working = { run, ports, key }
  if (stored.isSettled) return settledBefore(working)
  if (E.isLeft(open)) return postpone(working, stored, open.left)
  if (E.isLeft(row)) return row
  if (E.isLeft(index)) return postpone(working, stored, index.left)
  const lanes = O.isSome(row.right) ? row.right.value.lanes : 0
  if (lanes <= key.lane) return dropped('there is no such lane')
  const { partition, witness } = stored
  const caster: Caster = {
    ...{ run, ports, session, index: index.right, backfillId: key.backfillId, lanes, lane: key.lane },
    witnesses: new Map(witness === undefined ? [] : [[partition, witness]]),
  }
  return castPart(working, caster, stored)
}

interface Working {
  readonly run: Run
  readonly ports: BackfillPorts
  readonly key: PartKey
}

type Change = (part: Part) => Part

const othersHaveIt = 'somebody else has it'
const mostConflicts = 5

/**
 * Writes the part as it is now, with this change. Where a second message of it was taken meanwhile, the lane decides: who has
 * it goes on with what the other one has written. None: somebody else has it, or has settled the part.
 */
const keepPart = async (
  { run, ports, key }: Working,
  part: Stored<Part>,
  change: Change,
): Result<Stored<Part> | undefined> => {
  const { backfillId, lane, part: number } = key
  let now = part
  for (let conflicts = 0; conflicts < mostConflicts; conflicts++) {
    const changed = change({ ...now, touchedAt: ports.clock.now() })
    const written = await writePart(run, ports, backfillId, now.etag, changed)
    if (E.isRight(written) || written.left._tag !== 'CheckpointMoved') return written
    const held = await retrying(run, run.lease.confirm())
    if (E.isLeft(held)) return isOthers(held.left) ? E.right(undefined) : held
    const again = await readPart(run, ports, backfillId, lane, number)
    if (E.isLeft(again)) return again
    if (O.isNone(again.right) || again.right.value.isSettled) return E.right(undefined)
    now = again.right.value
  }
  return E.right(undefined)
}

/** Studies that are read before the first of them is cast: as many as take no longer, where more are read at once. */
const passOf = ({ settings }: Run): number => Math.max(100, 25 * settings.backfillReads)

const castPart = async (working: Working, caster: Caster, stored: Stored<Part>): Result<Worked> => {
  const { run } = working
  const doubts: Array<Doubt> = []
  let part = stored
  const { partition } = part
  const open = openStudies(part)
  const tried = part.open.length
  const atOnce = passOf(run)
  for (let start = 0; start < Math.max(1, open.length); start += atOnce) {
    if (run.stopping() || remainingMs(run) <= 0) return again(working, part, (now) => now, 0, 'the time is used up')
    const keys = open.slice(start, start + atOnce).map((studyInstanceUid) => ({ partition, studyInstanceUid }))
    // That somebody has it is written while its first studies are read.
    const keeping = start > 0 ? E.right(part) : keepPart(working, part, (now) => now)
    const [begun, read] = await Promise.all([keeping, readStudies(caster, keys)])
    if (E.isLeft(begun)) return begun
    if (begun.right === undefined) return dropped(othersHaveIt)
    part = begun.right
    const cast = E.isLeft(read) ? read : await castStudies(caster, read.right)
    if (E.isLeft(cast)) {
      return isOthers(cast.left) ? dropped(describe(cast.left)) : postpone(working, part, cast.left)
    }
    doubts.push(...cast.right.doubts)
    const done = new Set(cast.right.done.map(({ studyInstanceUid }) => studyInstanceUid))
    const witness = caster.witnesses.get(partition) ?? part.witness
    const { counts } = cast.right
    const change: Change = (now) => ({
      ...withDone(now, done, counts),
      stalls: done.size > 0 ? 0 : now.stalls,
      ...(witness === undefined ? {} : { witness }),
    })
    if (start + atOnce >= open.length && doubts.length === 0) return settle(working, part, change)
    const kept = await keepPart(working, part, change)
    if (E.isLeft(kept)) return kept
    if (kept.right === undefined) return dropped(othersHaveIt)
    part = kept.right
  }
  const [first] = doubts
  if (first === undefined) return settle(working, part, (now) => now)
  // Others of this pass are the comparison; where there are none, a study that was found before.
  const isBlamed = part.open.length < tried || (await isTheirFault(caster, doubts))
  if (!isBlamed) return postpone(working, part, first.error)
  const tries = part.tries + 1
  // By what was found to compare with, the next try may believe that a study is gone.
  const found = caster.witnesses.get(partition)
  const counted: Change = (now) => ({ ...now, tries, ...(found === undefined ? {} : { witness: found }) })
  if (tries < mostTries) return again(working, part, counted, 15 * tries, describe(first.error))
  const recorded = await recordFailed(caster, doubts)
  if (E.isLeft(recorded)) return isOthers(recorded.left) ? dropped(describe(recorded.left)) : recorded
  const all = new Set(doubts.map(({ key: { studyInstanceUid } }) => studyInstanceUid))
  return settle(working, part, (now) => withDone(counted(now), all, { ...noCounts, failed: all.size }))
}

const settle = async (working: Working, part: Stored<Part>, change: Change): Result<Worked> => {
  const settled = await keepPart(working, part, (now) => ({ ...change(now), isSettled: true }))
  if (E.isLeft(settled)) return settled
  if (settled.right === undefined) return dropped(othersHaveIt)
  const sent = await sendNext(working, witnessIn(settled.right), settled.right)
  return E.isLeft(sent) ? sent : E.right({ _tag: 'Settled', part: settled.right })
}

/** It comes twice, or late. Whoever settled it, and died before it was counted, may not have sent the next one. */
const settledBefore = async (working: Working): Result<Worked> => {
  const { run, ports, key } = working
  const row = await readLaneRow(run, ports, key.backfillId, key.lane)
  if (E.isLeft(row)) return row
  const sent = row.right.settled < key.part ? await sendNext(working, {}) : E.right(undefined)
  return E.isLeft(sent) ? sent : dropped('it is settled')
}

/** At most one message of a lane is on the queue: whoever settles a part sends the lane's next one, to be seen later where a service asked for less, and counts it then. */
const sendNext = async ({ run, ports, key }: Working, more: Partial<LaneRow>, settled?: Part): Result<void> => {
  const { backfillId, lane, part } = key
  const [known, next] = await Promise.all([
    readLaneRow(run, ports, backfillId, lane),
    readPart(run, ports, backfillId, lane, part + 1),
  ])
  if (E.isLeft(known)) return known
  if (E.isLeft(next)) return next
  const row = known.right
  const isDue = O.isSome(next.right) && !next.right.value.isSettled
  const pauseS = nextPauseS(row.pauseS ?? 0, run.throttled ?? 0)
  // Lanes that were asked at the same time come back one by one.
  const delayS = Math.ceil(pauseS * (0.5 + run.ports.random.fraction()))
  const sent = isDue ? await send(run, ports, { backfillId, lane, part: part + 1 }, delayS) : E.right(undefined)
  if (E.isLeft(sent)) return sent
  const noted = { ...more, pauseS, dueAt: ports.clock.now() + (isDue ? delayS * 1_000 : 0) }
  const read = new Map([[part + 1, next.right], ...(settled === undefined ? [] : [[part, O.some(settled)] as const])])
  const counted = await countSettled(run, ports, backfillId, row, noted, read)
  if (E.isLeft(counted) || O.isSome(next.right)) return E.map(() => undefined)(counted)
  // The lane is through: when the list is, and all lanes are, somebody must go on to the end.
  const whole = await readBackfillRow(run, ports)
  if (E.isLeft(whole)) return whole
  const isListed = O.isSome(whole.right) && whole.right.value.state === 'working'
  const isThrough = isListed ? await areAllSettled(run, ports, whole.right.value) : E.right(false)
  return E.isRight(isThrough) && isThrough.right ? send(run, ports, { backfillId }) : E.map(() => undefined)(isThrough)
}

const witnessIn = ({ partition, witness }: Part): Partial<LaneRow> =>
  witness === undefined ? {} : { witness: { partition, studyInstanceUid: witness } }

const postpone = (working: Working, part: Stored<Part>, stop: Stop): Result<Worked> =>
  again(working, part, stalled, stallS(part), describe(stop))

/** No try of the message is spent: its copy is sent, and it is completed. */
const again = async (
  working: Working,
  part: Stored<Part>,
  change: Change,
  delayS: number,
  reason: string,
): Result<Worked> => {
  const { run, ports, key } = working
  const touchedAt = ports.clock.now() + delayS * 1_000
  const kept = await keepPart(working, part, (now) => ({ ...change(now), touchedAt }))
  if (E.isLeft(kept)) return kept
  if (kept.right === undefined) return dropped(othersHaveIt)
  const sent = await send(run, ports, { ...key }, delayS)
  return E.isLeft(sent) ? sent : E.right({ _tag: 'Postponed', delayS, reason })
}
