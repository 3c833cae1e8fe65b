import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Renaming, renameEndpoints } from '../../domain/batch/rename'
import type { ServiceError } from '../../domain/cast-error'
import type { FhirSession } from '../cast/fhir-session'
import { type CastSettings, type Run, retrying } from '../context'
import { pointTo, under, writeName } from '../feed-name'
import type { FeedName } from '../ports-name'
import type { OperatorPorts } from '../ports-operator'
import {
  type EndedEarly,
  type Operated,
  type OperatorOptions,
  endedEarly,
  looking,
  service,
  sessionOf,
  underBareLease,
} from './operating'
import {
  type Step,
  type Studies,
  endpointsIn,
  planEndpoints,
  repointStudies,
  sendPlanned,
  studiesOf,
} from './rename-steps'
import { type RenameRequest, type Task, gateFor, isFree, whatToDo } from './rename-task'

export interface Renamed {
  readonly dryRun: boolean
  readonly feedId: string
  readonly from: string
  readonly to: string
  /** Endpoints that were re-pointed or made, and studies that were given ours in the place of an administrator's. */
  readonly endpoints: number
  readonly studies: number
  /** Of those, studies that FHIR does not take as they stand: mend each, and give it the Endpoint by hand. */
  readonly refused: ReadonlyArray<string>
  /** False: nobody casts until it is gone on with. */
  readonly finished: boolean
  readonly stop?: EndedEarly
}

type Options = OperatorOptions & { readonly by: string }

/**
 * The DICOM service has another name: DicomWeb__Endpoint names it already, and what storage and FHIR hold follows. The row
 * in storage comes first, so that nobody casts meanwhile, under either name; each step may be repeated.
 */
export const renameService = (
  ports: OperatorPorts,
  settings: CastSettings,
  options: Options,
  request: RenameRequest,
  dryRun: boolean,
): Promise<Operated<Renamed>> => {
  const work = async (run: Run): Promise<Operated<Renamed>> => {
    const checked = await retrying(run, ports.fhir.check())
    if (E.isLeft(checked)) return service(checked.left)
    const { offersBasic } = checked.right
    const task = await whatToDo(run, request, offersBasic)
    if (E.isLeft(task)) return task
    const free = await isFree(run, task.right, offersBasic)
    if (E.isLeft(free)) return free
    const gate = await gateFor(run)
    if (E.isLeft(gate)) return gate
    return dryRun
      ? foresee(run, ports, task.right)
      : carryOut({ run, ports, options, task: task.right, offersBasic, ...tally() })
  }
  return dryRun ? work(looking(ports, settings, options)) : underBareLease(ports, settings, options, work)
}

/** One that is being carried out. */
interface Carrying {
  readonly run: Run
  readonly ports: OperatorPorts
  readonly options: Options
  readonly task: Task
  readonly offersBasic: boolean
  endpoints: number
  studies: number
  readonly refused: Array<string>
}

const tally = () => ({ endpoints: 0, studies: 0, refused: [] })

const renamingOf = ({ settings }: Run, { name, to }: Task): Renaming => ({
  fhirBase: settings.fhirBase,
  from: under(settings.dicom, name),
  to: { ...under(settings.dicom, renamedName({ name, to })), version: to.version },
})

const renamedName = ({ name, to }: Pick<Task, 'name' | 'to'>): FeedName => ({
  feedId: name.feedId,
  root: to.root,
  formerRoots: name.root === to.root ? name.formerRoots : [...new Set([...name.formerRoots, name.root])],
  ...(name.takenOverAt === undefined ? {} : { takenOverAt: name.takenOverAt }),
})

const report = (
  { name, to }: Task,
  from: string,
  done: Pick<Renamed, 'dryRun' | 'endpoints' | 'studies' | 'refused' | 'finished'>,
) => ({
  ...{ feedId: name.feedId, from, to: to.root },
  ...done,
})

const foresee = async (run: Run, ports: OperatorPorts, task: Task): Promise<Operated<Renamed>> => {
  const endpoints = await endpointsIn(run)
  if (E.isLeft(endpoints)) return service(endpoints.left)
  const { entries, theirs } = renameEndpoints(renamingOf(run, task), endpoints.right)
  let studies = 0
  for (const ids of theirs.values()) {
    const found = await studiesOf(run, ports, ids)
    if (E.isLeft(found)) return service(found.left)
    studies += found.right.length
  }
  return E.right(
    report(task, task.name.root, {
      dryRun: true,
      endpoints: entries.length,
      studies,
      refused: [],
      finished: task.isFinished,
    }),
  )
}

