import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Backfill, type Part, newPart } from '../../domain/backfill/backfill'
import { laneOf } from '../../domain/backfill/lane'
import { type ListedStudy, cutParts } from '../../domain/backfill/parts'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import type { BackfillPorts, Entered } from '../ports-backfill-store'
import { eachLane } from './each-lane'
import { type ReadLane, readLaneRow, readPart, send, writePart } from './rows'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** What a step of the listing has gathered, of one partition. */
export interface Gathering {
  readonly run: Run
  readonly ports: BackfillPorts
  readonly backfill: Pick<Backfill, 'id' | 'lanes'>
  readonly partition: string
  /** By lane; not yet in a part. */
  readonly waiting: Map<number, ReadonlyArray<ListedStudy>>
  /** Parts that are written, by lane. */
  readonly parts: Array<number>
  readonly listed: { studies: number; images: number }
}

export const gather = ({ waiting, backfill }: Gathering, studies: ReadonlyArray<ListedStudy>): void => {
  for (const study of studies) {
    const lane = laneOf(study.patientId, backfill.lanes)
    waiting.set(lane, [...(waiting.get(lane) ?? []), study])
  }
}

/** Writes the parts that are full; all, when nothing more comes. */
export const writeParts = async (gathering: Gathering, isLast: boolean): Result<void> => {
  const written = await eachLane(gathering.backfill.lanes, (lane) => writePartsOf(gathering, lane, isLast))
  return E.map(() => undefined)(written)
}

const writePartsOf = async (gathering: Gathering, lane: number, isLast: boolean): Result<void> => {
  const { parts, rest } = cutParts(gathering.waiting.get(lane) ?? [], isLast)
  for (const each of parts) {
    const written = await enterPart(gathering, lane, each)
    if (E.isLeft(written)) return written
  }
  gathering.waiting.set(lane, rest)
  return E.right(undefined)
}

/**
 * Each study enters one lane in the life of a backfill, however often it is listed. Its row comes before the part that
 * has it: a study whose part was never written, since its writer died, is taken by this one.
 */
const enterPart = async (gathering: Gathering, lane: number, studies: ReadonlyArray<ListedStudy>): Result<void> => {
  const { run, ports, backfill, partition } = gathering
  const number = (gathering.parts[lane] ?? 0) + 1
  const wanted = studies.map(({ studyInstanceUid }) => ({ studyInstanceUid, lane, part: number }))
  const known = await retrying(run, ports.backfills.enter(backfill.id, partition, wanted))
  if (E.isLeft(known)) return known
  const out = new Set<string>()
  for (const entered of known.right) {
    const settled = await enteredBefore(gathering, lane, number, entered)
    if (E.isLeft(settled)) return settled
    if (settled.right) out.add(entered.studyInstanceUid)
  }
  const fresh = studies.filter(({ studyInstanceUid }) => !out.has(studyInstanceUid))
  if (fresh.length === 0) return E.right(undefined)
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const part = newPart({ lane, part: number, partition, touchedAt: ports.clock.now() }, fresh)
  const written = await writePart(run, ports, backfill.id, undefined, part)
  return E.isLeft(written) ? written : partIsThere(gathering, part)
}

/** Whether the study needs no place in this part. */
const enteredBefore = async (
  { run, ports, backfill, partition }: Gathering,
  lane: number,
  number: number,
  entered: Entered,
): Result<boolean> => {
  const { studyInstanceUid } = entered
  if (entered.lane !== lane) {
    // Its patient has changed since: it is left over to the end, and not handed to that lane.
    const left = await retrying(run, ports.backfills.leaveOver(backfill.id, [{ partition, studyInstanceUid }]))
    return E.isLeft(left) ? left : E.right(true)
  }
  const part = await readPart(run, ports, backfill.id, lane, entered.part)
  if (E.isLeft(part)) return part
  if (O.isSome(part.right) && part.right.value.studies.includes(studyInstanceUid)) {
    // A lister that slept has just written it: uncounted, nobody would wait for it.
    return entered.part >= number ? E.left({ _tag: 'CheckpointMoved' }) : E.right(true)
  }
  const moved = await retrying(run, ports.backfills.moveTo(backfill.id, partition, { ...entered, part: number }))
  return E.isLeft(moved) ? moved : E.right(false)
}

/** Where a service asked for less the lane was to wait: since its last part was settled a while of that has passed. */
const pauseOf = async ({ run, ports, backfill }: Gathering, lane: number): Result<number> =>
  E.map(({ pauseS = 0, dueAt = 0 }: ReadLane) => {
    const leftS = Math.ceil(pauseS - (ports.clock.now() - dueAt) / 1_000)
    return Math.min(pauseS, Math.max(0, leftS))
  })(await readLaneRow(run, ports, backfill.id, lane))

/** Counted; and its message is sent, unless the part before it is still at work: then whoever settles that sends it. */
const partIsThere = async (gathering: Gathering, { lane, part, listed, isSettled }: Part): Result<void> => {
  const { run, ports, backfill } = gathering
  gathering.parts[lane] = part
  gathering.listed.studies += listed.studies
  gathering.listed.images += listed.images
  const before = part === 1 ? E.right(O.none) : await readPart(run, ports, backfill.id, lane, part - 1)
  if (E.isLeft(before)) return before
  const isNext = O.isNone(before.right) || before.right.value.isSettled
  if (!isNext || isSettled) return E.right(undefined)
  const pause = await pauseOf(gathering, lane)
  return E.isLeft(pause) ? pause : send(run, ports, { backfillId: backfill.id, lane, part }, pause.right)
}

/** Parts that were written by a step that died before it could say so. */
export const findParts = async (gathering: Gathering): Result<void> =>
  E.map(() => undefined)(await eachLane(gathering.backfill.lanes, (lane) => findPartsOf(gathering, lane)))

const findPartsOf = async (gathering: Gathering, lane: number): Result<void> => {
  const { run, ports, backfill } = gathering
  for (;;) {
    const next = await readPart(run, ports, backfill.id, lane, (gathering.parts[lane] ?? 0) + 1)
    if (E.isLeft(next)) return next
    if (O.isNone(next.right)) return E.right(undefined)
    const there = await partIsThere(gathering, next.right.value)
    if (E.isLeft(there)) return there
  }
}
