import { describe, expect, it } from '@jest/globals'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import { startRun } from './runs'
import { makeWorld } from './world'

/** One image, numbers that no row has, and another image; runs of so little time that none comes through. */
const castAcross = async (numbers: number, budgetMs: number) => {
  const world = makeWorld(1, { only: new Set() })
  const services = { ...calmServices(world), hasWindows: false }
  const { feed, fhir, storage } = services
  const create = async (number: number): Promise<void> => {
    const key = { partition: 'Microsoft.Default', study: '1.2', series: '1.2.1', instance: `1.2.1.${number}` }
    feed.begin(
      [{ image: feed.image(key, false), action: 'Create', tags: tagsWith({ number }), poison: false }],
      0,
      0,
      false,
    )
    await world.scheduler.run(() => feed.open() === 0)
  }
  await create(1)
  feed.skip(numbers)
  await create(2)
  const ends: Array<string> = []
  for (let runs = 1; ends.at(-1) !== 'CaughtUp' && runs < 100; runs++) {
    const running = startRun(world, services, calmSettings(10), `run${runs}`, budgetMs)
    await world.scheduler.run(() => !running.process.alive)
    ends.push(`${running.summary?.ended}`)
  }
  const [study] = fhir.store.all('ImagingStudy')
  return {
    ends: [...new Set(ends)],
    runs: ends.length,
    violations: world.violations,
    instances: study?.numberOfInstances,
    checkpoint: storage.checkpoint?.checkpoint,
  }
}

describe('a gap that no run of its time can walk through, on a service without windows of time', () => {
  it('is walked run after run, each where the one before was, until the image behind it is stored', async () => {
    const { runs, checkpoint, ...end } = await castAcross(200_000, 2_000)
    expect(end).toEqual({ ends: ['OutOfTime', 'CaughtUp'], violations: [], instances: 2 })
    expect(runs).toBeGreaterThan(5)
    expect(checkpoint).toMatchObject({ syncedSequence: 200_002 })
    expect(checkpoint).not.toHaveProperty('walked')
  })
})
