import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../../domain/cast-error'
import { movedTo, newCheckpoint, headOf } from '../../domain/checkpoint'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { beginName } from '../feed-name'
import { gateOpen } from '../gate-open'
import { type Operated, service, underLease } from './operating'
import { type PassedBy, passedBy } from './passed-by'
import type { StoredCheckpoint } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import type { RunOptions } from '../run/run-cast'
import { beginningAt, noRowsOf } from '../run/stored-checkpoint'

/** Behind a sequence; or before everything that was stored from a time (ms) on. */
export type CheckpointTarget = { readonly sequence: number } | { readonly time: number }

export interface CheckpointMove {
  readonly to: CheckpointTarget
  /** As the status tells it: nobody has moved the checkpoint since the operator looked. None while there is no row. */
  readonly etag: string | undefined
}

export interface CheckpointMoved {
  readonly from: number
  readonly to: number
  readonly head: number
  readonly etag: string | null
  /** Holes before it that stay open: their rows are cast when they come. */
  readonly openHoles: number
  /** Moved forth: what is never cast now. */
  readonly passedBy?: PassedBy
}

/** A create takes its timestamp first and is inserted later: so long before the time asked for the search begins. */
const leadMs = 120_000

/**
 * Moves the checkpoint, back or forth, because an operator says so. What lies behind it is cast again, which changes
 * nothing that is right already; what is passed over is never cast. Holes that are open stay open.
 */
export const moveCheckpoint = (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions,
  { to, etag }: CheckpointMove,
): Promise<Operated<CheckpointMoved>> =>
  underLease(ports, settings, options, async (run) => {
    const row = await retrying(run, ports.checkpoints.read())
    const read = orUnreadable(row)
    if (E.isLeft(read)) return service(read.left)
    const stored = O.getOrElse((): StoredCheckpoint => ({ checkpoint: beginningAt(run, 0), etag: undefined }))(
      read.right,
    )
    if (stored.etag !== etag) return E.left({ _tag: 'EtagStale', current: stored.etag })
    const open = await gateOpen(run)
    if (E.isLeft(open) && !(E.isLeft(row) && isForBackfill(open.left))) return service(open.left)
    const latest = await retrying(run, ports.dicom.latest())
    if (E.isLeft(latest)) return service(latest.left)
    const head = headOf(latest.right)
    const target = 'sequence' in to ? E.right(to.sequence) : await sequenceBefore(run, to.time, head)
    if (E.isLeft(target)) return service(target.left)
    if (target.right > head) {
      return E.left({
        _tag: 'Refused',
        reason: `the head of the change feed is ${head}: the checkpoint cannot be behind it`,
      })
    }
    const begun =
      stored.etag === undefined || stored.isOriginals === true
        ? await beginName(run, stored.isOriginals === true)
        : E.right(undefined)
    if (E.isLeft(begun)) return service(begun.left)
    const passed = await passedBy(run, stored.checkpoint, target.right)
    const held = run.lease.check()
    if (E.isLeft(held)) return service(held.left)
    const moved = { ...movedTo(stored.checkpoint, target.right, head), ...noRowsOf(run) }
    const written = await retrying(run, ports.checkpoints.write(stored, moved))
    if (E.isLeft(written)) return service(written.left)
    return E.right({
      from: stored.checkpoint.syncedSequence,
      to: target.right,
      head,
      etag: written.right.etag ?? null,
      openHoles: moved.holes.length,
      ...(passed === undefined ? {} : { passedBy: passed }),
    })
  })

/** It waits for its end until the row can be read: it must be mended while the gate is closed. */
const isForBackfill = (error: ServiceError): boolean => error._tag === 'GateClosed' && error.state === 'backfill'

/** A row that no run can read is mended by this: it is written anew, with those of its holes that can be read. */
const orUnreadable = (
  read: E.Either<ServiceError, O.Option<StoredCheckpoint>>,
): E.Either<ServiceError, O.Option<StoredCheckpoint>> =>
  E.isLeft(read) && read.left._tag === 'CheckpointUnreadable'
    ? E.right(
        O.some({
          checkpoint: { ...newCheckpoint(read.left.syncedSequence ?? 0), holes: read.left.holes },
          etag: read.left.etag,
        }),
      )
    : read

/** The sequence before the first row of that time; rows come by timestamp, and the numbers need not follow it. */
const sequenceBefore = async (run: Run, time: number, head: number): Promise<E.Either<ServiceError, number>> => {
  const start = new Date(time - leadMs).toISOString()
  let [smallest, until] = [head + 1, Infinity]
  for (let skip = 0; ;) {
    const page = await retrying(run, run.ports.dicom.window(start, skip))
    if (E.isLeft(page)) return page
    const { elements } = page.right
    const entries = elements.flatMap((element) => {
      const decoded = run.judge.decode(element)
      return E.isRight(decoded) ? [decoded.right] : []
    })
    for (const { sequence, timestamp } of entries) {
      smallest = Math.min(smallest, sequence)
      if (until === Infinity && timestamp !== '') until = Date.parse(timestamp) + 2 * leadMs
    }
    skip += elements.length
    if (elements.length === 0 || Date.parse(entries.at(-1)?.timestamp ?? '') > until) return E.right(smallest - 1)
    if (remainingMs(run) <= 0) {
      const reason = 'the time is used up before the first row of that time was found'
      return E.left({ _tag: 'ServiceUnavailable', hop: 'dicom', reason })
    }
  }
}
