import { describe, expect, it } from '@jest/globals'
import { held, imagesOf } from '../support/fhir/cast-fhir'
import { created, deleted } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const north = { study, partition: 'north', instance: 1 }
const south = { study, partition: 'south', instance: 2, patientId: 'P2' }

/** Address of each study's Endpoint → its images. */
const byAddress = (world: CastWorld): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries(
    held(world, 'ImagingStudy').map((each) => {
      const endpoint = held(world, 'Endpoint').find(({ id }) => each.endpoint?.[0]?.reference === `Endpoint/${id}`)
      return [endpoint?.address.replace(world.dicom.url, '') ?? 'none', Object.values(imagesOf(each)).flat()]
    }),
  )

describe('the same StudyInstanceUID in two partitions', () => {
  it.each([1000, 1])('is two studies, told apart by their Endpoints: in batches of %i', async (batchSize) => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: String(batchSize) } })
    world.dicom.control.append(created(north), created(south), created({ study, instance: 3 }))
    expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect(byAddress(world)).toEqual({
      '/v2/partitions/north': ['1.2.3.1.1'],
      '/v2/partitions/south': ['1.2.3.1.2'],
      '/v2': ['1.2.3.1.3'],
    })
    const sources = held(world, 'ImagingStudy').map(({ meta }) => meta?.source?.replace(world.dicom.url, ''))
    expect(sources.sort()).toEqual(['', '/partitions/north', '/partitions/south'])
  })

  it('is deleted in one of them, and stays in the other', async () => {
    const world = await newWorld()
    world.dicom.control.append(created(north), created(south))
    await world.cast()
    world.dicom.control.append(deleted(north))
    await world.cast()
    expect(byAddress(world)).toEqual({ '/v2/partitions/south': ['1.2.3.1.2'] })
  })
})

it('partitions that are not named are passed by, and counted as skipped', async () => {
  const world = await newWorld({ settings: { DicomCast__Partitions: 'north, elsewhere' } })
  world.dicom.control.append(created(north), created(south), created({ study: '1.2.4', patientId: null }))
  expect(await world.cast()).toMatchObject({
    ended: 'CaughtUp',
    to: 3,
    entries: 3,
    stored: 1,
    superseded: 0,
    skipped: 2,
  })
  expect([byAddress(world), await world.failed()]).toEqual([{ '/v2/partitions/north': ['1.2.3.1.1'] }, {}])
})

it('what settings and partitions do not agree about is told in the log by the first cast that has work', async () => {
  const world = await newWorld({ settings: { DicomCast__Partitions: 'north, elsewhere' } })
  const warned = (): ReadonlyArray<string> => world.logged.filter((line) => line.includes('elsewhere'))
  expect(await world.cast()).toMatchObject({ entries: 0, dicomRequests: 1 })
  expect(warned()).toEqual([])
  for (const instance of [1, 2]) {
    world.dicom.control.append(created({ ...north, instance }))
    await world.cast()
    const [line = '', ...more] = warned()
    expect([JSON.parse(line), more]).toMatchObject([
      {
        level: 'warn',
        message: 'DicomCast__Partitions names elsewhere, and the DICOM service has no such partition',
      },
      [],
    ])
  }
})

it("a partition's patients have its own system, are other people than those of the next, and nobody's when it is not listed", async () => {
  const systems = '{"north":"http://north.example/mrn"}'
  const world = await newWorld({ settings: { Patient__PartitionSystems: systems } })
  const ofDefault = created({ study: '1.2.9', patientId: 'P1' })
  world.dicom.control.append(created(north), ofDefault, created({ ...south, patientId: 'P1' }))
  expect(await world.cast()).toMatchObject({ stored: 2, codes: { IssuerUnknown: 1 } })
  expect(held(world, 'Patient').map(({ identifier }) => identifier?.[0])).toMatchObject([
    { system: 'http://north.example/mrn', value: 'P1' },
    { value: 'P1' },
  ])
})

describe('the name of a partition', () => {
  it('is compared without case, and written as the feed spells it (W9)', async () => {
    const world = await newWorld({ settings: { DicomCast__Partitions: 'clinic, NORTH' } })
    world.dicom.control.append(created({ study, partition: 'Clinic' }), created(north), created(south))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
    expect(Object.keys(byAddress(world)).sort()).toEqual(['/v2/partitions/Clinic', '/v2/partitions/north'])
  })

  it('is no dot segment (W8)', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, partition: '..' }), created({ study, partition: '.', instance: 2 }))
    world.dicom.control.append(created({ study, instance: 3 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 2 })
    expect(await world.failed()).toEqual({
      DicomFailToStoreExceptionTable: ['1 EntryMalformed', '2 EntryMalformed'],
    })
    expect(held(world, 'ImagingStudy')).toHaveLength(1)
  })

  it('is not that of another partition in other case: the later one is refused, and not merged', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      created({ study, partition: 'clinic' }),
      created({ study: '1.2.4', partition: 'Clinic' }),
    )
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 1 })
    world.dicom.control.append(
      created({ study: '1.2.5', partition: 'CLINIC' }),
      created({ study: '1.2.6', partition: 'clinic' }),
    )
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 1 })
    expect(await world.failed()).toEqual({
      DicomFailToStoreExceptionTable: ['2 EntryMalformed', '3 EntryMalformed'],
    })
    expect(held(world, 'Endpoint')).toHaveLength(1)
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
  })
})
