import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Part, mostTries, noCounts, openStudies, stalled, withDone } from '../../domain/backfill/backfill'
import type { Stop } from '../../domain/batch/delivery'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'
import { openSession } from '../cast/fhir-session'
import { type CastSettings, type Run, remainingMs } from '../context'
import { lookUnderName } from '../feed-name'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { readFailIndex } from '../run/fail-index'
import type { RunOptions } from '../run/run-cast'
import { type Caster, type Doubt, castStudies, isTheirFault, recordFailed } from './cast-studies'
import { runOfLane } from './lane-fence'
import { countSettled, readBackfillRow, readPart, send, writePart } from './rows'

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
const isOthers = ({ _tag }: Stop): boolean => ['GateClosed', 'LeaseLost', 'CheckpointMoved'].includes(_tag)

const describe = (stop: Stop): string =>
  stop._tag === 'OutOfTime' ? 'the time is used up' : describeServiceError(stop)

/**
 * Works on one part: the lane first, then the part's row, then FHIR, then the archive. Whatever ends it early, the same
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
  const lane = E.isLeft(named) ? named : await session.readPosition()
  if (E.isLeft(lane) && isOthers(lane.left)) return dropped(describe(lane.left))
  const read = await readPart(run, ports, key.backfillId, key.lane, key.part)
  if (E.isLeft(read)) return read
  if (O.isNone(read.right)) return dropped('there is no such part')
  const { value: stored } = read.right
  const working = { run, ports, key }
  if (stored.isSettled) return settledBefore(working)
  if (E.isLeft(lane)) return postpone(working, stored, lane.left)
  const begun = await writePart(run, ports, key.backfillId, stored.etag, { ...stored, touchedAt: ports.clock.now() })
  if (E.isLeft(begun)) return begun.left._tag === 'CheckpointMoved' ? dropped('somebody else has it') : begun
  const [row, index] = await Promise.all([readBackfillRow(run, ports), readFailIndex(run)])
  if (E.isLeft(row)) return row
  if (E.isLeft(index)) return postpone(working, begun.right, index.left)
  const lanes = O.isSome(row.right) ? row.right.value.lanes : 0
  if (lanes <= key.lane) return dropped('there is no such lane')
  const { partition, witness } = begun.right
  const caster: Caster = {
    ...{ run, ports, session, index: index.right, backfillId: key.backfillId, lanes, lane: key.lane },
    witnesses: new Map(witness === undefined ? [] : [[partition, witness]]),
  }
  return castPart(working, caster, begun.right)
}

interface Working {
  readonly run: Run
  readonly ports: BackfillPorts
  readonly key: PartKey
}

/** Studies that are read before the first of them is cast: as many as take no longer, where more are read at once. */
const passOf = ({ settings }: Run): number => Math.max(50, 12 * settings.backfillReads)

const castPart = async (working: Working, caster: Caster, begun: Stored<Part>): Result<Worked> => {
  const { run, ports, key } = working
  const doubts: Array<Doubt> = []
  let part = begun
  const { partition } = part
  const open = openStudies(part)
  const tried = part.open.length
  const atOnce = passOf(run)
  for (let start = 0; start < Math.max(1, open.length); start += atOnce) {
    if (run.stopping() || remainingMs(run) <= 0) return again(working, part, 0, 'the time is used up')
    const keys = open.slice(start, start + atOnce).map((studyInstanceUid) => ({ partition, studyInstanceUid }))
    const cast = await castStudies(caster, keys)
    if (E.isLeft(cast)) {
      return isOthers(cast.left) ? dropped(describe(cast.left)) : postpone(working, part, cast.left)
    }
    doubts.push(...cast.right.doubts)
    const done = new Set(cast.right.done.map(({ studyInstanceUid }) => studyInstanceUid))
    const witness = caster.witnesses.get(partition) ?? part.witness
    const next = {
      ...{
        ...withDone(part, done, cast.right.counts),
        stalls: done.size > 0 ? 0 : part.stalls,
        touchedAt: ports.clock.now(),
      },
      ...(witness === undefined ? {} : { witness }),
    }
    const written = await writePart(run, ports, key.backfillId, part.etag, next)
    if (E.isLeft(written)) return written.left._tag === 'CheckpointMoved' ? dropped('somebody else has it') : written
    part = written.right
  }
  const [first] = doubts
  if (first === undefined) return settle(working, part)
  // Others of this pass are the comparison; where there are none, a study that was found before.
  const isBlamed = part.open.length < tried || (await isTheirFault(caster, doubts))
  if (!isBlamed) return postpone(working, part, first.error)
  const counted = { ...part, tries: part.tries + 1 }
  if (counted.tries < mostTries) return again(working, counted, 15 * counted.tries, describe(first.error))
  const recorded = await recordFailed(caster, doubts)
  if (E.isLeft(recorded)) return isOthers(recorded.left) ? dropped(describe(recorded.left)) : recorded
  const all = new Set(doubts.map(({ key: { studyInstanceUid } }) => studyInstanceUid))
  return settle(working, { ...withDone(counted, all, { ...noCounts, failed: all.size }), etag: part.etag })
}

