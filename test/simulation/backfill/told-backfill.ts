import * as E from 'fp-ts/Either'
import { type BackfillRequest, cancelBackfill, startBackfill } from '../../../lib/app/backfill/start'
import type { CastSettings } from '../../../lib/app/context'
import { laneOf } from '../../../lib/domain/backfill/lane'
import { checkCommit } from '../check-commit'
import { checkEnd } from '../check-end'
import type { FaultKind } from '../faults'
import { calmServices, calmSettings, tagsWith } from '../calm-services'
import type { Change, Tags } from '../feed-model'
import { makeForbidden } from '../forbidden'
import { type Process, newProcess } from '../process'
import { type Services, startRun } from '../runs'
import { type World, makeWorld } from '../world'
import { newSide } from './plan'
import { isAtWork } from './side'
import { type Stage, backfillPortsOf, startWorker, tick, workQuietly } from './work'

/** Where somebody stands still: at the first await of such a name, `behind` another one if that is said. */
export interface Stop {
  readonly at: RegExp
  readonly behind?: RegExp
}

/** Somebody who stands still, or has come to the end without. */
export interface Sleeper {
  readonly process: Process
  readonly isStanding: () => boolean
  /** Goes on, to its end or to where it stands still again. */
  readonly goesOn: (stop?: Stop) => Promise<void>
  readonly dies: () => void
}

/** A backfill on services on which nothing happens by chance, told step by step. */
export interface Told extends Stage {
  readonly happens: (...changes: ReadonlyArray<Change>) => Promise<void>
  readonly create: (study: number, number: number, own?: Partial<Tags>) => Change
  /** Its images are gone. */
  readonly gone: (...studies: ReadonlyArray<Change>) => ReadonlyArray<Change>
  readonly begin: (request?: Partial<BackfillRequest>) => Promise<void>
  readonly passes: (ms: number) => Promise<void>
  /** Until every row up to the head can be seen. */
  readonly waits: () => Promise<void>
  readonly cancel: (stop?: Stop) => Promise<Sleeper>
  /** The timer ticks, and what can be seen on the queue is worked on, each 20 s. */
  readonly goOn: (rounds: number) => Promise<void>
  /** The timer ticks once. */
  readonly ticks: (stop?: Stop) => Promise<Sleeper>
  /** One takes a message that can be seen, of this lane if that is said, and works on it. */
  readonly works: (stop?: Stop, lane?: number) => Promise<Sleeper>
  /** The queue hands over a message a second time. */
  readonly comesTwice: (lane: number, part: number) => void
  /** Runs of the feed, until it is read to its end. */
  readonly castsFeed: () => Promise<void>
  /** What the simulator says of the end. */
  readonly problems: () => ReadonlyArray<string>
  readonly by: (name: string) => Process
}

type Refusals = Parameters<typeof calmServices>[1]

/** Somebody of this lane. */
export const patientOf = (lane: number, lanes: number, number = 0): string =>
  Array.from({ length: 200 }, (_, index) => `P${10 + index}`).filter((id) => laneOf(id, lanes) === lane)[number] ?? ''

