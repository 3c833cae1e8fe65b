import { describe, expect, it } from '@jest/globals'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import { breakLease } from './lease'
import { startRun } from './runs'
import { type World, makeWorld } from './world'

const images = 8
const settings = calmSettings(2)
const other = { patientId: 'P9', family: 'Other', birthDate: '19800101' }

/** The answer to one write is lost, by its number: of the feed's name first, then of checkpoints. */
const losing = (world: World, lost: number): { readonly world: World; readonly isLost: () => boolean } => {
  let writes = 0
  const strikes: World['faults']['strikes'] = (kind) => kind === 'tables: checkpoint answer lost' && ++writes === lost
  return { world: { ...world, faults: { ...world.faults, strikes } }, isLost: () => writes >= lost }
}

/**
 * A run that records images of another person does not hear that its checkpoint was stored. An operator breaks its lease, and
 * another run goes on from there, before it asks again.
 */
const overtake = async (seed: number, lost: number) => {
  const { world, isLost } = losing(makeWorld(seed, { only: new Set() }), lost)
  const { scheduler, violations } = world
  const services = calmServices(world)
  for (let number = 1; number <= images; number++) {
    const key = { partition: 'Microsoft.Default', study: '1.2', series: '1.2.1', instance: `1.2.1.${number}` }
    const tags = tagsWith({ number, ...(number % 2 === 0 ? other : {}) })
    services.feed.begin(
      [{ image: services.feed.image(key, false), action: 'Create', tags, poison: false }],
      0,
      0,
      false,
    )
  }
  await scheduler.run(() => services.feed.open() === 0)
  const first = startRun(world, services, settings, 'first', 240_000)
  await scheduler.run(() => isLost() || !first.process.alive)
  breakLease(world, services.lease)
  const second = startRun(world, services, settings, 'second', 240_000)
  await scheduler.run(() => !first.process.alive && !second.process.alive)
  const last = startRun(world, services, settings, 'last', 240_000)
  await scheduler.run(() => !last.process.alive)
  return {
    violations,
    synced: services.storage.checkpoint?.checkpoint.syncedSequence,
    recorded: [...services.storage.fails.values()].map(({ row }) => row.sequence).sort(),
  }
}

describe('a run that did not hear that its checkpoint was stored, and finds another run behind it', () => {
  it.each([1, 2, 3, 4])('takes back nothing that it recorded: seed %i', async (seed) => {
    for (let lost = 1; lost <= images; lost++) {
      const end = { violations: [], synced: images, recorded: [2, 4, 6, 8] }
      expect({ lost, ...(await overtake(seed, lost)) }).toEqual({ lost, ...end })
    }
  })
})
