import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Backfill, isClosing } from '../../domain/backfill/backfill'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import { closedBy } from '../gate-open'
import { sendPlanned } from '../operate/rename-steps'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { openCheckpoint, writeCheckpoint } from '../run/stored-checkpoint'
import { eachLane } from './each-lane'
import { moveLane } from './lane-fence'
import type { Listing } from './list-studies'
import { send, readLaneRow, writeBackfill } from './rows'

type Result<A> = Promise<E.Either<ServiceError, A>>

/**
 * While a backfill is at work its gate is shut. Where somebody has deleted the gate's row, or written it over, the feed may
 * have been cast meanwhile, and a run of it may sleep: so all lanes move, then the gate is shut, then the position moves, and
 * only then do the lanes open again. The row of the backfill says so first: who dies in between is gone on from.
 */
export const keepShut = async (listing: Listing, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { run, ports } = listing
  const read = await retrying(run, ports.gate.read())
  if (E.isLeft(read)) return read
  const row = O.toUndefined(read.right)
  const isShut = row?.state === 'backfill'
  // At its end it opens the gate itself.
  if ((isShut && stored.isUnfenced !== true) || stored.state === 'opening') return E.right(stored)
  if (row !== undefined && !isShut && row.state !== 'running') {
    return E.left({ _tag: 'GateClosed', state: row.state, reason: closedBy(row) })
  }
  // There are no lanes yet, and its first step moves the position.
  if (stored.state === 'starting') return E.map(() => stored)(await shut(run, ports, stored, row?.etag))
  const noted = await writeBackfill(run, ports, stored, { ...stored, isUnfenced: true })
  if (E.isLeft(noted)) return noted
  const closed = await moveLanes(run, stored, false)
  if (E.isLeft(closed)) return closed
  const done = isShut ? closed : await shut(run, ports, stored, row?.etag)
  if (E.isLeft(done)) return done
  const fenced = await movePosition(listing)
  if (E.isLeft(fenced)) return fenced
  const opened = isClosing(stored) ? E.right(undefined) : await openLanes(run, ports, stored)
  if (E.isLeft(opened)) return opened
  const { isUnfenced: _, ...fencedAgain } = noted.right
  return writeBackfill(run, ports, noted.right, fencedAgain)
}

const shut = (run: Run, ports: BackfillPorts, { by }: Backfill, etag: string | undefined): Result<void> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return Promise.resolve(held)
  return ports.gate.write({ state: 'backfill', by, since: ports.clock.now() }, etag)()
}

export const moveLanes = async (run: Run, { id, lanes }: Backfill, isOpen: boolean): Result<void> =>
  E.map(() => undefined)(await eachLane(lanes, (lane) => moveLane(run, { lane, backfillId: id, isOpen })))

/** Whatever sleeps over it, and asked the gate before, is refused then. */
export const movePosition = async ({ run, session }: Listing): Result<void> => {
  const opened = await openCheckpoint(run)
  if (E.isLeft(opened)) return opened
  const fenced = await writeCheckpoint(run, opened.right, opened.right.checkpoint)
  if (E.isLeft(fenced)) return fenced
  const moved = await sendPlanned(session, () => Promise.resolve(E.right([])))
  if (E.isRight(moved)) return E.right(undefined)
  return E.left(moved.left._tag === 'Service' ? moved.left.error : { _tag: 'FhirConflict', status: 412 })
}

/** Whoever met a lane that was closed has dropped its message: one that is there twice does no harm. */
const openLanes = async (run: Run, ports: BackfillPorts, backfill: Backfill): Result<void> => {
  const { id, parts } = backfill
  const opened = await moveLanes(run, backfill, true)
  if (E.isLeft(opened)) return opened
  for (const [lane, count] of parts.entries()) {
    const known = await readLaneRow(run, ports, id, lane)
    if (E.isLeft(known)) return known
    const part = known.right.settled + 1
    const sent = part > count ? E.right(undefined) : await send(run, ports, { backfillId: id, lane, part })
    if (E.isLeft(sent)) return sent
  }
  return E.right(undefined)
}
