import { describe, expect, it } from '@jest/globals'
import type { CastSettings } from '../../../lib/app/context'
import { moveCheckpoint } from '../../../lib/app/operate/move-checkpoint'
import { calmServices, calmSettings, tagsWith } from '../calm-services'
import type { Key } from '../feed-model'
import { operatorPortsOf } from '../operators'
import { newProcess } from '../process'
import { type Services, startRun } from '../runs'
import { type World, makeWorld } from '../world'

const keyOf = (number: number): Key => ({
  ...{ partition: 'Microsoft.Default', study: '1.2.1', series: '1.2.1.1' },
  instance: `1.2.1.1.${number}`,
})

const at = (settings: Partial<CastSettings> = {}) => {
  const world = makeWorld(1, { only: new Set() })
  const services = calmServices(world)
  return { world, services, settings: { ...calmSettings(100), ...settings } }
}

/** An image; `leadMs` after its upload begins it gets its number, `commitMs` later its row is seen. */
const stores = ({ feed }: Services, number: number, leadMs = 0, commitMs = 0): void =>
  feed.begin(
    [{ image: feed.image(keyOf(number), false), action: 'Create', tags: tagsWith({ number }), poison: false }],
    leadMs,
    commitMs,
    false,
  )

const passes = async (world: World, ms: number): Promise<void> => {
  world.scheduler.after(ms, () => undefined)
  await world.scheduler.run(() => false, world.scheduler.now() + ms)
}

let runs = 0
const casts = async (world: World, services: Services, settings: CastSettings) => {
  const running = startRun(world, services, settings, `run${++runs}`, 240_000)
  await world.scheduler.run(() => !running.process.alive)
  return running.summary
}

const imagesIn = ({ fhir: { store } }: Services): ReadonlyArray<string> =>
  store
    .all('ImagingStudy')
    .flatMap(({ series = [] }) => series.flatMap(({ instance = [] }) => instance.map(({ uid }) => uid)))
    .sort()

describe('F1: a checkpoint that an operator moves', () => {
  it.each([15, 5, 20])('to %s still waits for a row that was late', async (sequence) => {
    const { world, services, settings } = at()
    for (let number = 1; number <= 20; number++) stores(services, number, 0, number === 6 ? 60_000 : 0)
    await passes(world, 1_000)
    expect(await casts(world, services, settings)).toMatchObject({ ended: 'CaughtUp', to: 20, openHoles: 1 })
    const ports = operatorPortsOf(world, services, Object.assign(newProcess('operator'), { operates: true }))
    const options = { runId: 'operator', budgetMs: 60_000, stopping: () => false }
    const etag = services.storage.checkpoint?.etag
    const moved = moveCheckpoint(ports, settings, options, { to: { sequence }, etag })
    await passes(world, 1_000)
    expect(await moved).toMatchObject({ right: { to: sequence } })
    await passes(world, 60_000)
    await casts(world, services, settings)
    expect(imagesIn(services)).toHaveLength(20)
    expect(world.violations).toEqual([])
  })
})

describe('F2: a feed that was restored', () => {
  it.each([
    ['and grew exactly up to the checkpoint', [4, 3]],
    ['and grew past the checkpoint', [4, 3, 5]],
    ['and grew far past the checkpoint', [4, 3, 5, 6, 7]],
  ])('%s is told by the timestamp of the row there, when the same instance is', async (_how, numbers) => {
    const { world, services, settings } = at()
    for (const number of [1, 2, 3]) stores(services, number)
    await passes(world, 1_000)
    expect(await casts(world, services, settings)).toMatchObject({ ended: 'CaughtUp', to: 3 })
    services.feed.restore(1)
    await passes(world, 5_000)
    for (const number of numbers) stores(services, number)
    await passes(world, 1_000)
    const writes = services.fhir.store.writes()
    expect(await casts(world, services, settings)).toMatchObject({ ended: 'FeedReset' })
    expect(services.fhir.store.writes()).toBe(writes)
  })
})

describe('F3: an upload that waited for a lock for longer than a hole is remembered', () => {
  it('leaves a hole all the same, while its number is new', async () => {
    const { world, services, settings } = at({ holeAgeMs: 10_000 })
    for (const number of [1, 2, 3]) stores(services, number)
    await passes(world, 1_000)
    await casts(world, services, settings)
    // Number 4 is taken and seen late; number 5 belongs to an upload that began 12 s before.
    stores(services, 5, 12_000)
    await passes(world, 11_900)
    stores(services, 4, 0, 3_000)
    await passes(world, 1_000)
    expect(await casts(world, services, settings)).toMatchObject({ to: 5, openHoles: 1 })
    await passes(world, 3_000)
    await casts(world, services, settings)
    expect(imagesIn(services)).toHaveLength(5)
  })
})
