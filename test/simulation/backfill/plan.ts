import * as E from 'fp-ts/Either'
import { cancelBackfill, startBackfill } from '../../../lib/app/backfill/start'
import type { BackfillRequest } from '../../../lib/app/backfill/start'
import { openStudies } from '../../../lib/domain/backfill/backfill'
import type { CastSettings } from '../../../lib/app/context'
import { studyText } from '../feed-model'
import { partitions } from '../feed-writer'
import { type Process, newProcess } from '../process'
import { type Services, settingsToday } from '../runs'
import { type World, startOfTime } from '../world'
import { type BackfillSide, isAtWork } from './side'
import { type Stage, backfillPortsOf, startWorkers, tick, workQuietly } from './work'

export interface Plan {
  /** Somebody is still at it. */
  readonly busy: () => boolean
  readonly isAtWork: () => boolean
  /** It has not begun yet, or is at work, and may be disturbed for a while longer. */
  readonly isExpected: () => boolean
  /** Messages that can be seen are taken, and nothing disturbs it. */
  readonly workQuietly: (count: number) => Promise<void>
}

const noPlan: Plan = {
  busy: () => false,
  isAtWork: () => false,
  isExpected: () => false,
  workQuietly: () => Promise.resolve(),
}

export const newSide = (world: World): BackfillSide => {
  const random = world.random.fork('backfill')
  return {
    ...{ row: undefined, lanes: new Map(), parts: new Map(), entered: new Map(), left: new Map(), given: new Map() },
    ...{ queue: [], order: new Map(), beganAt: Infinity, passedTo: 0, writes: 0 },
    pageOfList: random.pick([2, 3, 5, 200]),
    invisibleMs: random.pick([20_000, 20_000, 60_000, 600_000]),
    sleepsUpToMs: random.pick([45_000, 120_000, 1_500_000]),
    budgetMs: random.pick([60_000, 240_000]),
    waits: random.chance(0.4),
    onState: () => undefined,
    onPage: () => undefined,
    tick: () => Promise.resolve(),
  }
}

/** Where the history has a backfill: what it keeps, as part of the services. */
export const withBackfill = (world: World, services: Services): Services =>
  world.faults.has('operator: backfills') ? { ...services, backfill: newSide(world) } : services

const requestOf = ({ world, services }: Stage): BackfillRequest => {
  const random = world.random.fork('scope')
  const lanes = random.between(1, 8)
  const kind = random.fraction()
  if (kind < 0.7) return { lanes, scope: {} }
  if (kind < 0.8) return { lanes, scope: { partitions: [random.pick(partitions)] } }
  if (kind < 0.9 && services.hasWindows) {
    const { timestamp = 0 } = services.feed.rows.length === 0 ? {} : random.pick(services.feed.rows)
    return { lanes, scope: { since: Math.max(0, timestamp) } }
  }
  const keys = services.feed.rows.map(({ image: { key } }) => key).filter(() => random.chance(0.5))
  return {
    ...{ lanes, scope: {} },
    studies: keys.map(({ partition, study }) => ({ partition, studyInstanceUid: study })),
  }
}

const mostAttempts = 40

const start = async (stage: Stage, process: Process): Promise<void> => {
  const { world, services, side } = stage
  const ports = backfillPortsOf(stage, process)
  for (let attempt = 1; attempt <= mostAttempts && !world.faults.isQuiet(); attempt++) {
    const options = {
      ...{ runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false },
      ...{ by: process.name, maxGone: world.random.pick([0, 100]) },
    }
    const before = side.row?.id
    const begun = await startBackfill(ports, settingsToday(stage.settings, services), options, requestOf(stage))
    world.say(() => `${process.name} backfill: ${JSON.stringify(begun).slice(0, 300)}`)
    if (side.row !== undefined && side.row.id !== before) return
    if (E.isLeft(begun) && begun.left._tag === 'Refused') return
    await ports.clock.sleep(5_000)
  }
}

