import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import type { CastSettings } from '../../lib/app/context'
import { settingsOf } from '../support/domain-settings'
import { type Key, makeFeed } from './feed-model'
import { makeFhirStore, type Transaction } from './fhir-store'
import { newLeaseBlob } from './lease'
import { makeOtherSystems } from './other-systems'
import { type Services, startRun } from './runs'
import { newStorage } from './tables'
import { makeWorld } from './world'

const keyOf = (number: number, studies: number): Key => {
  const study = `1.2.${(number % studies) + 1}`
  return { partition: 'Microsoft.Default', study, series: `${study}.1`, instance: `${study}.1.${number}` }
}

const tagsOf = (patientId: string, number: number) => ({
  ...{ patientId, family: `Family ${patientId}`, given: 'Ann', description: 'one', accession: undefined },
  ...{ seriesDescription: undefined, modality: 'CT', number, sopClass: '1.2.840.10008.5.1.4.1.1.2' },
})

const numbersIn = ({ entry = [] }: Transaction): ReadonlyArray<number> =>
  entry
    .flatMap(({ resource }) => (resource?.resourceType === 'ImagingStudy' ? [resource as ImagingStudy] : []))
    .flatMap(({ series = [] }) => series.flatMap(({ instance = [] }) => instance))
    .map(({ uid }) => Number(uid.split('.').at(-1)))

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
  const store = makeFhirStore({ staleStatus: 412, refusesToDelete: () => false }, world.violate)
  const services: Services = {
    feed: makeFeed(world, () => false),
    fhir: {
      store,
      verdicts: {
        of: (bundle) => (numbersIn(bundle).some(isRefused) ? 'rejected' : 'fine'),
        rejects: () => false,
        failsFor: () => false,
        rejectedEverything: () => false,
        any: () => false,
        failsForSome: () => false,
      },
      others: makeOtherSystems(world, store),
      committed: () => undefined,
      pending: 0,
    },
    storage: newStorage(),
    lease: newLeaseBlob(),
    pageCap: 100,
    hasWindows: true,
  }
  const { feed, storage } = services
  for (let number = 1; number <= count; number++) {
    const image = feed.image(keyOf(number, studies), false)
    const tags = tagsOf(image.key.study, number)
    feed.begin([{ image, action: 'Create', tags, poison: false }], 0, 0, false)
  }
  await scheduler.run(() => feed.open() === 0)
  const settings: CastSettings = {
    ...settingsOf(),
    ...{ batchSize: count, maxBatches: 0, maxBundleEntries: 500, maxBundleBytes: 8_000_000 },
    ...{ holeAgeMs: 120_000, totalRetryDurationMs: 600_000, startFrom: 'beginning' },
  }
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
    ['all 1,000 entries of one study', 1_000, 1, () => true],
    ['all 1,000 entries of twelve studies', 1_000, 12, () => true],
    ['all but the first two of 300', 300, 1, (number: number) => number > 2],
    ['every other one of 300 entries', 300, 1, (number: number) => number % 2 === 0],
    ['one in a hundred, of 1,000 entries of twelve studies', 1_000, 12, (number: number) => number % 100 === 0],
  ])('comes to an end, and records exactly what is refused: %s', async (_, count, studies, isRefused) => {
    const short = await castAll(count, studies, isRefused, 600)
    const long = await castAll(count, studies, isRefused, 240_000)
    const expected = numbers(count, isRefused)
    // From all entries down to one: so often must a batch be halved before the time is enough for it.
    const halvings = Math.ceil(Math.log2(count))
    for (const { violations, recorded, stored, standstill } of [short, long]) {
      expect(violations).toEqual([])
      expect([...recorded].sort((left, right) => left - right)).toEqual(expected)
      expect(stored).toBe(count - expected.length)
      expect(standstill).toBeLessThanOrEqual(halvings)
    }
  })
})
