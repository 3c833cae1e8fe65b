import type { FhirResource, ImagingStudy } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { CastSettings } from '../../lib/app/context'
import { accept } from '../../lib/app/operate/accept'
import { moveCheckpoint } from '../../lib/app/operate/move-checkpoint'
import type { OperatorOptions } from '../../lib/app/operate/operating'
import { preview } from '../../lib/app/operate/preview'
import { replay } from '../../lib/app/operate/replay'
import type { StudyKey } from '../../lib/app/operate/resync'
import { resync } from '../../lib/app/operate/resync-study'
import { renameService } from '../../lib/app/operate/rename-service'
import { finishTakeOver } from '../../lib/app/operate/take-over'
import { verifyStudies } from '../../lib/app/operate/verify'
import type { FhirSearch } from '../../lib/app/ports'
import type { OperatorPorts } from '../../lib/app/ports-operator'
import { runCast } from '../../lib/app/run/run-cast'
import { isAtWork } from './backfill/side'
import type { FaultKind } from './faults'
import { type Process, newProcess, request } from './process'
import { withdrawals } from './notes'
import { known, personText } from './reference'
import { type Services, portsOf, settingsToday } from './runs'
import { knownId } from './other-systems'
import { systemOf } from './original'
import { gateFor } from './tables'
import type { World } from './world'

// People with the command line, while the timer casts. Whatever they do, nothing may be lost, and nothing doubled.

const nothingCounted = { rows: 0, more: false, codes: {} }

export const operatorPortsOf = (world: World, services: Services, process: Process): OperatorPorts => {
  const { feed, storage, lease } = services
  const ports = portsOf(world, services, process)
  const live = () => [...feed.images.values()].filter(({ tags }) => tags !== undefined)
  return {
    ...ports,
    accepted: {
      ...ports.accepted,
      add:
        ({ digest }) =>
        () =>
          request(world, process, 'accepted.add', () => {
            storage.accepted.add(digest)
            return E.right(undefined)
          }),
    },
    gate: gateFor(world, storage, process),
    dicom: { ...ports.dicom, probeStudies: () => async () => E.right(undefined) },
    fhir: { ...ports.fhir, probe: ports.fhir.check },
    history: {
      add: () => async () => E.right(undefined),
      list: () => async () => E.right([]),
      beat: () => async () => E.right(undefined),
      lastBeat: () => async () => E.right({}),
    },
    failures: {
      list: () => async () => E.right({ rows: [] }),
      get: () => async () => E.right(O.none),
      count: () => async () =>
        E.right({ ...nothingCounted, rows: storage.fails.size, identity: nothingCounted, withdrawn: nothingCounted }),
      forgetStuck: () => async () => E.right(undefined),
      originals: () => async () => E.right(0),
      setAttempts: () => async () => E.right(undefined),
    },
    leaseInspection: {
      holder: () => async () => E.right(lease.holder === undefined ? O.none : O.some({ runId: lease.holder.name })),
    },
    studyIndex: {
      partitions: () => async () => E.right([...new Set(live().map(({ key }) => key.partition))].sort()),
      studies: (partition, offset, limit) => async () =>
        E.right(
          [...new Set(live().flatMap(({ key }) => (key.partition === partition ? [key.study] : [])))]
            .sort()
            .slice(offset, offset + limit),
        ),
      has: (partition, study) => async () =>
        E.right(live().some(({ key }) => key.partition === partition && key.study === study)),
    },
    heldStudies: {
      page: (endpoints) => async () =>
        E.map(([hits = []]: ReadonlyArray<ReadonlyArray<FhirResource>>) => ({
          studies: hits.flatMap((hit) => uidsOf(hit as ImagingStudy)),
          next: undefined,
        }))(await ports.fhir.search([ofEndpoints(endpoints)])()),
    },
  }
}

const ofEndpoints = (endpoints: ReadonlyArray<string>): FhirSearch => ({
  type: 'ImagingStudy',
  parameters: [['endpoint', endpoints.map((id) => `Endpoint/${id}`).join(',')]],
})

