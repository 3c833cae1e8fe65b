import { describe, expect, it } from '@jest/globals'
import { sole } from '../support/fhir/cast-fhir'
import { images } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'

const expectNotStuck = async (world: CastWorld): Promise<void> => {
  expect(await world.rows('TransientRetryExceptionTable')).toEqual([])
  expect((await world.rows('SyncStateTable')).every((row) => !('StuckSince' in row))).toBe(true)
}

describe('a run that is out of time', () => {
  // Whichever request it meets the end in: the feed's pages and FHIR's answers take their time alike.
  it.each([150, 400, 650, 900])('says so and blames no service, wherever it stood: after %i ms', async (budgetMs) => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '3' } })
    world.dicom.control.append(...images(60, { study }))
    world.fhir.faults.set([{ fault: 'slow', delayMs: 90 }])
    world.dicom.faults.set([{ fault: 'slow', delayMs: 70 }])
    const report = await world.cast({}, { maxBatches: 0, budgetMs })
    expect([report.ended, report.recorded]).toEqual(['OutOfTime', 0])
    await expectNotStuck(world)

    world.fhir.faults.clear()
    world.dicom.faults.clear()
    expect(await world.cast({ DicomCast__BatchSize: '1000' })).toMatchObject({
      ended: 'CaughtUp',
      from: report.to,
      to: 60,
    })
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(60)
  })

  it('still tells of a service that failed before time was up', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3, { study }))
    world.fhir.faults.set([
      { fault: '503', times: 1, retryAfterMs: 1 },
      { fault: 'slow', delayMs: 1_500 },
    ])
    expect(await world.cast({}, { budgetMs: 500 })).toMatchObject({
      ended: 'ServiceUnavailable',
      reason: 'fhir: it has trouble of its own (503)',
    })
    expect(await world.rows('TransientRetryExceptionTable')).toMatchObject([{ Hop: 'fhir', Status: 503 }])
  })

  it('still tells of a service that let a request wait for its whole time-out', async () => {
    const world = await newWorld({ settings: { DicomCast__RequestTimeout: '00:00:01' } })
    world.dicom.control.append(...images(3, { study }))
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'metadata' }, delayMs: 2_500 }])
    expect(await world.cast({}, { budgetMs: 1_500 })).toMatchObject({
      ended: 'ServiceUnavailable',
      reason: 'fhir: no complete answer within 1000 ms',
    })
  })
})
