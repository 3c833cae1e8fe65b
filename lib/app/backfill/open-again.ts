import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Backfill, mayMoveCheckpoint } from '../../domain/backfill/backfill'
import type { ServiceError } from '../../domain/cast-error'
import { movedTo } from '../../domain/checkpoint'
import { type Run, retrying } from '../context'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { writeCheckpoint } from '../run/stored-checkpoint'
import type { Listing } from './list-studies'
import { writeBackfill } from './rows'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** The end: the checkpoint first, then the gate, then it is over. */
export const open = async ({ run, ports }: Listing, stored: Stored<Backfill>): Result<Stored<Backfill> | undefined> => {
  const moved = await moveCheckpoint(run, ports, stored)
  if (E.isLeft(moved)) return moved
  const opened = await openGate(run, ports)
  if (E.isLeft(opened)) return opened
  const checkpoint = moved.right === undefined ? {} : { checkpoint: moved.right }
  return writeBackfill(run, ports, stored, { ...stored, ...checkpoint, state: 'over', endedAt: ports.clock.now() })
}

/**
 * Open holes stay: their rows are awaited still. A checkpoint that stays costs time alone, since the feed then goes over
 * what was done. It never goes back: whoever died behind the gate may find it further on.
 */
const moveCheckpoint = async (run: Run, ports: BackfillPorts, backfill: Backfill): Result<number | undefined> => {
  const read = await retrying(run, ports.checkpoints.read())
  if (E.isLeft(read)) return read
  const { head } = backfill
  const from = O.toUndefined(read.right)
  if (!mayMoveCheckpoint(backfill) || head === undefined || from === undefined) {
    return E.right(from?.checkpoint.syncedSequence)
  }
  if (from.checkpoint.syncedSequence >= head.sequence) return E.right(from.checkpoint.syncedSequence)
  const { sequence, timestamp, sopInstanceUid } = head
  const to = {
    ...movedTo(from.checkpoint, sequence, sequence),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
  }
  const written = await writeCheckpoint(run, from, to)
  return E.isLeft(written) ? written : E.right(sequence)
}

/** Only a gate that a backfill has closed. */
export const openGate = async (run: Run, ports: BackfillPorts): Result<void> => {
  const read = await retrying(run, ports.gate.read())
  if (E.isLeft(read)) return read
  const row = O.toUndefined(read.right)
  if (row?.state !== 'backfill') return E.right(undefined)
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  return ports.gate.write({ state: 'running', by: row.by, since: ports.clock.now() }, row.etag)()
}
