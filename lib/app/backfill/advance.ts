import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Backfill, type State, isOver, looksForGone } from '../../domain/backfill/backfill'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'
import { headOf } from '../../domain/checkpoint'
import { openSession } from '../cast/fhir-session'
import { dicomEndpoints } from '../cast/load-snapshot'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { type Operated, service, underLease } from '../operate/operating'
import type { FeedPage } from '../ports'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import type { RunOptions } from '../run/run-cast'
import { keepShut, moveLanes, movePosition } from './keep-shut'
import { castLeftOver, walkFhir } from './left-over'
import { eachLane } from './each-lane'
import { moveLane } from './lane-fence'
import { listGiven, walkGiven } from './list-given'
import { listSince, walkSince } from './list-since'
import { type Listing, listStep } from './list-studies'
import { open, openGate } from './open-again'
import {
  countSettled,
  readBackfillRow,
  readLaneRow,
  readPart,
  send,
  untouchedMs,
  writeBackfill,
  writePart,
} from './rows'

type Result<A> = Promise<E.Either<ServiceError, A>>
/** None: it waits for something. */
type Step = (listing: Listing, stored: Stored<Backfill>) => Result<Stored<Backfill> | undefined>

export interface Advanced {
  /** None: there is none, or the last one is over. */
  readonly backfill?: Backfill
  /** Why it cannot go on now. */
  readonly trouble?: string
}

/**
 * Takes a backfill as far as it comes, step by step, under the lease: what the timer does in the place of casting. Each
 * step may be repeated; whoever dies is gone on from.
 */
export const advance = (
  ports: BackfillPorts,
  settings: CastSettings,
  options: RunOptions,
): Promise<Operated<Advanced>> => underLease(ports, settings, options, (bare) => advanceHeld(inBackfill(bare), ports))

/** It writes while the gate says that a backfill is at work, and at no other time. */
export const inBackfill = (run: Run): Run => Object.assign(run, { gateState: 'backfill' as const })

/** `onlyBegins`: what comes behind its beginning is left to the workers. */
export const advanceHeld = async (run: Run, ports: BackfillPorts, onlyBegins = false): Promise<Operated<Advanced>> => {
  const read = await readBackfillRow(run, ports)
  if (E.isLeft(read)) return service(read.left)
  let stored = O.toUndefined(read.right)
  if (stored === undefined || isOver(stored)) {
    // Nobody else would open what was shut for it.
    const opened = await openGate(run, ports)
    return E.isLeft(opened) ? service(opened.left) : E.right({})
  }
  const listing: Listing = { run, ports, session: openSession(run, true) }
  const kept = await keepShut(listing, stored)
  if (E.isLeft(kept)) return E.right({ backfill: stored, trouble: describeServiceError(kept.left) })
  stored = kept.right
  let isMoved = false
  while (!isOver(stored) && !run.stopping() && remainingMs(run) > 0) {
    if (onlyBegins && stored.state !== 'starting') break
    const next: E.Either<ServiceError, Stored<Backfill> | undefined> = await steps[stored.state](listing, stored)
    if (E.isLeft(next) && next.left._tag === 'CheckpointMoved' && !isMoved) {
      // Somebody cancels it, and needs no lease for that.
      isMoved = true
      const again: E.Either<ServiceError, O.Option<Stored<Backfill>>> = await readBackfillRow(run, ports)
      if (E.isLeft(again)) return service(again.left)
      if (O.isSome(again.right)) stored = again.right.value
      continue
    }
    if (E.isLeft(next)) return E.right({ backfill: stored, trouble: describeServiceError(next.left) })
    if (next.right === undefined) break
    stored = next.right
  }
  return E.right({ backfill: stored })
}

/** A sleeping run is fenced; the lanes stand before anything is listed; then the head of the feed is noted. */
const begin: Step = async (listing, stored) => {
  const { run, ports } = listing
  const fenced = await movePosition(listing)
  if (E.isLeft(fenced)) return fenced
  const isFresh = stored.isFresh ? await holdsNoEndpoint(run) : E.right(false)
  if (E.isLeft(isFresh)) return isFresh
  const made = await moveLanes(run, stored, true)
  if (E.isLeft(made)) return made
  const latest = await retrying(run, ports.dicom.latest())
  if (E.isLeft(latest)) return latest
  const head = O.getOrElse(() => ({ sequence: headOf(O.none) }))(latest.right)
  const served = await servedAt(listing, head.sequence)
  if (E.isLeft(served)) return served
  const times = {
    listFrom: ports.clock.now() + run.settings.holeAgeMs,
    visibleFrom: served.right + run.settings.holeAgeMs,
  }
  const written = await writeBackfill(run, ports, stored, {
    ...stored,
    ...times,
    ...{ head, isFresh: isFresh.right, state: 'waiting' },
  })
  if (E.isLeft(written)) return written
  const sent = await send(run, ports, { backfillId: stored.id }, Math.ceil(run.settings.holeAgeMs / 1_000) + 1)
  return E.isLeft(sent) ? sent : written
}

