import * as E from 'fp-ts/Either'
import { type BackfillRequest, cancelBackfill, startBackfill } from '../../../lib/app/backfill/start'
import type { FaultKind } from '../faults'
import { calmServices, calmSettings, tagsWith } from '../calm-services'
import type { Change, Tags } from '../feed-model'
import { type Process, newProcess } from '../process'
import type { Services } from '../runs'
import { type World, makeWorld } from '../world'
import { newSide } from './plan'
import { isAtWork } from './side'
import { type Stage, backfillPortsOf, tick, workQuietly } from './work'

/** A backfill on services on which nothing happens by chance, told step by step. */
export interface Told extends Stage {
  readonly happens: (...changes: ReadonlyArray<Change>) => Promise<void>
  readonly create: (study: number, number: number, own?: Partial<Tags>) => Change
  readonly begin: (request?: Partial<BackfillRequest>) => Promise<void>
  readonly cancel: () => Promise<void>
  /** The timer ticks, and what can be seen on the queue is worked on, each 20 s. */
  readonly goOn: (rounds: number) => Promise<void>
  readonly by: (name: string) => Process
}

type Refusals = Parameters<typeof calmServices>[1]

export const told = (refusals: Refusals = {}, kinds: ReadonlyArray<FaultKind> = []): Told => {
  const world: World = makeWorld(1, { only: new Set(kinds) })
  const { scheduler, random } = world
  const side = { ...newSide(world), pageOfList: 200, invisibleMs: 600_000, budgetMs: 240_000 }
  const services: Services = { ...calmServices(world, refusals), backfill: side }
  const stage: Stage = { world, services, side, settings: calmSettings(10) }
  const by = (name: string): Process => Object.assign(newProcess(name), { safe: true, backfills: true })
  const done = async <A>(work: Promise<A>): Promise<A> => {
    let isDone = false
    void work.finally(() => (isDone = true))
    await scheduler.run(() => isDone)
    return work
  }
  const options = () => ({ runId: random.uuid(), budgetMs: 240_000, stopping: () => false })
  let rounds = 0
  return {
    ...stage,
    by,
    happens: async (...changes) => {
      services.feed.begin(changes, 0, 0, false)
      await scheduler.run(() => services.feed.open() === 0)
    },
    create: (study, number, own = {}) => {
      const uid = `1.2.${study}`
      const key = { partition: 'Microsoft.Default', study: uid, series: `${uid}.1`, instance: `${uid}.1.${number}` }
      const tags = tagsWith({ family: 'Family P1', birthDate: '19700101', ...own, number })
      return { image: services.feed.image(key, false), action: 'Create', tags, poison: false }
    },
    begin: async (request = {}) => {
      const ports = backfillPortsOf(stage, by('anna'))
      const asked = { lanes: 1, scope: {}, ...request }
      const begun = await done(startBackfill(ports, stage.settings, { ...options(), by: 'anna', maxGone: 100 }, asked))
      if (E.isLeft(begun)) throw new Error(JSON.stringify(begun.left))
    },
    cancel: async () => void (await done(cancelBackfill(backfillPortsOf(stage, by('ben')), stage.settings, options()))),
    goOn: async (count) => {
      for (let round = 0; round < count && isAtWork(side); round++) {
        rounds += 1
        await done(tick(stage, by(`timer${rounds}`), true))
        await workQuietly(stage, rounds)
        await scheduler.run(() => false, scheduler.now() + 20_000)
      }
    },
  }
}
