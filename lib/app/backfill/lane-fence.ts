import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Stop } from '../../domain/batch/delivery'
import type { ServiceError } from '../../domain/cast-error'
import { type Lane, laneId, laneIn, laneResource } from '../../domain/fhir/lane'
import { type Fence, noVersions, unusable } from '../cast/fence'
import { openSession } from '../cast/fhir-session'
import { type CastSettings, type Run, retrying } from '../context'
import { gateOpen } from '../gate-open'
import { looking } from '../operate/operating'
import type { BackfillPorts } from '../ports-backfill-store'
import type { RunOptions } from '../run/run-cast'

type Result<A> = Promise<E.Either<ServiceError, A>>

const closed: ServiceError = { _tag: 'GateClosed', state: 'backfill', reason: 'the lane of the backfill is closed' }

/** A lane is closed for good; the gate of a backfill that is at work says another state, and will not for long. */
export const isLaneClosed = (error: Stop): boolean => error._tag === 'GateClosed' && error.state === 'backfill'

const readLane = async (run: Run, lane: number) => {
  const read = await retrying(run, run.ports.fhir.read('Basic', laneId(run.settings.dicom, lane)))
  return E.map((found: typeof read extends E.Either<ServiceError, infer A> ? A : never) => O.toUndefined(found))(read)
}

/** The lane in the place of the position: whoever was not the last to write it may write no more. */
const laneFence = (run: Run, { lane, backfillId }: Pick<Lane, 'lane' | 'backfillId'>): Fence => {
  let first: string | undefined
  return {
    read: async () => {
      const read = await readLane(run, lane)
      if (E.isLeft(read)) return read
      if (read.right === undefined) return E.left(closed)
      const { isOpen, backfillId: id, run: writer } = laneIn(read.right)
      if (!isOpen || id !== backfillId) return E.left(closed)
      const version = read.right.meta?.versionId
      if (version === undefined) return unusable(noVersions)
      first ??= version
      // What was read of the archive since is old when somebody else has written under this lane.
      return version === first || writer === run.runId ? E.right(version) : E.left({ _tag: 'LeaseLost' })
    },
    // The lane says that its backfill is at work, the gate that nothing else is.
    mayWrite: () => gateOpen(run),
    reached: () => 0,
    next: () =>
      laneResource(run.settings.dicom, { lane, backfillId, isOpen: true, run: run.runId }, run.ports.random.uuid()),
  }
}

/** A worker has no lease: rows of the fail tables rest on its lane, as what is written to FHIR does. */
export const runOfLane = (
  ports: BackfillPorts,
  settings: CastSettings,
  options: RunOptions,
  lane: Pick<Lane, 'lane' | 'backfillId'>,
): { readonly run: Run; readonly fence: Fence } => {
  const run: Run = {
    ...looking(ports, settings, options),
    gateState: 'backfill',
    lease: {
      check: () => E.right(undefined),
      // A lane that is closed is lost like one that somebody else has: what was recorded meanwhile is taken back.
      confirm: () => async () =>
        E.bimap(
          (error: ServiceError): ServiceError => (error._tag === 'GateClosed' ? { _tag: 'LeaseLost' } : error),
          () => undefined,
        )(await fence.read()),
      release: () => Promise.resolve(),
    },
  }
  const fence = laneFence(run, lane)
  return { run, fence }
}

const attempts = 10

const saysTheSame = (left: Omit<Lane, 'lane'>, right: Lane): boolean =>
  left.isOpen === right.isOpen && left.backfillId === right.backfillId

/** Under the lease: makes the lane say so, which refuses whatever was built on what it said before. May be repeated. */
export const moveLane = async (run: Run, wanted: Lane): Result<void> => {
  const { dicom } = run.settings
  let justRead: string | undefined
  const session = openSession(run, true, {
    read: async () => {
      if (justRead !== undefined) return E.right(justRead)
      const read = await readLane(run, wanted.lane)
      if (E.isLeft(read)) return read
      const version = read.right?.meta?.versionId
      return version === undefined ? unusable(noVersions) : E.right(version)
    },
    mayWrite: () => Promise.resolve(E.right(undefined)),
    reached: () => 0,
    next: () => laneResource(dicom, { ...wanted, run: run.runId }, run.ports.random.uuid()),
  })
  let last: ServiceError = { _tag: 'FhirConflict', status: 412 }
  for (let attempt = 1; attempt <= attempts; attempt++) {
    // What it says is read after its version, or with it: said so at that version, it needs no other.
    const known = await bornLane(run, wanted.lane)
    if (E.isLeft(known)) return known
    if (saysTheSame(known.right, wanted)) return E.right(undefined)
    justRead = known.right.version
    const read = await session.readPosition()
    if (E.isLeft(read)) return read
    justRead = undefined
    const sent = await session.send([], { from: 0, to: 0 })
    if (sent._tag === 'Committed') return E.right(undefined)
    if (sent._tag === 'Failed') return E.left(sent.error)
    if (sent._tag === 'Reread') last = sent.error
    if (sent._tag === 'Rejected') return unusable('it refuses a Basic resource that says what a lane does')
    if (sent._tag === 'OutOfTime') return unusable('the time is used up')
  }
  return E.left(last)
}

/** Born with constant content: an If-Match on what does not exist is no check on some servers. */
const bornLane = async (
  run: Run,
  lane: number,
): Result<Omit<Lane, 'lane'> & { readonly version?: string | undefined }> => {
  const read = await readLane(run, lane)
  if (E.isLeft(read)) return read
  if (read.right !== undefined) return E.right({ ...laneIn(read.right), version: read.right.meta?.versionId })
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const born = { lane, backfillId: 'none', isOpen: false }
  const body = JSON.stringify(laneResource(run.settings.dicom, born))
  const put = await retrying(run, run.ports.fhir.put('Basic', laneId(run.settings.dicom, lane), body))
  return E.isLeft(put) && put.left._tag !== 'FhirConflict' ? put : E.right(born)
}
