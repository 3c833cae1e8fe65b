import { describe, expect, it } from '@jest/globals'
import { held, heldBesidesPosition, imagesOf, requested, sole } from '../support/fhir/cast-fhir'
import { created, deleted, images } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'

/** Two series: a CT of two images, a PR of one. */
const pr = { '00080060': { vr: 'CS', Value: ['PR'] } }
const castStudy = async (): Promise<CastWorld> => {
  const world = await newWorld()
  world.dicom.control.append(...images(2, { study }), created({ study, series: 2, elements: pr }))
  await world.cast()
  return world
}

const remove = async ({ dicom }: CastWorld, path: string): Promise<number> =>
  (await fetch(`${dicom.url}/v2/studies/${path}`, { method: 'DELETE' })).status

describe('what is deleted in the DICOM service', () => {
  it('leaves FHIR: an instance, then its series, then the study, while the Patient stays', async () => {
    const world = await castStudy()
    const seen = async () => {
      const report = await world.cast()
      const [resource] = held(world, 'ImagingStudy')
      return {
        ended: report.ended,
        images: resource === undefined ? 'no study' : imagesOf(resource),
        counts: [resource?.numberOfSeries, resource?.numberOfInstances],
        modality: resource?.modality?.map(({ code }) => code),
      }
    }
    expect(await remove(world, `${study}/series/${study}.1/instances/${study}.1.1`)).toBe(204)
    expect(await seen()).toEqual({
      ended: 'CaughtUp',
      images: { '1.2.3.1': ['1.2.3.1.2'], '1.2.3.2': ['1.2.3.2.1'] },
      counts: [2, 2],
      modality: ['CT'],
    })
    expect(await remove(world, `${study}/series/${study}.1`)).toBe(204)
    expect(await seen()).toEqual({
      ended: 'CaughtUp',
      images: { '1.2.3.2': ['1.2.3.2.1'] },
      counts: [1, 1],
      modality: undefined,
    })
    expect(await remove(world, study)).toBe(204)
    expect(await seen()).toEqual({
      ended: 'CaughtUp',
      images: 'no study',
      counts: [undefined, undefined],
      modality: undefined,
    })
    expect(held(world, 'Patient')).toHaveLength(1)
  })

  it('and created again is there again, as a new resource', async () => {
    const world = await castStudy()
    const before = sole(world, 'ImagingStudy').id
    await remove(world, study)
    await world.cast()
    world.dicom.control.append(created({ study, instance: 5 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    const again = sole(world, 'ImagingStudy')
    expect([imagesOf(again), again.status, again.id === before]).toEqual([
      { '1.2.3.1': ['1.2.3.1.5'] },
      'available',
      false,
    ])
  })

  it('and created within one batch is as if only the last had happened', async () => {
    const world = await castStudy()
    await remove(world, study)
    world.dicom.control.append(created({ study, instance: 1 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 4, superseded: 1 })
    const resource = sole(world, 'ImagingStudy')
    expect([imagesOf(resource), resource.numberOfSeries]).toEqual([{ '1.2.3.1': ['1.2.3.1.1'] }, 1])
  })

  it('before it was ever cast is nothing to do, and FHIR gets our position alone', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study }), deleted({ study }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 2, unchanged: 1, superseded: 1 })
    expect(heldBesidesPosition(world)).toEqual([])
  })

  it('stays as a cancelled study without images where others refer to it and the server refuses', async () => {
    const world = await castStudy()
    world.fhir.faults.set([{ fault: 'refuseDelete', target: 'ImagingStudy' }])
    await remove(world, study)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0 })
    const kept = sole(world, 'ImagingStudy')
    expect({ ...kept, id: '', meta: {}, subject: {} }).toEqual({
      resourceType: 'ImagingStudy',
      id: '',
      meta: {},
      identifier: [
        {
          type: { coding: [expect.objectContaining({ code: '110180' })] },
          system: 'urn:dicom:uid',
          value: `urn:oid:${study}`,
        },
      ],
      status: 'cancelled',
      subject: {},
      started: '2026-11-23',
      numberOfSeries: 0,
      numberOfInstances: 0,
    })
    world.dicom.control.append(created({ study }))
    await world.cast()
    expect(sole(world, 'ImagingStudy')).toMatchObject({ id: kept.id, status: 'available', numberOfInstances: 1 })
  })

  it("takes only our images from a study that somebody else's system keeps", async () => {
    const world = await newWorld()
    const theirs = world.fhir.seed({
      resourceType: 'ImagingStudy',
      id: 'theirs',
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
      status: 'registered',
      subject: { reference: 'Patient/theirs' },
      reasonCode: [{ text: 'Cough' }],
    })
    world.fhir.seed({ resourceType: 'Patient', id: 'theirs', identifier: [{ value: 'P1' }] })
    world.dicom.control.append(created({ study }))
    await world.cast()
    expect(sole(world, 'ImagingStudy')).toMatchObject({ id: theirs.id, status: 'available', numberOfInstances: 1 })
    world.dicom.control.append(deleted({ study }))
    await world.cast()
    const { series, endpoint, status, reasonCode, numberOfInstances } = sole(world, 'ImagingStudy')
    expect({ series, endpoint, status, reasonCode, numberOfInstances }).toEqual({
      series: undefined,
      endpoint: undefined,
      status: 'available',
      reasonCode: theirs['reasonCode'],
      numberOfInstances: 0,
    })
  })
})

it('an idle run asks the DICOM service for its head, and FHIR for nothing', async () => {
  const world = await castStudy()
  world.fhir.requests.clear()
  world.dicom.requests.clear()
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0, fhirRequests: 0, dicomRequests: 1 })
  expect(requested(world)).toEqual([])
  expect(world.dicom.requests.list().map(({ path }) => path)).toEqual(['/v1/changefeed/latest'])
})