const settle = async (working: Working, part: Stored<Part>): Result<Worked> => {
  const { run, ports, key } = working
  const now = ports.clock.now()
  const settled = await writePart(run, ports, key.backfillId, part.etag, { ...part, isSettled: true, touchedAt: now })
  if (E.isLeft(settled)) return settled.left._tag === 'CheckpointMoved' ? dropped('somebody else has it') : settled
  const sent = await sendNext(working, witnessIn(part))
  return E.isLeft(sent) ? sent : E.right({ _tag: 'Settled', part: settled.right })
}

/** It comes twice, or late. Whoever settled it may have died before the next was sent: nobody has touched that then. */
const settledBefore = async ({ run, ports, key }: Working): Result<Worked> => {
  const next = await readPart(run, ports, key.backfillId, key.lane, key.part + 1)
  if (E.isLeft(next)) return next
  const waits = O.isSome(next.right) && !next.right.value.isSettled && next.right.value.tries === 0
  if (waits && next.right._tag === 'Some' && next.right.value.open.length === next.right.value.studies.length) {
    const sent = await send(run, ports, { ...key, part: key.part + 1 })
    if (E.isLeft(sent)) return sent
  }
  return dropped('it is settled')
}

/** At most one message of a lane is on the queue: whoever settles a part sends the lane's next one. */
const sendNext = async ({ run, ports, key }: Working, witness: Parameters<typeof countSettled>[4]): Result<void> => {
  const { backfillId, lane, part } = key
  const counted = await countSettled(run, ports, backfillId, lane, witness)
  if (E.isLeft(counted)) return counted
  const next = await readPart(run, ports, backfillId, lane, part + 1)
  if (E.isLeft(next)) return next
  if (O.isSome(next.right)) {
    return next.right.value.isSettled ? E.right(undefined) : send(run, ports, { backfillId, lane, part: part + 1 })
  }
  // The lane is through: when the list is, too, somebody must see whether all are.
  const row = await readBackfillRow(run, ports)
  if (E.isLeft(row)) return row
  const isListed = O.isSome(row.right) && row.right.value.state === 'working'
  return isListed ? send(run, ports, { backfillId }) : E.right(undefined)
}

const witnessIn = ({ partition, witness }: Part) =>
  witness === undefined ? undefined : { partition, studyInstanceUid: witness }

const postpone = (working: Working, part: Stored<Part>, stop: Stop): Result<Worked> => {
  const { part: later, delayS } = stalled(part, working.ports.clock.now())
  return again(working, { ...later, etag: part.etag }, delayS, describe(stop))
}

/** No try of the message is spent: its copy is sent, and it is completed. */
const again = async (
  { run, ports, key }: Working,
  part: Stored<Part>,
  delayS: number,
  reason: string,
): Result<Worked> => {
  const touchedAt = ports.clock.now() + delayS * 1_000
  const written = await writePart(run, ports, key.backfillId, part.etag, { ...part, touchedAt })
  if (E.isLeft(written)) return written.left._tag === 'CheckpointMoved' ? dropped('somebody else has it') : written
  const sent = await send(run, ports, { ...key }, delayS)
  return E.isLeft(sent) ? sent : E.right({ _tag: 'Postponed', delayS, reason })
}
