import { describe, expect, it } from '@jest/globals'
import type { FaultRule } from '../../local/fhir/faults'
import { held, imagesOf, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { until } from '../support/world/cast-until'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const interactions = ['metadata', 'read', 'update', 'batch', 'transaction'] as const

const withImages = async (...faults: ReadonlyArray<FaultRule>): Promise<CastWorld> => {
  const world = await newWorld()
  world.dicom.control.append(...images(3, { study }))
  world.fhir.faults.set(faults)
  return world
}

/** One of each, whole, and every entry told once. */
const expectStoredOnce = async (world: CastWorld, report: object): Promise<void> => {
  expect(report).toMatchObject({ ended: 'CaughtUp', to: 3, entries: 3, stored: 3, recorded: 0, failed: {} })
  expect([held(world, 'Patient').length, held(world, 'Endpoint').length]).toEqual([1, 1])
  expect(imagesOf(sole(world, 'ImagingStudy'))).toEqual({ '1.2.3.1': ['1.2.3.1.1', '1.2.3.1.2', '1.2.3.1.3'] })
  expect([await world.syncedSequence(), await world.failed()]).toEqual([3, {}])
}

describe('a passing failure of FHIR is retried, and nobody hears of it', () => {
  it.each(
    interactions.flatMap((interaction) =>
      (['429', '503', '500', '408', 'reset'] as const).map((fault) => [fault, interaction] as const),
    ),
  )('%s of %s', async (fault, interaction) => {
    const world = await withImages({ fault, match: { interaction }, times: 1, retryAfterMs: 1 })
    const report = await world.cast()
    await expectStoredOnce(world, report)
    // A connection that had brought an answer may have been closed while idle: a reading is asked again at once there.
    expect(fault === 'reset' && interaction === 'read' ? [0, 1] : [1]).toContain(report.retries)
  })

  it('and x-ms-retry-after-ms counts before Retry-After', async () => {
    const world = await withImages({ fault: '429', times: 2, retryAfterMs: 1, retryAfterS: 3600 })
    const report = await world.cast()
    await expectStoredOnce(world, report)
    expect(report.retries).toBe(2)
  })

  it('and a Retry-After beyond the time budget ends the run at once, with the checkpoint in place', async () => {
    const world = await withImages({ fault: '429', retryAfterS: 3600 })
    const report = await world.cast({}, { budgetMs: 60_000 })
    expect(report).toMatchObject({
      ended: 'ServiceUnavailable',
      to: 0,
      entries: 0,
      retries: 0,
      reason: 'fhir: it asks for fewer requests (429)',
    })
    expect([await world.syncedSequence(), await world.failed()]).toEqual([0, {}])
  })
})

describe('an answer that was lost', () => {
  it.each(['lostAnswer', 'truncated', 'fewEntries', 'entryStatus', 'wrongType'] as const)(
    'doubles nothing, whichever of the transactions it was: %s',
    async (fault) => {
      for (const skip of [0, 1]) {
        const world = await withImages({ fault, match: { interaction: 'transaction' }, times: 1, skip })
        await expectStoredOnce(world, await world.cast())
        expect(sole(world, 'ImagingStudy').meta?.versionId).toBe('1')
      }
    },
  )

  it('of a transaction that commits later, while the next is under way, doubles nothing either', async () => {
    for (const delayMs of [1, 20, 60]) {
      const world = await withImages({ fault: 'lateCommit', match: { interaction: 'transaction' }, times: 2, delayMs })
      const report = await world.cast()
      await world.fhir.settled()
      await expectStoredOnce(world, report)
    }
  })

  it('of a transaction that never ends in time leaves the checkpoint, and the next run finds what was done', async () => {
    const world = await withImages({ fault: 'lostAnswer', match: { interaction: 'transaction' }, skip: 1 })
    const first = await world.cast({}, { budgetMs: 1_000 })
    expect(first).toMatchObject({ ended: 'ServiceUnavailable', to: 0 })
    world.fhir.faults.clear()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 3, unchanged: 3, recorded: 0 })
    expect([held(world, 'Patient').length, sole(world, 'ImagingStudy').meta?.versionId]).toEqual([1, '1'])
  })
})

describe('another writer', () => {
  const raced = { system: 'urn:example:race', code: 'edited' }

  it.each(['ImagingStudy', 'Patient', 'Basic'] as const)(
    'that changes what we read keeps its edit: %s',
    async (target) => {
      const world = await withImages()
      await world.cast()
      world.dicom.control.append(created({ study, instance: 4, birthDate: '19710102' }))
      world.fhir.faults.set([{ fault: 'race', target, times: 1 }])
      expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
      expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(4)
      expect(sole(world, 'Patient').birthDate).toBe('1971-01-02')
      if (target === 'Basic') return
      expect(sole(world, target).meta?.tag?.filter(({ code }) => code === 'edited')).toEqual([raced])
    },
  )

  it('that never stops ends the run, with the checkpoint in place and nobody blamed', async () => {
    const world = await withImages()
    await world.cast()
    world.dicom.control.append(created({ study, instance: 4 }))
    world.fhir.faults.set([{ fault: 'race' }])
    expect(await world.cast()).toMatchObject({
      ended: 'ServiceUnavailable',
      to: 3,
      entries: 0,
      reason: 'fhir: another writer keeps changing the same resources',
    })
    expect([await world.syncedSequence(), await world.failed()]).toEqual([3, {}])
  })

  it('that creates the Patient between our search and our transaction gets what it lacks, and no twin', async () => {
    const world = await withImages({ fault: 'slow', match: { interaction: 'transaction' }, skip: 1, delayMs: 100 })
    const run = world.cast()
    await until(() => world.fhir.faults.list()[0]?.hits === 1)
    world.fhir.seed({ resourceType: 'Patient', id: 'theirs', identifier: [{ value: 'P1' }], active: true })
    await expectStoredOnce(world, await run)
    expect(sole(world, 'Patient')).toMatchObject({ id: 'theirs', active: true, gender: 'female' })
  })
})