const uidsOf = ({ identifier = [] }: ImagingStudy): ReadonlyArray<string> =>
  identifier.flatMap(({ system, value = '' }) => (system === 'urn:dicom:uid' ? [value.replace('urn:oid:', '')] : []))

interface Desk {
  readonly world: World
  readonly services: Services
  readonly settings: CastSettings
  readonly ports: OperatorPorts
  readonly options: OperatorOptions
  /** What a command is about, also when it is given again. */
  readonly about: { study?: StudyKey | undefined }
}

const someStudy = ({ world, services }: Desk): StudyKey | undefined => {
  const keys = services.feed.rows.map(({ image }) => image.key)
  if (keys.length === 0) return undefined
  const { partition, study } = world.random.pick(keys)
  return { partition, studyInstanceUid: study }
}

/** Repeats what found the lease taken: a person would. */
const patiently = async <A>(desk: Desk, work: () => Promise<E.Either<{ readonly _tag: string }, A>>) => {
  for (let attempt = 1; ; attempt++) {
    const done = await work()
    if (E.isRight(done) || attempt === 40 || desk.world.faults.isQuiet()) return done
    await desk.ports.clock.sleep(5_000)
  }
}

const isPassing = (done: E.Either<{ readonly _tag: string }, unknown>): boolean =>
  E.isLeft(done) && !['Refused', 'NotFound'].includes(done.left._tag)

/** Who finds a rename half done, or only told to the settings, finishes it first. */
const finishRenameFirst = async ({ world, services, settings }: Desk): Promise<void> => {
  const { gate, name, root } = services.storage
  const isToldOnly = root !== undefined && name !== undefined && name.root !== root
  if (gate?.state === 'renaming' || name?.renaming !== undefined || isToldOnly)
    await finishRename(world, services, settings)
}

const mostTimes = 20

/**
 * Whose command ended early gives it again, as whose command died does. Where the original has worked it matters: the doses
 * of a study are half taken over until then, and no row of the feed need come that would take over the rest.
 */
const toItsEnd = async <A extends object>(
  desk: Desk,
  work: (settings: CastSettings) => Promise<E.Either<{ readonly _tag: string }, A>>,
) => {
  const { world, services, settings, ports } = desk
  for (let attempt = 1; ; attempt++) {
    const done = await work(settingsToday(settings, services))
    const isOver = E.isRight(done) ? !('stop' in done.right) : !isPassing(done)
    if (isOver || services.fhir.account === undefined || attempt === mostTimes) return done
    world.say(() => `somebody gives a command again: ${JSON.stringify(done).slice(0, 200)}`)
    await finishRenameFirst(desk)
    await ports.clock.sleep(20_000)
  }
}

/** @param isWanted false: somebody else was first, and to move it again would move it from where he put it */
const move = (
  desk: Desk,
  to: { readonly sequence: number } | { readonly time: number },
  isWanted: () => boolean = () => true,
) =>
  patiently(desk, async () => {
    const { world, ports, settings, options, services } = desk
    const stands = services.storage.checkpoint
    if (!isWanted()) return E.left({ _tag: 'Refused' } as const)
    if ((stands?.checkpoint.holes ?? []).length > 0) world.faults.meet('operator × hole')
    // Whoever is told that the service has another name tries again under that.
    // Nobody knows what was open in a row that cannot be read: a careful person begins anew.
    const target = stands?.unreadable === 'all of it' ? { sequence: 0 } : to
    return moveCheckpoint(ports, settingsToday(settings, services), options, { to: target, etag: stands?.etag })
  })

/** Whoever has waited to move it back, and finds it before there, would move it forward: over what another one wants cast again. */
const isBehind =
  ({ services: { storage } }: Desk, sequence: number) =>
  (): boolean =>
    (storage.checkpoint?.checkpoint.syncedSequence ?? 0) >= sequence

