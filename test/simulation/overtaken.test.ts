import { describe, expect, it } from '@jest/globals'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import { breakLease } from './lease'
import { startRun } from './runs'
import { makeWorld } from './world'

const images = 8
const settings = calmSettings(2)

/**
 * A run casts a study of which each image brings another description. At a step of it an operator breaks its lease, and
 * another run begins, while it works on: it hears of it only with its next renewal.
 */
const overtake = async (seed: number, step: number) => {
  const world = makeWorld(seed, { only: new Set(), unknownServer: true })
  const { scheduler, violations } = world
  const services = calmServices(world)
  for (let number = 1; number <= images; number++) {
    const key = { partition: 'Microsoft.Default', study: '1.2', series: '1.2.1', instance: `1.2.1.${number}` }
    const tags = tagsWith({ number, description: `text ${number}` })
    services.feed.begin(
      [{ image: services.feed.image(key, false), action: 'Create', tags, poison: false }],
      0,
      0,
      false,
    )
  }
  await scheduler.run(() => services.feed.open() === 0)
  const first = startRun(world, services, settings, 'first', 240_000)
  await scheduler.run(() => world.steps >= step || !first.process.alive)
  const isOver = !first.process.alive
  breakLease(world, services.lease)
  const second = startRun(world, services, settings, 'second', 240_000)
  await scheduler.run(() => !first.process.alive && !second.process.alive)
  const last = startRun(world, services, settings, 'last', 240_000)
  await scheduler.run(() => !last.process.alive)
  const studies = services.fhir.store.all('ImagingStudy')
  return {
    isOver,
    violations,
    synced: services.storage.checkpoint?.checkpoint.syncedSequence,
    studies: studies.map(({ description, numberOfInstances }) => ({ description, numberOfInstances })),
  }
}

describe('a run whose lease an operator breaks, and which works on while another begins', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'leaves nothing older behind than the feed says, at whatever step: seed %i',
    async (seed) => {
      for (let step = 1; ; step++) {
        const { isOver, ...end } = await overtake(seed, step)
        const studies = [{ description: `text ${images}`, numberOfInstances: images }]
        expect({ step, ...end }).toEqual({ step, violations: [], synced: images, studies })
        if (isOver) break
      }
    },
  )
})
