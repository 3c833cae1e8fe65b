import { describe, expect, it } from '@jest/globals'
import type { CastReport } from '../../lib/composition/cast'
import { bytesSent, held, pointers, requested, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

// As long as a scanner makes them.
const study = '1.2.840.113619.2.55.3.604688119.868.1467612345.1000'

/** The server knows our Endpoint and our position, and the process knows what the server offers. */
const warm = async (): Promise<CastWorld> => {
  const world = await newWorld()
  world.dicom.control.append(created({ study: '1.2.3.1', patientId: 'P0' }))
  await world.cast()
  world.fhir.requests.clear()
  return world
}

const theStudy = (world: CastWorld) =>
  held(world, 'ImagingStudy').find(({ identifier }) => identifier?.[0]?.value === `urn:oid:${study}`)

const counted = (world: CastWorld, { fhirRequests, fhirBytesSent }: CastReport): void => {
  expect([fhirRequests, fhirBytesSent]).toEqual([world.fhir.requests.list().length, bytesSent(world)])
}

describe('a study of 1,000 instances', () => {
  it('is three requests on a server that knows us: our position, one search, one transaction', async () => {
    const world = await warm()
    world.dicom.control.append(...images(1000, { study }))
    const report = await world.cast()
    expect(report).toMatchObject({ ended: 'CaughtUp', entries: 1000, stored: 1000, dicomRequests: 12 })
    const position = sole(world, 'Basic').id
    expect(requested(world)).toEqual([`GET /Basic/${position} → 200`, 'POST / → 200', 'POST / → 200'])
    counted(world, report)
    expect(report.fhirBytesSent).toBeLessThan(200_000)
    const resource = theStudy(world)
    expect([resource?.meta?.versionId, resource?.numberOfSeries, resource?.numberOfInstances]).toEqual(['1', 4, 1000])
  })

  it('is fifteen on an empty server: check, pointer, position and Endpoint come first, what its If-Match is worth last', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(1000, { study }))
    const report = await world.cast()
    const [position, pointer] = [sole(world, 'Basic').id, pointers(world)[0]?.id]
    expect(requested(world)).toEqual([
      'GET /metadata → 200',
      `GET /Basic/${pointer} → 404`,
      `GET /Basic/${position} → 404`,
      `PUT /Basic/${pointer} → 201`,
      `GET /Basic/${position} → 404`,
      `PUT /Basic/${position} → 201`,
      `GET /Basic/${position} → 200`,
      'POST / → 200',
      'POST / → 200',
      'POST / → 200',
      'POST / → 200',
      'PUT /Basic/dicomcast-check → 201',
      'GET /Basic/dicomcast-check → 200',
      'PUT /Basic/dicomcast-check → 200',
      'POST / → 412',
    ])
    counted(world, report)
  })

  it('one by one costs two requests an image, and bytes that grow with the square', async () => {
    const world = await warm()
    const before = world.dicom.feed.latestBySequence()?.sequence ?? 0
    world.dicom.control.append(...images(50, { study }))
    const report = await world.cast({ DicomCast__BatchSize: '1' }, { maxBatches: 0 })
    expect(report).toMatchObject({ ended: 'CaughtUp', from: before, to: before + 50, stored: 50 })
    expect(report.fhirRequests).toBe(101)
    counted(world, report)
    expect([theStudy(world)?.meta?.versionId, theStudy(world)?.numberOfInstances]).toEqual(['50', 50])

    const batched = await warm()
    batched.dicom.control.append(...images(50, { study }))
    const one = await batched.cast()
    expect(report.fhirBytesSent).toBeGreaterThan(10 * one.fhirBytesSent)
    expect(theStudy(world)?.series).toEqual(theStudy(batched)?.series)
  })
})
