import { describe, expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const fhirTable = 'FhirFailToStoreExceptionTable'

/** One image, of a patient of its own. */
const study = (number: number, elements = {}) => created({ study: `1.2.${number}`, patientId: `P${number}`, elements })
const refusedTag = { '00081030': { vr: 'LO', Value: ['not to be taken'] } }

describe('a checkpoint row that is there and cannot be read', () => {
  it('is no outage: it is told plainly, with what an operator needs to move the checkpoint, which mends it', async () => {
    const world = await newWorld()
    world.dicom.control.append(study(1), study(2), study(3))
    await world.writeSyncState({ SyncedSequence: 2n, Holes: '[[1,' })
    const report = await world.cast()
    expect(report).toMatchObject({ ended: 'ConfigurationInvalid', retries: 0, dicomRequests: 0, entries: 0 })
    const [, to, etag] =
      /Holes is missing.*move the checkpoint to (\d+) \(.*\): its etag is (W\/.*)$/.exec(report.reason) ?? []
    expect([to, await world.rows('TransientRetryExceptionTable')]).toEqual(['0', []])
    const { json } = await world.call('GET', 'status')
    expect(json).toMatchObject({ state: 'broken', health: { storage: { healthy: false, reason: report.reason } } })

    const move = { sequence: Number(to), etag, confirm: true }
    expect(await world.call('POST', 'checkpoint', { ...move, etag: 'W/"another"' })).toMatchObject({ status: 412 })
    expect(await world.call('POST', 'checkpoint', move)).toMatchObject({ status: 200, json: { from: 0, to: 0 } })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 0, to: 3, stored: 3 })
  })

  it('tells what a move to its own sequence passes by: nobody knows what was still awaited before it', async () => {
    const world = await newWorld()
    world.dicom.control.append(study(1), study(2), study(3))
    await world.writeSyncState({ SyncedSequence: 2n, Holes: '[[1,' })
    const [, etag] = /its etag is (W\/.*)$/.exec((await world.cast()).reason) ?? []
    expect(await world.call('POST', 'checkpoint', { sequence: 2, etag, confirm: true })).toMatchObject({
      status: 200,
      json: { from: 0, to: 2, passedBy: { from: 1, to: 2 } },
    })
  })
})

describe('a replay of more studies than FHIR may refuse in a row', () => {
  it('tells of each that it is refused still: nothing is passed by, so the server is not called off', async () => {
    const world = await newWorld()
    const refused = Array.from({ length: 24 }, (_, index) => study(index + 10, refusedTag))
    // One that is taken, now and then: the server takes studies.
    world.dicom.control.append(...refused.slice(0, 12), study(1), ...refused.slice(12), study(2))
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: 'not to be taken' } }])
    await world.cast({}, { maxBatches: 0 })
    expect((await world.failed())[fhirTable]).toHaveLength(24)

    const { status, json } = await world.call('POST', 'replay', { table: fhirTable })
    expect([status, json]).toMatchObject([200, { selected: 24, left: 0, counts: { Stored: 0, Recorded: 24 } }])
    expect(json).not.toHaveProperty('stop')
    expect((await world.failed())[fhirTable]).toHaveLength(24)

    world.fhir.faults.clear()
    expect((await world.call('POST', 'replay', { table: fhirTable })).json).toMatchObject({ counts: { Stored: 24 } })
    expect([await world.failed(), held(world, 'ImagingStudy').length]).toEqual([{}, 26])
  })
})