const moveBack = async (desk: Desk): Promise<void> => {
  const { feed, storage } = desk.services
  const at = storage.checkpoint?.checkpoint.syncedSequence ?? 0
  const before = feed.rows.filter(({ sequence }) => sequence <= at)
  if (before.length === 0) return
  const { sequence, timestamp } = desk.world.random.pick(before)
  const isByTime = desk.world.random.chance(0.3) && desk.services.hasWindows
  await move(desk, isByTime ? { time: timestamp } : { sequence }, isBehind(desk, sequence))
}

/** As long as it takes. */
const moveAtLast = async (desk: Desk, to: { readonly sequence: number }, isWanted?: () => boolean): Promise<void> => {
  for (let moved = await move(desk, to, isWanted); isPassing(moved); moved = await move(desk, to, isWanted)) {
    await finishRenameFirst(desk)
    await desk.ports.clock.sleep(20_000)
  }
}

/** Forward by mistake, and back to where it was: what was open there is still awaited. */
const moveForth = async (desk: Desk): Promise<void> => {
  const { feed, storage } = desk.services
  const at = storage.checkpoint?.checkpoint.syncedSequence ?? 0
  if (at === 0 || feed.head() <= at) return
  const forth = await move(desk, { sequence: feed.head() })
  if (E.isLeft(forth)) return
  const back = { sequence: Math.min(at, forth.right.from) }
  // As long as it takes: what lies between would never be cast. A feed that was restored meanwhile ends before it.
  await moveAtLast(desk, back, isBehind(desk, back.sequence))
}

const verifyAndRepair = async (desk: Desk): Promise<void> => {
  const { ports, settings, options } = desk
  const wrong: Array<StudyKey> = []
  await verifyStudies(ports, settings, options, {
    scope: { _tag: 'All' },
    from: undefined,
    onStudy: async (found) => {
      const report = found._tag === 'Compared' ? found.report : undefined
      if (report?.inStep === false) wrong.push({ partition: report.partition, studyInstanceUid: report.study })
      return Promise.resolve(true)
    },
  })
  for (const study of wrong) await toItsEnd(desk, (today) => resync(ports, today, options, study))
}

/** An operator lets through those who come under the PatientID of somebody whom the hospital knows. */
const letThrough = async (desk: Desk): Promise<unknown> => {
  const { world, services, settings, ports, options } = desk
  const { feed, storage } = services
  const conflicts = (): boolean =>
    [...storage.fails.values()].some(({ row }) => row.error._tag === 'DemographicsConflict')
  for (let waits = 0; !conflicts(); waits++) {
    if (waits === 60 || world.faults.isQuiet()) return undefined
    await ports.clock.sleep(5_000)
  }
  world.faults.hit('operator: accepts')
  const meet = (): void => {
    for (const { tags } of feed.images.values()) {
      if (tags?.patientId === known.patientId) storage.people.add(personText(tags))
    }
  }
  const identifier = { value: known.patientId, system: systemOf(settings) }
  return patiently(desk, async () => {
    meet()
    const done = await accept(ports, settings, { ...options, by: 'op' }, { patientId: knownId, identifier }, false)
    meet()
    return done
  })
}

/** Somebody edits the row by hand; a while later somebody sees that nothing is cast, and moves the checkpoint. */
const spoil = async (desk: Desk): Promise<void> => {
  const { storage } = desk.services
  const row = storage.checkpoint
  // Who mended one that was spoilt again meanwhile would move forward over what the first mending wants cast again.
  if (row === undefined || row.unreadable !== undefined) return
  desk.world.faults.hit('tables: checkpoint unreadable')
  const unreadable = desk.world.random.pick(['all of it', 'but for the sequence'] as const)
  const etag = `e${++storage.writes}`
  storage.checkpoint = { ...row, unreadable, etag, writer: 'by hand' }
  desk.world.say(() => `the checkpoint is spoilt: ${unreadable}`)
  await desk.ports.clock.sleep(desk.world.random.pick([2_000, 60_000]))
  const to = { sequence: unreadable === 'all of it' ? 0 : row.checkpoint.syncedSequence }
  await moveAtLast(desk, to, () => storage.checkpoint?.etag === etag)
}

