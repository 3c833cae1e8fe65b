import { describe, expect, it } from '@jest/globals'
import { calmServices, calmSettings, instancesIn, tagsWith } from './calm-services'
import type { Key } from './feed-model'
import type { Transaction } from './fhir-store'
import { startRun } from './runs'
import { makeWorld } from './world'

const keyOf = (number: number, studies: number): Key => {
  const study = `1.2.${(number % studies) + 1}`
  return { partition: 'Microsoft.Default', study, series: `${study}.1`, instance: `${study}.1.${number}` }
}

const numbersIn = (bundle: Transaction): ReadonlyArray<number> =>
  instancesIn(bundle).map((uid) => Number(uid.split('.').at(-1)))

interface Outcome {
  readonly recorded: ReadonlyArray<number>
  readonly stored: number
  /** Runs in a row that did not move the checkpoint. */
  readonly standstill: number
  readonly violations: ReadonlyArray<string>
}

/** A feed of images, a server that refuses some of them for good, and runs of so little time each. */
const castAll = async (
  count: number,
  studies: number,
  isRefused: (number: number) => boolean,
  budgetMs: number,
): Promise<Outcome> => {
  const world = makeWorld(1, { only: new Set() })
  const { scheduler, violations } = world
  const services = calmServices(world, {
    verdictOn: (bundle) => (numbersIn(bundle).some(isRefused) ? 'rejected' : 'fine'),
  })
  const { store } = services.fhir
  const { feed, storage } = services
  for (let number = 1; number <= count; number++) {
    const image = feed.image(keyOf(number, studies), false)
    const tags = tagsWith({ patientId: image.key.study, number })
    feed.begin([{ image, action: 'Create', tags, poison: false }], 0, 0, false)
  }
  await scheduler.run(() => feed.open() === 0)
  const settings = calmSettings(count)
  let [standstill, longest, synced] = [0, 0, 0]
  for (let runs = 1; synced < count && standstill < 30 && violations.length === 0; runs++) {
    const running = startRun(world, services, settings, `run${runs}`, budgetMs)
    await scheduler.run(() => !running.process.alive)
    const reached = storage.checkpoint?.checkpoint.syncedSequence ?? 0
    standstill = reached > synced ? 0 : standstill + 1
    longest = Math.max(longest, standstill)
    synced = reached
  }
  return {
    recorded: [...storage.fails.values()].map(({ row }) => row.sequence),
    stored: store.all('ImagingStudy').reduce((sum, { numberOfInstances = 0 }) => sum + numberOfInstances, 0),
    standstill: longest,
    violations,
  }
}

const numbers = (count: number, isRefused: (number: number) => boolean): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => index + 1).filter(isRefused)

describe('taking a refused batch apart, in runs of little time', () => {
  it.each([
    ['all 400 entries of one study', 400, 1, () => true],
    ['all 400 entries of twelve studies', 400, 12, () => true],
    ['all but the first two of 300', 300, 1, (number: number) => number > 2],
    ['every other one of 300 entries', 300, 1, (number: number) => number % 2 === 0],
    ['one in a hundred, of 1,000 entries of twelve studies', 1_000, 12, (number: number) => number % 100 === 0],
  ])(
    'comes to an end, and records exactly what is refused: %s',
    async (_, count, studies, isRefused) => {
      const short = await castAll(count, studies, isRefused, 600)
      const long = await castAll(count, studies, isRefused, 240_000)
      const expected = numbers(count, isRefused)
      // From all entries down to one: so often must a batch be halved before the time is enough for it.
      const halvings = Math.ceil(Math.log2(count))
      for (const { violations, recorded, stored, standstill } of [short, long]) {
        expect(violations).toEqual([])
        expect([...recorded].sort((left, right) => left - right)).toEqual(expected)
        expect(stored).toBe(count - expected.length)
        // And the first run of all has our position and the Endpoint to make before it comes to that.
        expect(standstill).toBeLessThanOrEqual(halvings + 1)
      }
    },
    600_000,
  )
})
