import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Backfill, cancelled, isOver } from '../../domain/backfill/backfill'
import { feedIdOf } from '../../domain/fhir/position'
import { isSamePartition } from '../../domain/dicom/partition'
import { type CastSettings, type Run, retrying } from '../context'
import { closedBy } from '../gate-open'
import { partitionsOf } from '../operate/choose-studies'
import type { StudyKey } from '../operate/resync'
import { type Operated, casting, looking, onlyLooking, service } from '../operate/operating'
import type { BackfillPorts } from '../ports-backfill-store'
import type { RunOptions } from '../run/run-cast'
import { type Advanced, advance, advanceHeld, inBackfill } from './advance'
import { foreseeGiven, keepGiven, spelledGiven } from './list-given'
import { foreseeSince } from './list-since'
import { type Foreseen, foresee } from './list-studies'
import { readBackfillRow, writeBackfill } from './rows'

export interface BackfillRequest {
  readonly lanes: number
  readonly scope: Omit<Backfill['scope'], 'given'>
  /** Only these: in the place of the archive's list. The checkpoint stays then. */
  readonly studies?: ReadonlyArray<StudyKey>
}

/** `maxGone`: studies that may leave FHIR unasked. */
type Options = RunOptions & { readonly by: string; readonly maxGone: number }

const refused = (reason: string) => E.left({ _tag: 'Refused', reason } as const)

/**
 * The row first, which tells everybody that it is at work; then the gate, so that nobody else writes from here on; then its
 * beginning alone: the list is read by whoever takes the message of that, while others work on what is listed.
 */
export const startBackfill = (
  ports: BackfillPorts,
  settings: CastSettings,
  options: Options,
  request: BackfillRequest,
): Promise<Operated<Advanced>> =>
  casting(ports, settings, options, async (run) => {
    const before = await readBackfillRow(run, ports)
    if (E.isLeft(before)) return service(before.left)
    const last = O.toUndefined(before.right)
    if (last !== undefined && !isOver(last)) {
      return refused(`a backfill is at work, begun by ${last.by} at ${new Date(last.startedAt).toISOString()}`)
    }
    const scope = await knownScope(run, ports, request.scope)
    if (E.isLeft(scope)) return scope
    const named = await spelledGiven(run, ports, request.studies ?? [])
    if (E.isLeft(named)) return named
    const isFresh = await holdsNothing(run)
    if (E.isLeft(isFresh)) return isFresh
    const given = await keepGiven(run, ports, options.runId, named.right)
    if (E.isLeft(given)) return service(given.left)
    const opened = await ports.backfillQueue.open()()
    if (E.isLeft(opened)) return service(opened.left)
    const free = await isFree(run, ports)
    if (E.isLeft(free)) return free
    const row: Backfill = {
      ...{ id: options.runId, by: options.by, startedAt: ports.clock.now(), state: 'starting' },
      scope: { ...scope.right, ...(request.studies === undefined ? {} : { given: given.right }) },
      ...{ lanes: request.lanes, isFresh: isFresh.right, maxGone: options.maxGone },
      ...{ parts: Array.from({ length: request.lanes }, () => 0), listed: { studies: 0, images: 0 } },
      ...{ unlistable: 0, leftOver: { cast: 0, failed: 0 } },
    }
    const written = await writeBackfill(run, ports, last, row)
    if (E.isLeft(written)) return service(written.left)
    return advanceHeld(inBackfill(run), ports, true)
  })

/**
 * What was stored meanwhile is told by the feed. A partition that nobody knows would be a backfill of nothing.
 */
const knownScope = async (
  run: Run,
  ports: BackfillPorts,
  scope: Backfill['scope'],
): Promise<Operated<Backfill['scope']>> => {
  if (ports.source !== undefined) {
    return refused('this archive has no change feed to go on from: dicomcast reconcile reads all of its studies')
  }
  const { partitions } = scope
  if (partitions === undefined) return E.right(scope)
  const known = await partitionsOf(run, ports)
  if (E.isLeft(known)) return service(known.left)
  const missing = partitions.find((name) => !known.right.some((each) => isSamePartition(each, name)))
  return missing === undefined
    ? E.right(scope)
    : refused(`the DICOM service has no partition ${missing}, or DicomCast__Partitions does not name it`)
}

/** Neither a checkpoint nor a position: FHIR has nothing of this feed. */
const holdsNothing = async (run: Run): Promise<Operated<boolean>> => {
  const [checked, checkpoint, position] = await Promise.all([
    retrying(run, run.ports.fhir.check()),
    retrying(run, run.ports.checkpoints.read()),
    retrying(run, run.ports.fhir.read('Basic', feedIdOf(run.settings.dicom))),
  ])
  if (E.isLeft(checked)) return service(checked.left)
  if (!checked.right.offersBasic) {
    return refused('the FHIR server offers no Basic: many writers at once could not be kept apart there')
  }
  if (E.isLeft(checkpoint)) return service(checkpoint.left)
  if (E.isLeft(position)) return service(position.left)
  return E.right(O.isNone(checkpoint.right) && O.isNone(position.right))
}

/** Paused, or being renamed. */
const isFree = async (run: Run, ports: BackfillPorts): Promise<Operated<void>> => {
  const read = await retrying(run, ports.gate.read())
  if (E.isLeft(read)) return service(read.left)
  const row = O.toUndefined(read.right)
  const isOthers = row !== undefined && row.state !== 'running' && row.state !== 'backfill'
  return isOthers ? refused(closedBy(row)) : E.right(undefined)
}

/** What it would be about. Reads only. */
export const foreseeBackfill = (
  ports: BackfillPorts,
  settings: CastSettings,
  options: RunOptions,
  { scope, studies }: BackfillRequest,
): Promise<Operated<Foreseen>> =>
  onlyLooking(ports, settings, options, async (run): Promise<Operated<Foreseen>> => {
    const known = await knownScope(run, ports, scope)
    if (E.isLeft(known)) return known
    const named = await spelledGiven(run, ports, studies ?? [])
    if (E.isLeft(named)) return named
    const foreseen = await (studies !== undefined
      ? foreseeGiven(run, ports, named.right)
      : scope.since !== undefined
        ? foreseeSince(run, ports, scope, scope.since)
        : foresee({ run, ports }, scope))
    return E.isLeft(foreseen) ? service(foreseen.left) : foreseen
  })

const attempts = 5

/**
 * Ends it early. The row says so at once, whoever holds the lease; then it is brought to its end here, or by whoever
 * comes next.
 */
export const cancelBackfill = async (
  ports: BackfillPorts,
  settings: CastSettings,
  options: RunOptions,
): Promise<Operated<Advanced>> => {
  const run = looking(ports, settings, options)
  for (let attempt = 1; ; attempt++) {
    const read = await readBackfillRow(run, ports)
    if (E.isLeft(read)) return service(read.left)
    if (O.isNone(read.right) || isOver(read.right.value)) return E.left({ _tag: 'NotFound', what: 'backfill' })
    const { etag, ...row } = read.right.value
    const written = await retrying(run, ports.backfills.write(cancelled(row), etag))
    if (E.isLeft(written)) {
      if (written.left._tag === 'CheckpointMoved' && attempt < attempts) continue
      return service(written.left)
    }
    const advanced = await advance(ports, settings, options)
    return E.isLeft(advanced) && advanced.left._tag === 'LeaseHeld' ? E.right({ backfill: written.right }) : advanced
  }
}