const newRoot = 'https://dicom.example/new'

/** As it was, since a backfill comes to its end under no other. */
const setBackRoot = ({ storage }: Services): void => {
  const { name } = storage
  if (name?.renaming === undefined && name?.root !== undefined) storage.root = name.root
}

/** As the gate says, or as its own row does. One that has not closed the gate yet lets a rename begin, and waits for it. */
const isBackfilling = ({ backfill, storage: { gate, name } }: Services): boolean => {
  const isRenaming = name?.renaming !== undefined || gate?.state === 'renaming'
  return backfill !== undefined && !isRenaming && (isAtWork(backfill) || gate?.state === 'backfill')
}

/**
 * Somebody sets the new URL and runs the command; by a later run's reason, whoever finds it half done. Where a backfill is at
 * work neither goes on: the URL is set back until that is over.
 */
const rename = async (desk: Desk): Promise<unknown> => {
  const { ports, settings, options, services } = desk
  // Before the first cast there is nothing to rename.
  if (services.backfill !== undefined && services.storage.name === undefined) return undefined
  for (;;) {
    const from = services.storage.name?.root ?? settings.dicom.root
    services.storage.root = newRoot
    if (services.fhir.account !== undefined) services.fhir.account.closed = true
    if (from === services.storage.root) return undefined
    const today = settingsToday(settings, services)
    const done = await patiently(desk, () =>
      renameService(ports, today, { ...options, by: 'somebody' }, { from }, false),
    )
    if (E.isRight(done) || !isBackfilling(services)) return done
    setBackRoot(services)
    if (desk.world.faults.isQuiet()) return done
    while (isBackfilling(services) && !desk.world.faults.isQuiet()) await ports.clock.sleep(20_000)
  }
}

/** A person reads why nothing is cast any more, and runs the command that the reason names. */
export const finishRename = async (world: World, services: Services, settings: CastSettings): Promise<void> => {
  if (isBackfilling(services)) return setBackRoot(services)
  const process = newProcess('the last operator')
  Object.assign(process, { operates: true, safe: true })
  const ports = operatorPortsOf(world, services, process)
  const options = { runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false }
  const { name } = services.storage
  const today = settingsToday(settings, services)
  const isReached = name?.renaming === undefined && name?.root === today.dicom.root
  const from = (isReached ? name.formerRoots.at(-1) : name?.root) ?? settings.dicom.root
  await renameService(ports, today, { ...options, by: 'another' }, { from }, false)
  process.alive = false
  services.lease.believers.delete(process)
}

/** Nobody will go back to the original; whoever ends early goes on another time. */
const finishing = async (desk: Desk): Promise<unknown> => {
  const { world, services, ports, options } = desk
  const { account } = services.fhir
  if (account === undefined) return undefined
  world.faults.hit('operator: finishes the take-over')
  account.closed = true
  const done = await toItsEnd(desk, (settings) => finishTakeOver(ports, settings, options, false))
  if (E.isRight(done) && done.right.finished) account.finished += 1
  return done
}

/** Until it is finished. */
export const finishTakeOverAtLast = async (world: World, services: Services, settings: CastSettings): Promise<void> => {
  const process = newProcess('who finishes')
  Object.assign(process, { operates: true, safe: true })
  const desk: Desk = {
    ...{ world, services, settings: settingsToday(settings, services) },
    ports: operatorPortsOf(world, services, process),
    options: { runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false },
    about: {},
  }
  let over: unknown
  finishing(desk).then(
    (done) => (over = done),
    (error: unknown) => (over = error),
  )
  await world.scheduler.run(() => over !== undefined, world.scheduler.now() + 3_600_000)
  const text = JSON.stringify(over) ?? 'nothing'
  world.say(() => `the take-over ends ${text.slice(0, 500)}`)
  if (!text.includes('"finished":true')) world.violate(`the take-over is not finished: ${text.slice(0, 300)}`)
  process.alive = false
  services.lease.believers.delete(process)
}