/** Until the position moved the feed may have been cast, whatever there was when somebody began: without Endpoint nothing was. */
const holdsNoEndpoint = async (run: Run): Result<boolean> =>
  E.map((found: ReadonlyArray<ReadonlyArray<FhirResource>>) => found.flat().length === 0)(
    await retrying(run, run.ports.fhir.search([dicomEndpoints])),
  )

/** By the clock of the DICOM service: those of two hosts may differ by more than HoleAge. */
const servedAt = async ({ run, ports }: Pick<Listing, 'run' | 'ports'>, sequence: number): Result<number> =>
  E.map(({ servedAt: time }: FeedPage) => time)(await retrying(run, ports.dicom.range(sequence, 1, false)))

const wait: Step = async (listing, stored) => {
  const { head, listFrom = 0, visibleFrom = listFrom } = stored
  const served = await servedAt(listing, head?.sequence ?? 0)
  if (E.isLeft(served)) return served
  return served.right < visibleFrom
    ? E.right(undefined)
    : writeBackfill(listing.run, listing.ports, stored, { ...stored, state: 'listing' })
}

const list: Step = async (listing, stored) => {
  const { given, since } = stored.scope
  const step = given !== undefined ? listGiven : since !== undefined ? listSince : listStep
  const stepped = await step(listing, stored)
  if (E.isLeft(stepped)) return stepped
  const lanes = await tendLanes(listing, stepped.right)
  return E.isLeft(lanes) ? lanes : stepped
}

/** Who finds all lanes through goes on to close them. */
const work: Step = async (listing, stored) => {
  const atWork = await tendLanes(listing, stored)
  if (E.isLeft(atWork)) return atWork
  if (atWork.right > 0) return E.right(undefined)
  return writeBackfill(listing.run, listing.ports, stored, { ...stored, state: 'closing' })
}

/** Sends again what no worker has touched for long; how many lanes have parts that are not settled. */
const tendLanes = async (listing: Listing, stored: Backfill): Result<number> => {
  const tended = await eachLane(stored.lanes, (lane) => tendLane(listing, stored, lane))
  return E.map((atWork: ReadonlyArray<boolean>) => atWork.filter((each) => each).length)(tended)
}

/** Whether it has parts that are not settled. */
const tendLane = async ({ run, ports }: Listing, { id, parts }: Backfill, lane: number): Result<boolean> => {
  const known = await readLaneRow(run, ports, id, lane)
  if (E.isLeft(known)) return known
  if (known.right.settled >= (parts[lane] ?? 0)) return E.right(false)
  const counted = await countSettled(run, ports, id, known.right)
  if (E.isLeft(counted)) return counted
  if (counted.right.settled >= (parts[lane] ?? 0)) return E.right(false)
  const read = await readPart(run, ports, id, lane, counted.right.settled + 1)
  if (E.isLeft(read)) return read
  if (O.isNone(read.right) || read.right.value.isSettled) return E.right(true)
  const { etag, ...part } = read.right.value
  const now = ports.clock.now()
  // Sent, and no worker was free for it.
  if (now - Math.max(part.touchedAt, counted.right.dueAt ?? 0) < untouchedMs) return E.right(true)
  const touched = await writePart(run, ports, id, etag, { ...part, touchedAt: now })
  // Its worker is there after all.
  if (E.isLeft(touched)) return touched.left._tag === 'CheckpointMoved' ? E.right(true) : touched
  // Whoever slept over the birth of the lane has closed it since.
  const opened = await moveLane(run, { lane, backfillId: id, isOpen: true })
  if (E.isLeft(opened)) return opened
  return E.map(() => true)(await send(run, ports, { backfillId: id, lane, part: part.part }))
}

/** What is left over is cast when no worker can write any more. */
const close: Step = async ({ run, ports }, stored) => {
  const closed = await moveLanes(run, stored, false)
  if (E.isLeft(closed)) return closed
  const state = looksForGone(stored) && !stored.isFresh ? 'walking' : 'leftOver'
  return writeBackfill(run, ports, stored, { ...stored, state })
}

const walk: Step = (listing, stored) => {
  const { given, since } = stored.scope
  return (given !== undefined ? walkGiven : since !== undefined ? walkSince : walkFhir)(listing, stored)
}

const steps: Readonly<Record<State, Step>> = {
  starting: begin,
  waiting: wait,
  listing: list,
  working: work,
  closing: close,
  walking: walk,
  leftOver: castLeftOver,
  opening: open,
  over: () => Promise.resolve(E.right(undefined)),
}