const cancel = async (stage: Stage, process: Process): Promise<void> => {
  const { world, services, side, settings } = stage
  if (!isAtWork(side)) return
  world.faults.hit('operator: cancels a backfill')
  const options = { runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false }
  const done = await cancelBackfill(backfillPortsOf(stage, process), settingsToday(settings, services), options)
  world.say(() => `${process.name} cancel: ${JSON.stringify(done).slice(0, 300)}`)
}

/**
 * Nothing that is open can be read, and nothing else was found; or of what is left over, and of all that FHIR holds, the
 * archive has nothing. It waits for the service, until somebody ends it.
 */
const waitsForEver = ({ side, services: { feed, fhir, forbidden } }: Stage): boolean => {
  const id = side.row?.id ?? ''
  const isLive = (uid: string): boolean =>
    [...feed.images.values()].some(({ key, tags }) => key.study === uid && tags !== undefined)
  const mayBeRead = (partition: string, study: string): boolean =>
    isLive(study) && ![...feed.poisoned, ...(forbidden?.ever ?? [])].includes(studyText({ partition, study }))
  const held = fhir.store.all('ImagingStudy').map(({ identifier = [] }) => identifier[0]?.value?.slice(8) ?? '')
  if (side.row?.state === 'leftOver') return !held.some((uid) => mayBeRead('Microsoft.Default', uid))
  const open = [...side.parts].flatMap(([key, part]) =>
    key.startsWith(`${id} `) && !part.isSettled
      ? openStudies(part).map((study) => ({ partition: part.partition, study }))
      : [],
  )
  return open.length > 0 && !open.some(({ partition, study }) => mayBeRead(partition, study))
}

const patience = 100

/** Somebody begins one, or two, and may end it early, while everything else goes on. */
export const planBackfills = (
  world: World,
  services: Services,
  settings: CastSettings,
  isActive: () => boolean,
  meddle: (study: string | undefined) => boolean,
): Plan => {
  const { backfill: side } = services
  if (side === undefined) return noPlan
  const { faults, scheduler, say } = world
  const random = world.random.fork('backfills')
  const stage: Stage = {
    ...{ world, services, side, settings },
    meddle: (study) => {
      if (random.chance(0.9) && meddle(study)) faults.meet('worker sleeps × Delete')
    },
  }
  const processes: Array<Process> = []
  const until = startOfTime + random.between(300_000, 3_000_000)
  side.tick = (process, isClosed) => tick(stage, process, isClosed)
  side.onPage = () => {
    if (random.chance(0.1)) scheduler.after(1, () => void meddle(undefined))
  }
  side.onState = (state) => {
    if (state === 'starting') faults.hit('operator: backfills')
    say(() => `the backfill is ${state}`)
    if (random.chance(0.3)) scheduler.after(random.between(0, 300), () => void meddle(undefined))
  }
  const act = (what: (stage: Stage, process: Process) => Promise<void>): void => {
    const process = newProcess(`anna${processes.length + 1}`)
    processes.push(process)
    process.backfills = true
    what(stage, process).then(
      () => {
        process.alive = false
        services.lease.believers.delete(process)
      },
      (error: unknown) => {
        process.alive = false
        world.violate(`${process.name} threw ${error instanceof Error ? error.stack : String(error)}`)
      },
    )
  }
  const begins = (at: number): void => {
    scheduler.after(at, () => {
      if (!faults.isQuiet()) act(start)
    })
    if (!faults.has('operator: cancels a backfill')) return
    scheduler.after(at + random.between(1_000, 240_000), () => act(cancel))
  }
  const first = side.waits ? random.between(0, 90_000) : random.between(0, 200_000)
  begins(first)
  scheduler.after(first + 60_000, () => (side.waits = false))
  if (random.chance(0.3)) begins(first + random.between(200_000, 400_000))
  const workers = startWorkers(stage, random.between(1, 8), () => !isActive())
  return {
    busy: () => workers.busy() || processes.some(({ alive }) => alive),
    isAtWork: () => isAtWork(side),
    isExpected: () => scheduler.now() < until && (scheduler.now() < startOfTime + first + 60_000 || isAtWork(side)),
    workQuietly: async (count) => {
      await workQuietly(stage, count)
      if (count === patience && isAtWork(side) && waitsForEver(stage)) act(cancel)
    },
  }
}