const carryOut = async (carrying: Carrying): Promise<Operated<Renamed>> => {
  const { run, task } = carrying
  const { name, to } = task
  const ended = task.isFinished ? await openGate(carrying) : await steps(carrying)
  if (E.isLeft(ended)) return ended
  const { endpoints, studies, refused: left } = carrying
  const finished = ended.right === 'Done'
  const from = task.isFinished ? (name.formerRoots.at(-1) ?? name.root) : name.root
  const stop = finished ? undefined : endedEarly({ _tag: 'OutOfTime' })
  run.ports.log('info', 'The DICOM service was renamed', {
    ...{ from, to: to.root, endpoints, studies, refused: left.length, finished },
  })
  return E.right({
    ...report(task, from, { dryRun: false, endpoints, studies, refused: left, finished }),
    ...(stop === undefined ? {} : { stop }),
  })
}

const steps = async (carrying: Carrying): Promise<Operated<Step>> => {
  const { run, task, offersBasic } = carrying
  const { name, to } = task
  const renaming = renamingOf(run, task)
  if (name.root !== to.root) {
    const begun = await begin(carrying)
    if (E.isLeft(begun)) return begun
    const session = await sessionOf(run)
    if (E.isLeft(session)) return service(session.left)
    const moved = await moveAddresses(carrying, session.right, renaming)
    if (E.isLeft(moved) || moved.right === 'OutOfTime') return moved
    run.settings = { ...run.settings, dicom: renaming.to }
    const named = await sendPlanned(session.right, () => Promise.resolve(E.right([])))
    if (E.isLeft(named) || named.right === 'OutOfTime') return named
  }
  if (offersBasic) {
    const pointed = await pointTo(run, renaming.to)
    if (E.isLeft(pointed)) return service(pointed.left)
  }
  const written = await writeName(run, renamedName(task))
  return E.isLeft(written) ? service(written.left) : openGate(carrying)
}

/** The row first: from here on every cast ends, with either setting. Then the gate, for those that are at work. */
const begin = async ({ run, ports, options, task: { name, to } }: Carrying): Promise<Operated<void>> => {
  const row = await writeName(run, { ...name, renaming: { to: to.root, version: to.version } })
  if (E.isLeft(row)) return service(row.left)
  const gate = await setGate(run, ports, options, 'renaming')
  if (E.isLeft(gate)) return service(gate.left)
  Object.assign(run, { gateState: 'renaming' })
  return E.right(undefined)
}

const setGate = async (
  run: Run,
  ports: OperatorPorts,
  { by }: Options,
  state: 'renaming' | 'running',
): Promise<E.Either<ServiceError, void>> => {
  const read = await retrying(run, ports.gate.read())
  if (E.isLeft(read)) return read
  const row = O.toUndefined(read.right)
  if ((row?.state ?? 'running') === state) return E.right(undefined)
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  return ports.gate.write({ state, by, since: ports.clock.now() }, row?.etag)()
}

const openGate = async ({ run, ports, options }: Carrying): Promise<Operated<Step>> => {
  const opened = await setGate(run, ports, options, 'running')
  return E.isLeft(opened) ? service(opened.left) : E.right('Done')
}

/** Moves the position, so that what is on its way is refused; then the Endpoints; then studies that refer to others'. */
const moveAddresses = async (carrying: Carrying, session: FhirSession, renaming: Renaming): Promise<Operated<Step>> => {
  const { run, ports, options } = carrying
  const fenced = await sendPlanned(session, () => Promise.resolve(E.right([])))
  if (E.isLeft(fenced) || fenced.right === 'OutOfTime') return fenced
  const pointed = await sendPlanned(session, async () => {
    const planned = await planEndpoints(run, renaming)
    if (E.isRight(planned)) carrying.endpoints = planned.right.length
    return planned
  })
  if (E.isLeft(pointed) || pointed.right === 'OutOfTime') return pointed
  const left = await studiesLeft(run, ports, renaming)
  if (E.isLeft(left)) return service(left.left)
  const total = left.right.reduce((sum, { uids }) => sum + uids.length, 0)
  for (const each of left.right) {
    const moved = await repointStudies(run, session, renaming, each, {
      done: (studies) => {
        carrying.studies += studies
        options.steps?.(carrying.studies, total)
      },
      refused: (study) => void carrying.refused.push(study),
    })
    if (E.isLeft(moved) || moved.right === 'OutOfTime') return moved
  }
  return E.right('Done')
}

const studiesLeft = async (
  run: Run,
  ports: OperatorPorts,
  renaming: Renaming,
): Promise<E.Either<ServiceError, ReadonlyArray<Studies>>> => {
  const endpoints = await endpointsIn(run)
  if (E.isLeft(endpoints)) return endpoints
  const found: Array<Studies> = []
  for (const [partition, theirs] of renameEndpoints(renaming, endpoints.right).theirs) {
    const uids = await studiesOf(run, ports, theirs)
    if (E.isLeft(uids)) return uids
    found.push({ partition, theirs, uids: uids.right })
  }
  return E.right(found)
}
