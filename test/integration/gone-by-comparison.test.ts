import { describe, expect, it } from '@jest/globals'
import { held, subjectOf } from '../support/fhir/cast-fhir'
import { bulkUpdate, created, deleted, images } from '../support/world/cast-images'
import { type CastWorld, type WorldOptions } from '../support/world/cast-world'
import { dicomcast } from '../support/world/command-line'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const since = ['verify', '--since', '2020-01-01T00:00:00Z']
const nothingAt = (studies: string): string =>
  `nothing is at ${studies} though the change feed has live images: check DicomWeb__Version (404)`

const withStudies = async (options: WorldOptions = {}): Promise<OperateWorld> => {
  const world = await newWorld(options)
  for (const study of ['1.2.1', '1.2.2', '1.2.3']) world.dicom.control.append(...images(2, { study }))
  await world.cast()
  return world
}

const instances = (world: CastWorld): ReadonlyArray<number | undefined> =>
  held(world, 'ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)

const subjects = (world: CastWorld): ReadonlyArray<string | undefined> =>
  held(world, 'ImagingStudy').map((each) => subjectOf(world, each))

/** A proxy, or a service of another age: the feed answers, and the studies do not. */
const hideStudies = (world: CastWorld, times = Infinity): void =>
  world.dicom.faults.set([{ fault: '404', match: { pathPrefix: '/v2/studies' }, times }])

describe('a DICOM service whose studies are at another URL', () => {
  it.each([
    ['a wrong version', { DicomWeb__Version: 'v9' }, '/v9/studies'],
    ['no version', { DicomWeb__Version: '' }, '/studies'],
  ])('has lost nothing: %s', async (_, wrong, studies) => {
    const world = await withStudies()
    const environment = world.environment(wrong)
    const before = world.fhir.store.all()
    for (const args of [['verify', '1.2.1'], ['resync', '1.2.1'], since, [...since, '--repair'], ['status']]) {
      const { code, stdout, stderr } = await dicomcast(environment, ...args)
      expect([args, code, stdout + stderr]).toEqual([args, 3, expect.stringContaining(nothingAt(studies))])
    }
    const all = await dicomcast(environment, 'verify', '--all')
    expect([all.code, all.stderr]).toEqual([3, expect.stringContaining('check DicomWeb__Version')])
    expect(all.stdout).toBe('0 studies compared: nothing is known\nNot all studies were compared.\n')
    expect(world.fhir.store.all()).toEqual(before)
  })

  it('is not healthy, and says so over HTTP', async () => {
    const world = await withStudies()
    hideStudies(world)
    expect(await world.call('GET', 'health')).toMatchObject({ status: 503 })
    const reason = `dicom: ${nothingAt('/v2/studies')}`
    expect((await world.call('GET', 'status')).json).toMatchObject({
      state: 'broken',
      reasons: [reason],
      health: { dicom: { healthy: false, reason } },
    })
    expect(await world.call('POST', 'resync', { study: '1.2.1' })).toMatchObject({
      status: 503,
      json: { code: 'ServiceUnavailable', hop: 'dicom' },
    })
    expect(instances(world)).toEqual([2, 2, 2])
  })

  it('does not cost a replay its image whose entry is gone from the feed', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.1' }), created({ study: '1.2.1', instance: 2, patientId: null }))
    await world.cast()
    world.dicom.control.restore(1)
    hideStudies(world)
    expect(await world.call('POST', 'replay', { study: '1.2.1' })).toMatchObject({
      status: 503,
      json: { hop: 'dicom' },
    })
    expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['2 TagsRejected'] })
  })

  it('ends a run that has to ask whose study it is, and records nobody', async () => {
    const world = await withStudies()
    await bulkUpdate(world, ['1.2.2'], { '00100020': { vr: 'LO', Value: ['P2'] } })
    hideStudies(world)
    expect(await world.cast()).toMatchObject({
      ended: 'ServiceUnavailable',
      ...{ to: 6, recorded: 0, failed: {}, retries: 0 },
      reason: `dicom: ${nothingAt('/v2/studies')}`,
    })
    expect([subjects(world), await world.failed()]).toEqual([['P1', 'P1', 'P1'], {}])
    world.dicom.faults.clear()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 8, recorded: 0 })
    expect([subjects(world), await world.failed()]).toEqual([['P1', 'P2', 'P1'], {}])
  })

  it('for a moment is asked again', async () => {
    const world = await withStudies()
    hideStudies(world, 1)
    expect(await world.call('POST', 'resync', { study: '1.2.1' })).toMatchObject({
      status: 200,
      json: { unchanged: 2, removed: 0 },
    })
  })
})