export const told = (
  refusals: Refusals = {},
  kinds: ReadonlyArray<FaultKind> = [],
  own: Partial<CastSettings> = {},
): Told => {
  const world: World = makeWorld(1, { only: new Set(kinds) })
  const { scheduler, random } = world
  const side = { ...newSide(world), pageOfList: 200, invisibleMs: 600_000, budgetMs: 240_000 }
  const services: Services = {
    ...calmServices(world, refusals),
    ...{ backfill: side, forbidden: makeForbidden(world) },
  }
  const stage: Stage = { world, services, side, settings: { ...calmSettings(10), ...own } }
  let names = 0
  const by = (name: string): Process => Object.assign(newProcess(name), { safe: true, backfills: true })
  const done = async <A>(work: Promise<A>): Promise<A> => {
    let isDone = false
    void work.finally(() => (isDone = true))
    await scheduler.run(() => isDone)
    return work
  }
  const passes = (ms: number): Promise<void> => scheduler.run(() => false, scheduler.now() + ms)
  const options = () => ({ runId: random.uuid(), budgetMs: 240_000, stopping: () => false })
  /** Lets somebody work until the end, or until it stands still. */
  const sleeperOf = async (process: Process, stop: Stop | undefined, begin: () => void): Promise<Sleeper> => {
    let wake = (): void => undefined
    const standsAt = ({ at, behind }: Stop): NonNullable<Process['standsAt']> => {
      let isBehind = behind === undefined
      return (where) => {
        isBehind ||= behind?.test(where) === true
        if (!isBehind || !at.test(where)) return undefined
        delete process.standsAt
        // Whoever stands still renews nothing.
        process.pausedUntil = Number.MAX_SAFE_INTEGER
        return new Promise((resolve) => {
          wake = () => {
            process.pausedUntil = 0
            process.standing = undefined
            resolve()
          }
        })
      }
    }
    const untilThen = (): Promise<void> => scheduler.run(() => !process.alive || process.standing !== undefined)
    if (stop !== undefined) process.standsAt = standsAt(stop)
    begin()
    await untilThen()
    return {
      process,
      isStanding: () => process.alive && process.standing !== undefined,
      goesOn: async (next) => {
        if (next !== undefined) process.standsAt = standsAt(next)
        wake()
        await untilThen()
      },
      dies: () => {
        process.alive = false
      },
    }
  }
  const actor = (
    name: string,
    stop: Stop | undefined,
    act: (process: Process) => Promise<unknown>,
  ): Promise<Sleeper> => {
    const process = by(`${name}${++names}`)
    return sleeperOf(process, stop, () => void act(process).finally(() => (process.alive = false)))
  }
  return {
    ...stage,
    by,
    passes,
    happens: async (...changes) => {
      services.feed.begin(changes, 0, 0, false)
      await scheduler.run(() => services.feed.open() === 0)
    },
    create: (study, number, own = {}) => {
      const uid = `1.2.${study}`
      const key = { partition: 'Microsoft.Default', study: uid, series: `${uid}.1`, instance: `${uid}.1.${number}` }
      const { patientId = 'P1' } = own
      const tags = tagsWith({ family: `Family ${patientId}`, birthDate: '19700101', ...own, number })
      return { image: services.feed.image(key, false), action: 'Create', tags, poison: false }
    },
    gone: (...studies) => studies.map((each) => ({ ...each, action: 'Delete', tags: undefined })),
    begin: async (request = {}) => {
      const ports = backfillPortsOf(stage, by('anna'))
      const asked = { lanes: 1, scope: {}, ...request }
      const begun = await done(startBackfill(ports, stage.settings, { ...options(), by: 'anna', maxGone: 100 }, asked))
      if (E.isLeft(begun)) throw new Error(JSON.stringify(begun.left))
    },
    waits: () => passes(stage.settings.holeAgeMs + 1_000),
    cancel: (stop) =>
      actor('ben', stop, (process) => cancelBackfill(backfillPortsOf(stage, process), stage.settings, options())),
    goOn: async (count) => {
      for (let round = 0; round < count && isAtWork(side); round++) {
        names += 1
        await done(tick(stage, by(`timer${names}`), true))
        await workQuietly(stage, names)
        await passes(20_000)
      }
    },
    ticks: (stop) => actor('timer', stop, (process) => tick(stage, process, true)),
    works: async (stop, lane) => {
      const process = newProcess(`worker${++names}`)
      const hidden = side.queue.flatMap((each) =>
        lane !== undefined && each.message.lane !== lane ? [{ each, visibleAt: each.visibleAt }] : [],
      )
      for (const { each } of hidden) each.visibleAt = Infinity
      const sleeper = await sleeperOf(process, stop, () => startWorker(stage, process.name, true, process))
      for (const { each, visibleAt } of hidden) each.visibleAt = visibleAt
      return sleeper
    },
    comesTwice: (lane, part) => {
      const message = { backfillId: side.row?.id ?? '', lane, part }
      side.queue.push({ id: ++side.writes, message, visibleAt: scheduler.now(), receipt: 0, dequeued: 0 })
    },
    castsFeed: async () => {
      for (let runs = 1; runs < 100; runs++) {
        const running = startRun(world, services, stage.settings, `feed${++names}`, 240_000)
        running.process.safe = true
        await scheduler.run(() => !running.process.alive)
        const { ended, openHoles } = running.summary ?? {}
        if (ended === 'CaughtUp' && openHoles === 0) return
        await passes(20_000)
      }
      throw new Error('the feed is not read to its end')
    },
    problems: () => [
      ...world.violations,
      ...checkCommit(services.fhir.store, services.fhir.others.doubled),
      ...checkEnd(services, false),
    ],
  }
}
