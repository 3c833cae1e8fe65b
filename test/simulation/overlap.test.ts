import { describe, expect, it } from '@jest/globals'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import type { Change } from './feed-model'
import { startRun } from './runs'
import { makeWorld } from './world'
import { type Story, create, endAfter, ending } from './cases/told'

// The second of two batches is looked up while the first is written, and what the first creates is what the second needs. Of each
// story a study stands there before: a transaction that writes the Endpoint makes every look-up old.

const seeds = Array.from({ length: 20 }, (_, index) => index + 1)
const rowByRow = { behind: () => false, batchSize: 1 }
const before = [[create(9, 1, 'P9')]]

const alike: Story = {
  ...{ before, flavour: { folds: (value) => value.toLowerCase() } },
  then: [[create(1, 1, 'ab-1')], [create(2, 1, 'AB-1')]],
}

describe('a batch that is looked up beside the one before', () => {
  it.each(seeds)(
    'hangs nothing on whom the server takes for its Patient, and who is only created: seed %i',
    async (seed) => {
      const { services: _services, ...end } = await endAfter(alike, rowByRow, seed)
      expect(end).toEqual(ending({ '1': 'ab-1: 1', '9': 'P9: 1' }, { rows: ['2 1 PatientAmbiguous'] }))
    },
  )
})

describe('a batch behind one that recorded an image as another person’s', () => {
  it('knows of it: it comes in as soon as what it was at odds with is gone, in the same run', async () => {
    const world = makeWorld(1, { only: new Set() })
    const { scheduler } = world
    const services = calmServices(world)
    const { feed, storage, fhir } = services
    const settings = calmSettings(1)
    const happens = async (...changes: ReadonlyArray<Change>): Promise<void> => {
      feed.begin(changes, 0, 0, false)
      await scheduler.run(() => feed.open() === 0)
    }
    const image = (study: string, number: number, patientId: string): Change => ({
      image: feed.image(
        { partition: 'Microsoft.Default', study, series: `${study}.1`, instance: `${study}.1.${number}` },
        false,
      ),
      ...{ action: 'Create', tags: tagsWith({ patientId, number }), poison: false },
    })
    const first = image('1.2.1', 1, 'P1')
    await happens(first)
    const before = startRun(world, services, settings, 'before', 240_000)
    await scheduler.run(() => !before.process.alive)
    const [stood] = fhir.store.all('ImagingStudy')
    // The other study only keeps the run from being at the head already.
    await happens(image('1.2.1', 2, 'P2'), image('1.2.2', 1, 'P1'))
    // The first image goes while the run that recorded the second one writes the row.
    const { process } = startRun(world, services, settings, 'run', 240_000)
    let goOn = (): void => undefined
    process.standsAt = (where) => {
      if (!/→ errors\.record/.test(where)) return undefined
      delete process.standsAt
      return new Promise((resolve) => {
        goOn = () => {
          process.standing = undefined
          resolve()
        }
      })
    }
    await scheduler.run(() => process.standing !== undefined || !process.alive)
    expect(process.standing).toBeDefined()
    await happens({ ...first, action: 'Delete', tags: undefined })
    goOn()
    await scheduler.run(() => !process.alive)
    const [study] = fhir.store.all('ImagingStudy')
    const uids = (study?.series ?? []).flatMap(({ instance = [] }) => instance.map(({ uid }) => uid))
    expect([storage.checkpoint?.checkpoint.syncedSequence, storage.fails.size, uids]).toEqual([4, 0, ['1.2.1.1.2']])
    // It is the same resource: else it was deleted, and made anew when somebody looked at the row again.
    expect(study?.id).toBe(stood?.id)
    expect(world.violations).toEqual([])
  })
})