describe('a study that is in the feed and not at its URL', () => {
  it('is read by its images', async () => {
    const world = await withStudies()
    await bulkUpdate(world, ['1.2.2'], { '00100020': { vr: 'LO', Value: ['P2'] } })
    world.dicom.faults.set([{ fault: '404', match: { pathPrefix: '/v2/studies/1.2.2/metadata' } }])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 8, recorded: 0 })
    expect(subjects(world)).toEqual(['P1', 'P2', 'P1'])
  })

  it('nor any of its images, is no misfiled one: the run ends, and the next one reads that it was deleted', async () => {
    const world = await withStudies()
    await bulkUpdate(world, ['1.2.2'], { '00100020': { vr: 'LO', Value: ['P2'] } })
    world.dicom.faults.set([{ fault: '404', match: { pathPrefix: '/v2/studies/1.2.2' } }])
    expect(await world.cast()).toMatchObject({
      ended: 'ServiceUnavailable',
      ...{ to: 6, recorded: 0, failed: {} },
      reason: expect.stringContaining('was it deleted this moment?'),
    })
    world.dicom.faults.clear()
    world.dicom.control.append(...[1, 2].map((instance) => deleted({ study: '1.2.2', instance })))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 10, recorded: 0 })
    expect([instances(world), await world.failed()]).toEqual([[2, 2], {}])
  })
})

describe('a study that was deleted', () => {
  const removed = { status: 200, json: { stored: 0, removed: 2 } }

  it('is removed by a resync: the others are found at the same URL', async () => {
    const world = await withStudies()
    world.dicom.control.append(...[1, 2].map((instance) => deleted({ study: '1.2.3', instance })))
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject(removed)
    expect(instances(world)).toEqual([2, 2])
  })

  it('is not taken out by a walk that finds no other study by the same route, and is by its Delete row', async () => {
    const world = await withStudies()
    for (const study of ['1.2.1', '1.2.2', '1.2.3']) {
      world.dicom.control.append(...[1, 2].map((instance) => deleted({ study, instance })))
    }
    expect((await world.call('GET', 'status')).json).toMatchObject({ health: { dicom: { healthy: true } } })
    const { code, stdout } = await dicomcast(world.environment(), ...since, '--repair')
    expect([code, stdout]).toEqual([3, expect.stringContaining('0 studies compared: nothing is known')])
    expect(instances(world)).toEqual([2, 2, 2])
    await world.cast()
    expect(instances(world)).toEqual([])
  })

  it('is compared with the newest live image, however many deletes came after it', async () => {
    const world = await withStudies()
    world.dicom.control.append(...[1, 2].map((instance) => deleted({ study: '1.2.3', instance })))
    for (let each = 0; each < 150; each++)
      world.dicom.control.append(created({ study: '1.2.9' }), deleted({ study: '1.2.9' }))
    hideStudies(world)
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject({ status: 503 })
    world.dicom.faults.clear()
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject(removed)
  })

  it('of a partition is compared with one of a partition: their route is another one', async () => {
    const world = await newWorld()
    for (const partition of ['Microsoft.Default', 'north', 'south']) {
      world.dicom.control.append(created({ study: '1.2.1', partition }))
    }
    await world.cast()
    world.dicom.control.append(deleted({ study: '1.2.1', partition: 'north' }))
    const resync = () => world.call('POST', 'resync', { study: '1.2.1', partition: 'north' })
    world.dicom.faults.set([{ fault: '404', match: { pathPrefix: '/v2/partitions' } }])
    expect(await resync()).toMatchObject({
      status: 503,
      json: { hop: 'dicom', detail: expect.stringContaining('/v2/partitions/{name}/studies') },
    })
    expect(instances(world)).toHaveLength(3)
    world.dicom.faults.clear()
    expect(await resync()).toMatchObject({ status: 200, json: { removed: 1 } })
    expect(instances(world)).toHaveLength(2)
  })

  it('is compared with another image where the metadata of one is lost', async () => {
    const world = await withStudies()
    world.dicom.control.append(...[1, 2].map((instance) => deleted({ study: '1.2.1', instance })))
    world.dicom.faults.set([{ fault: '404', match: { pathPrefix: '/v2/studies/1.2.3' } }])
    expect(await world.call('POST', 'resync', { study: '1.2.1' })).toMatchObject(removed)
  })
})
