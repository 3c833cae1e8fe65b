import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Backfill, type LaneRow, type Part, noCounts, withSettled } from '../../domain/backfill/backfill'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { eachLane } from './each-lane'

// The rows of a backfill, read and written with patience.

type Result<A> = Promise<E.Either<ServiceError, A>>

const moved: ServiceError = { _tag: 'CheckpointMoved' }

const textOf = <A extends object>(row: A): string => JSON.stringify({ ...row, etag: undefined })

/** A write whose answer was lost is ours, too. */
const written = async <A extends object>(
  wanted: A,
  write: Result<Stored<A>>,
  read: () => Result<O.Option<Stored<A>>>,
): Result<Stored<A>> => {
  const first = await write
  if (E.isRight(first) || first.left._tag !== 'CheckpointMoved') return first
  const now = await read()
  if (E.isLeft(now)) return now
  return O.isSome(now.right) && textOf(now.right.value) === textOf(wanted) ? E.right(now.right.value) : E.left(moved)
}

export const readBackfillRow = (run: Run, { backfills }: BackfillPorts): Result<O.Option<Stored<Backfill>>> =>
  retrying(run, backfills.read())

export const writeBackfill = (
  run: Run,
  { backfills }: BackfillPorts,
  from: Stored<Backfill> | undefined,
  to: Backfill,
): Result<Stored<Backfill>> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return Promise.resolve(held)
  return written(to, retrying(run, backfills.write(to, from?.etag)), () => retrying(run, backfills.read()))
}

export const readPart = (run: Run, { backfills }: BackfillPorts, id: string, lane: number, part: number) =>
  retrying(run, backfills.part(id, lane, part))

export const writePart = (
  run: Run,
  { backfills }: BackfillPorts,
  id: string,
  etag: string | undefined,
  to: Part,
): Result<Stored<Part>> =>
  written(to, retrying(run, backfills.writePart(id, to, etag)), () =>
    retrying(run, backfills.part(id, to.lane, to.part)),
  )

/** No etag: nothing was settled yet. */
export type ReadLane = LaneRow & { readonly etag?: string }

export const readLaneRow = async (run: Run, { backfills }: BackfillPorts, id: string, lane: number): Result<ReadLane> =>
  E.map(O.getOrElse((): ReadLane => ({ lane, settled: 0, counts: noCounts })))(
    await retrying(run, backfills.lane(id, lane)),
  )

const mostConflicts = 20

/**
 * Counts the parts of a lane that are settled, in order, each once: whoever died between a part and its lane is made up
 * for by the next. `from`: the lane's row as it was read; `more`: what is noted in it beside; `read`: parts as they were
 * just read, or written: whoever settles one after that counts it.
 */
export const countSettled = async (
  run: Run,
  ports: BackfillPorts,
  id: string,
  from: ReadLane,
  more: Partial<LaneRow> = {},
  read: ReadonlyMap<number, O.Option<Part>> = new Map(),
): Result<ReadLane> => {
  let row = from
  for (let conflicts = 0; conflicts < mostConflicts;) {
    const { etag, ...known } = row
    const number = known.settled + 1
    const fresh = read.get(number)
    const next = fresh === undefined ? await readPart(run, ports, id, known.lane, number) : E.right(fresh)
    if (E.isLeft(next)) return next
    if (O.isNone(next.right) || !next.right.value.isSettled) return E.right(row)
    const to = withSettled({ ...known, ...more }, next.right.value)
    const write = await retrying(run, ports.backfills.writeLane(id, to, etag))
    if (E.isLeft(write) && write.left._tag !== 'CheckpointMoved') return write
    if (E.isLeft(write)) conflicts += 1
    const now = E.isLeft(write) ? await readLaneRow(run, ports, id, known.lane) : write
    if (E.isLeft(now)) return now
    row = now.right
  }
  return E.left(moved)
}

/** Whether all parts are. Each lane's row is written before those of the others are read: whoever ends the last one sees it. */
export const areAllSettled = async (run: Run, ports: BackfillPorts, { id, lanes, parts }: Backfill): Result<boolean> =>
  E.map((rows: ReadonlyArray<ReadLane>) => rows.every(({ lane, settled }) => settled >= (parts[lane] ?? 0)))(
    await eachLane(lanes, (lane) => readLaneRow(run, ports, id, lane)),
  )

/** So long after a part was touched somebody looks after it. */
export const untouchedMs = 15 * 60_000

export const send = (
  run: Run,
  { backfillQueue }: BackfillPorts,
  ...message: Parameters<BackfillPorts['backfillQueue']['send']>
) => retrying(run, backfillQueue.send(...message))
