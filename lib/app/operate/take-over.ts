import * as E from 'fp-ts/Either'
import { finishEndpoints, isOpenEndpoint } from '../../domain/batch/take-over'
import type { ServiceError } from '../../domain/cast-error'
import { partitionsIn } from '../../domain/mapping/endpoint'
import type { FhirSession } from '../cast/fhir-session'
import { type CastSettings, type Run, retrying } from '../context'
import { writeName } from '../feed-name'
import { gateOpen } from '../gate-open'
import type { FailRowKey } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import { type FailIndex, readFailIndex } from '../run/fail-index'
import {
  type EndedEarly,
  type Operated,
  type OperatorOptions,
  casting,
  endedEarly,
  onlyLooking,
  service,
  sessionOf,
} from './operating'
import { endpointsIn, sendPlanned, studiesOf, type Step } from './rename-steps'
import { replayRows } from './replay'
import { type PatientLeft, type PatientsSeen, finishSubjects, planPatients, subjectsOf } from './take-over-steps'

export interface TakenOver {
  readonly dryRun: boolean
  /** What was given today's form, or would be. */
  readonly endpoints: number
  readonly patients: number
  /** Rows of the original: cast again, recorded as ours, or taken away. */
  readonly rows: number
  /** Patients that stay as they are. */
  readonly left: ReadonlyArray<PatientLeft>
  /** Rows of the original that stay: neither feed nor archive knows the instance. */
  readonly rowsLeft: number
  /** False: the same command goes on. */
  readonly finished: boolean
  readonly stop?: EndedEarly
}

/** So many studies at once. */
const studiesAtOnce = 100

/**
 * Nobody will go back to the original DICOMcast: what it looks up gets today's form. The Endpoint comes last: as long as
 * it is the original's, the same call finds what is left, whatever ended the one before.
 */
export const finishTakeOver = (
  ports: OperatorPorts,
  settings: CastSettings,
  options: OperatorOptions,
  dryRun: boolean,
): Promise<Operated<TakenOver>> => {
  const told: PatientsSeen = { seen: new Set(), left: [], patients: 0 }
  const work = async (run: Run): Promise<Operated<TakenOver>> => {
    const open = dryRun ? E.right(undefined) : await gateOpen(run)
    if (E.isLeft(open)) return service(open.left)
    const endpoints = await endpointsIn(run)
    if (E.isLeft(endpoints)) return service(endpoints.left)
    const count = endpoints.right.filter(isOpenEndpoint(run.settings)).length
    // A service that was renamed since has given the Endpoint today's form, and left the identifiers.
    const isOpen = count > 0 || run.name?.takenOverAt !== undefined
    const own = isOpen ? endpoints.right.filter((each) => partitionsIn(run.settings.dicom, each).size > 0) : []
    const ids = own.flatMap(({ id }) => id ?? [])
    const studies = ids.length === 0 ? E.right([]) : await studiesOf(run, ports, ids)
    if (E.isLeft(studies)) return service(studies.left)
    const carrying = { run, ports, options, told, uids: studies.right, endpoints: count }
    return dryRun ? foresee(carrying) : carryOut(carrying)
  }
  return (dryRun ? onlyLooking : casting)(ports, settings, options, work)
}

interface Carrying {
  readonly run: Run
  readonly ports: OperatorPorts
  readonly options: OperatorOptions
  readonly told: PatientsSeen
  readonly uids: ReadonlyArray<string>
  readonly endpoints: number
}

const chunksOf = (uids: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(uids.length / studiesAtOnce) }, (_, at) =>
    uids.slice(at * studiesAtOnce, (at + 1) * studiesAtOnce),
  )

const originalsIn = ({ rows }: FailIndex): ReadonlyArray<FailRowKey> =>
  [...rows.values()].filter(({ original }) => original !== undefined)