interface Act {
  readonly kind: FaultKind
  readonly act: (desk: Desk) => Promise<unknown>
  /** It reads only. */
  readonly looks?: true
  /** It must not be killed half-way: what it passed over is passed over. */
  readonly safe?: true
  /** It tells itself when it does something. */
  readonly tells?: true
  /** Whose command died gives it again, where the original has worked. */
  readonly again?: true
}

const acts: ReadonlyArray<Act> = [
  {
    kind: 'operator: replays',
    act: (desk) => {
      const { ports, options, world } = desk
      const [limit, dryRun] = [world.random.pick([1, 100]), world.random.chance(0.2)]
      return toItsEnd(desk, (settings) => replay(ports, settings, options, { limit }, dryRun))
    },
    again: true,
  },
  {
    kind: 'operator: resyncs',
    act: async (desk) => {
      desk.about.study ??= someStudy(desk)
      const { study } = desk.about
      if (study !== undefined) await toItsEnd(desk, (settings) => resync(desk.ports, settings, desk.options, study))
    },
    again: true,
  },
  { kind: 'operator: verifies and repairs', act: verifyAndRepair, again: true },
  {
    kind: 'operator: previews',
    act: ({ ports, settings, options }) => preview(ports, settings, options, { batches: 3, fromSequence: undefined }),
    looks: true,
  },
  { kind: 'operator: moves back', act: moveBack },
  { kind: 'operator: moves forth and back', act: moveForth, safe: true },
  { kind: 'operator: renames', act: rename },
  {
    kind: 'operator: catches up',
    act: ({ ports, settings, options }) => runCast(ports, { ...settings, maxBatches: 0 }, options),
  },
  { kind: 'operator: accepts', act: letThrough, tells: true },
  { kind: 'operator: finishes the take-over', act: finishing, tells: true, again: true },
  { kind: 'tables: checkpoint unreadable', act: spoil, safe: true, tells: true },
]

/** Plans what people do during a history; `busy` tells whether one of them is still at it. */
export const planOperators = (
  world: World,
  services: Services,
  settings: CastSettings,
): { readonly busy: () => boolean } => {
  const { faults, scheduler, say } = world
  const random = world.random.fork('operators')
  const processes: Array<Process> = []
  let toBeGivenAgain = 0
  const start = (each: Act, about?: Desk['about']): void => {
    const { kind, act, looks, safe, tells, again } = each
    if (about === undefined && (faults.isQuiet() || services.feed.rows.length === 0)) return
    if (tells !== true) faults.hit(kind)
    if (faults.has('feed: rejection note') && withdrawals(services.feed, false).of.size > 0)
      faults.meet(/replays|moves back/.test(kind) ? 'note × replay' : 'note × operator')
    const process = newProcess(`op${processes.length + 1}`)
    Object.assign(process, { operates: true, looks: looks === true, safe: safe === true })
    processes.push(process)
    const ports = operatorPortsOf(world, services, process)
    const options = { runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false }
    const desk = {
      ...{ world, services, settings: settingsToday(settings, services), ports, options },
      about: about ?? {},
    }
    if (again === true && services.fhir.account !== undefined) {
      process.onKill.push(() => {
        toBeGivenAgain += 1
        scheduler.after(30_000, () => {
          toBeGivenAgain -= 1
          start(each, desk.about)
        })
      })
    }
    say(() => `${process.name} begins: ${kind}`)
    act(desk).then(
      (done) => {
        process.alive = false
        services.lease.believers.delete(process)
        say(() => `${process.name} is done: ${JSON.stringify(done ?? null).slice(0, 300)}`)
      },
      (error: unknown) => {
        process.alive = false
        world.violate(`${process.name} threw ${error instanceof Error ? error.stack : String(error)}`)
      },
    )
  }
  for (const each of acts.filter(({ kind }) => faults.has(kind))) {
    for (let times = random.between(1, 3); times > 0; times--) {
      scheduler.after(random.between(5_000, 400_000), () => start(each))
    }
  }
  return { busy: () => toBeGivenAgain > 0 || processes.some(({ alive }) => alive) }
}