const foresee = async ({ run, ports, options, told, uids, endpoints }: Carrying): Promise<Operated<TakenOver>> => {
  for (const [at, chunk] of chunksOf(uids).entries()) {
    const subjects = await subjectsOf(run, chunk)
    if (E.isLeft(subjects)) return service(subjects.left)
    const ids = [...new Set(subjects.right)].filter((id) => !told.seen.has(id))
    const planned = await planPatients(run, ids)
    if (E.isLeft(planned)) return service(planned.left)
    told.patients += planned.right.entries.length
    told.left.push(...planned.right.left)
    ids.forEach((id) => told.seen.add(id))
    options.steps?.(Math.min(uids.length, (at + 1) * studiesAtOnce), uids.length)
  }
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  const settled = await retrying(run, ports.failures.originals(false))
  if (E.isLeft(settled)) return service(settled.left)
  const rows = originalsIn(index.right).length + settled.right
  const { patients, left } = told
  return E.right({
    ...{ dryRun: true, endpoints, patients, rows, left, rowsLeft: 0 },
    finished: endpoints === 0 && patients === 0 && rows === 0,
  })
}

const carryOut = async (carrying: Carrying): Promise<Operated<TakenOver>> => {
  const { run, told } = carrying
  const session = await sessionOf(run)
  if (E.isLeft(session)) return service(session.left)
  const counts = { rows: 0, rowsLeft: 0, endpoints: 0 }
  const ended = await steps(carrying, session.right, counts)
  if (E.isLeft(ended)) return ended
  const finished = ended.right === 'Done'
  const stop = finished ? undefined : endedEarly({ _tag: 'OutOfTime' })
  const { patients, left } = told
  run.ports.log('info', 'The take-over of the original was finished', {
    ...{ ...counts, patients, left: left.length, finished },
  })
  return E.right({ dryRun: false, ...counts, patients, left, finished, ...(stop === undefined ? {} : { stop }) })
}

interface Counts {
  rows: number
  rowsLeft: number
  endpoints: number
}

const steps = async (carrying: Carrying, session: FhirSession, counts: Counts): Promise<Operated<Step>> => {
  const { run, options, told, uids } = carrying
  for (const [at, chunk] of chunksOf(uids).entries()) {
    const done = await finishSubjects(run, session, chunk, told)
    if (E.isLeft(done) || done.right === 'OutOfTime') return done
    options.steps?.(Math.min(uids.length, (at + 1) * studiesAtOnce), uids.length)
  }
  const rows = await finishRows(carrying, counts)
  if (E.isLeft(rows) || rows.right === 'OutOfTime') return rows
  const pointed = await sendPlanned(session, async () => {
    const endpoints = await endpointsIn(run)
    if (E.isLeft(endpoints)) return endpoints
    const entries = finishEndpoints(run.settings, endpoints.right)
    counts.endpoints = entries.length
    return E.right(entries)
  })
  if (E.isLeft(pointed) || pointed.right === 'OutOfTime') return pointed
  const closed = await closeName(run)
  return E.isLeft(closed) ? service(closed.left) : E.right('Done')
}

/** What it has refused is cast once more; what it only told goes. */
const finishRows = async ({ run, ports }: Carrying, counts: Counts): Promise<Operated<Step>> => {
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  const taken = originalsIn(index.right)
  const replayed = await replayRows(run, ports, index.right, taken, {
    ...{ dryRun: false, steps: undefined },
    selected: taken.length,
  })
  if (E.isLeft(replayed)) return replayed
  const { stop } = replayed.right
  if (stop !== undefined) return E.right('OutOfTime')
  const told = await retrying(run, ports.failures.originals(true))
  if (E.isLeft(told)) return service(told.left)
  counts.rowsLeft = originalsIn(index.right).length
  counts.rows = taken.length - counts.rowsLeft + told.right
  return E.right('Done')
}

const closeName = async (run: Run): Promise<E.Either<ServiceError, void>> => {
  if (run.name?.takenOverAt === undefined) return E.right(undefined)
  const { takenOverAt: _over, etag: _etag, ...name } = run.name
  return writeName(run, name)
}
