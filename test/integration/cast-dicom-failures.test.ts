import { describe, expect, it } from '@jest/globals'
import type { FaultRule } from '../../local/dicom/faults'
import { heldBesidesPosition, imagesOf, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { startStub } from '../support/world/cast-stub'
import { type CastWorld, type Overrides, type WorldOptions, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const impatient = { RetryConfiguration__TotalRetryDuration: '00:00:00' }
const dicomTable = 'DicomFailToStoreExceptionTable'

const withImages = async (faults: ReadonlyArray<FaultRule> = [], options: WorldOptions = {}): Promise<CastWorld> => {
  const world = await newWorld(options)
  world.dicom.control.append(...images(5, { study }))
  world.dicom.faults.set(faults)
  return world
}

const expectHeldUp = async (
  world: CastWorld,
  ended: string,
  reason: string,
  settings: Overrides = {},
): Promise<void> => {
  const report = await world.cast({ ...impatient, ...settings })
  expect(report).toMatchObject({ ended, to: 0, entries: 0, recorded: 0, failed: {}, reason })
  expect([(await world.syncedSequence()) ?? 0, await world.failed(), heldBesidesPosition(world)]).toEqual([0, {}, []])
}

describe('a passing failure of the DICOM service', () => {
  it.each(['429', '503', '500', '400'] as const)('is retried, and nobody hears of it: %s', async (fault) => {
    const paths = ['/v1/changefeed/latest', '/v1/changefeed']
    const world = await withImages(
      paths.map((pathPrefix) => ({ fault, match: { pathPrefix }, times: 1, retryAfterS: 0 })),
    )
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 5, stored: 5, recorded: 0, retries: 2 })
  })

  it.each([
    ['half a page', { fault: 'truncated', times: 1, skip: 1 }],
    ['a page that breaks off', { fault: 'truncated', variant: 'connection', times: 1, skip: 1 }],
    ['a gateway page', { fault: 'malformedJson', times: 1, skip: 1 }],
    ['a dropped connection', { fault: 'reset', times: 1 }],
  ] as const)('is %s', async (_, fault) => {
    const world = await withImages([fault])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 5, stored: 5, recorded: 0, retries: 1 })
  })
})

describe('a DICOM service that stays away', () => {
  it('ends the run with the checkpoint in place, and the next run goes on', async () => {
    const world = await withImages([{ fault: '503', retryAfterS: 60 }])
    await expectHeldUp(world, 'ServiceUnavailable', 'dicom: it has trouble of its own (503)')
    expect(await world.rows('TransientRetryExceptionTable')).toMatchObject([{ Hop: 'dicom', Status: 503 }])
    world.dicom.faults.clear()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 5, stored: 5 })
  })

  it('because it is not running', async () => {
    const world = await withImages()
    await world.dicom.close()
    await expectHeldUp(world, 'ServiceUnavailable', 'dicom: the connection was refused')
  })

  it.each([['nothing at this URL', '/elsewhere', 'dicom: nothing is at this URL: check DicomWeb__Endpoint (404)']])(
    'because there is %s',
    async (_, path, reason) => {
      const world = await withImages()
      await expectHeldUp(world, 'ServiceUnavailable', reason, { DicomWeb__Endpoint: `${world.dicom.url}${path}` })
    },
  )

  it('because it redirects', async () => {
    const world = await withImages([{ fault: 'redirect' }])
    const reason = 'dicom: it redirects elsewhere, which is not followed: check DicomWeb__Endpoint (302)'
    await expectHeldUp(world, 'ServiceUnavailable', reason)
  })

  it('because it wants a token, naming the hop and the setting', async () => {
    const world = await withImages([], { dicom: { bearer: 'secret' } })
    const reason = 'dicom: it asks for a token (401), and DicomWeb__Authentication__Mode is none'
    await expectHeldUp(world, 'AccessDenied', reason)
  })

  it('because the identity has no role, naming it', async () => {
    const world = await withImages([{ fault: '403' }])
    const report = await world.cast(impatient)
    expect([report.ended, await world.failed()]).toEqual(['AccessDenied', {}])
    expect(report.reason).toMatch(/^dicom: [^\n]*DICOM Data Reader[^\n]*$/)
  })

  it.each([
    ['an HTML page', { type: 'text/html', body: '<p>Sign in' }, 'dicom: unreadable page: it is not JSON'],
    ['no row', { type: 'application/json', body: {} }, 'dicom: unreadable page: the newest entry has no sequence'],
  ])('because it answers with %s', async (_, answer, reason) => {
    const stub = await startStub(() => answer)
    try {
      await expectHeldUp(await withImages(), 'ServiceUnavailable', reason, { DicomWeb__Endpoint: stub.url })
    } finally {
      await stub.close()
    }
  })
})

describe('a metadata blob', () => {
  it.each(['poisonBlob', 'missingBlob'] as const)(
    'that is bad for ever is recorded with its UIDs, and the rest is cast: %s',
    async (fault) => {
      const world = await withImages([{ fault, match: { sequence: 3 }, retryAfterS: 0 }])
      world.dicom.control.append(...images(120, { study: '1.2.4', patientId: 'P4' }))
      const report = await world.cast()
      expect(report).toMatchObject({ ended: 'CaughtUp', to: 125, entries: 125, stored: 124, recorded: 1 })
      expect(await world.rows(dicomTable)).toEqual([
        {
          partitionKey: dicomTable,
          rowKey: '0000000000000000003',
          PartitionName: 'Microsoft.Default',
          StudyUid: study,
          SeriesUid: `${study}.1`,
          InstanceUid: `${study}.1.3`,
          ChangeFeedSequence: 3n,
          Code: 'EntryMalformed',
          Count: 1,
          JudgedAt: expect.any(Date),
          Exception: 'The change feed entry cannot be read: metadata is unreadable.',
        },
      ])
    },
  )

  it('store that is down for all is an outage: nobody is blamed', async () => {
    const world = await withImages([{ fault: 'poisonBlob', retryAfterS: 0 }])
    await expectHeldUp(world, 'ServiceUnavailable', 'dicom: it has trouble of its own (503)')
    await expectHeldUp(world, 'ServiceUnavailable', 'dicom: it has trouble of its own (503)')
  })

  it('that hangs costs no other row: those before it are cast in the first run, and it is recorded in a later one', async () => {
    const world = await withImages([{ fault: 'hangingBlob', match: { sequence: 30 } }])
    world.dicom.control.append(...images(120, { study: '1.2.4', patientId: 'P4' }))
    const impatientlyAsked = { DicomCast__RequestTimeout: '00:00:01' }
    const oneBatch = { budgetMs: 20_000, maxBatches: 1 }
    const reports = [await world.cast(impatientlyAsked, oneBatch)]
    expect(reports[0]).toMatchObject({ to: 29, stored: 29, recorded: 0 })
    while (reports.length < 8 && reports.at(-1)?.to !== 125) reports.push(await world.cast(impatientlyAsked, oneBatch))
    expect(reports.at(-1)).toMatchObject({ ended: 'CaughtUp', to: 125 })
    expect(await world.rows(dicomTable)).toMatchObject([
      {
        ChangeFeedSequence: 30n,
        InstanceUid: '1.2.4.1.25',
        Exception: 'The change feed entry cannot be read: metadata does not come in time.',
      },
    ])
    expect(reports.reduce((sum, { stored }) => sum + stored, 0)).toBe(124)
  })

  it('that is larger than a page may be is recorded, and the rest is cast', async () => {
    const world = await withImages([{ fault: 'oversizedEntry', match: { sequence: 3 }, bytes: 100_000 }])
    expect(await world.cast({ DicomCast__MaxPageBytes: '65536' })).toMatchObject({
      ended: 'CaughtUp',
      to: 5,
      entries: 5,
    })
    expect(Object.values(imagesOf(sole(world, 'ImagingStudy'))).flat()).toHaveLength(5)
  })
})

describe('the feed', () => {
  it.each([
    ['204', []],
    ['null', [{ fault: 'latestNull' }]],
  ] as const)('that is empty is caught up: %s', async (_, faults) => {
    const world = await newWorld()
    world.dicom.faults.set(faults)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 0, head: 0, entries: 0, fhirRequests: 0 })
  })

  it('with gaps is read to its head', async () => {
    const world = await withImages()
    world.dicom.control.skip(350)
    world.dicom.control.append(created({ study, instance: 9 }))
    expect(await world.cast()).toMatchObject({
      ended: 'CaughtUp',
      to: 356,
      head: 356,
      entries: 6,
      stored: 6,
      openHoles: 1,
    })
  })

  it('with a row that becomes visible late: the image is not lost', async () => {
    const world = await withImages()
    const { id } = world.dicom.control.appendLate(created({ study, instance: 6 }))
    world.dicom.control.append(created({ study, instance: 7 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 7, entries: 6, openHoles: 1 })
    world.dicom.control.showLate(id)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 7, entries: 1, stored: 1, openHoles: 0 })
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(7)
  })

  it('whose head is below the checkpoint was reset: the run stops and says so', async () => {
    const world = await withImages()
    await world.cast()
    world.dicom.control.restore(3)
    expect(await world.cast()).toMatchObject({
      ended: 'FeedReset',
      to: 5,
      head: 3,
      entries: 0,
      reason: 'the change feed is not the one this checkpoint belongs to: its head 3 is below the checkpoint 5',
    })
    expect([await world.syncedSequence(), await world.failed()]).toEqual([5, {}])
  })

  it('that was restored and has grown past the checkpoint reuses numbers, and was reset, too', async () => {
    const world = await withImages()
    await world.cast()
    world.dicom.control.restore(3)
    world.dicom.control.append(...images(4, { study: '1.2.4' }))
    expect(await world.cast()).toMatchObject({ ended: 'FeedReset', to: 5, entries: 0 })
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(5)
  })

  it('that was restored and names the same instance under the same number, at another time, was reset, too', async () => {
    const world = await withImages()
    await world.cast()
    world.dicom.control.restore(4)
    world.dicom.control.append(created({ study, instance: 5 }), created({ study, instance: 6 }))
    expect(await world.cast()).toMatchObject({ ended: 'FeedReset', to: 5, head: 6, entries: 0 })
  })

  it('whose row at the checkpoint became unreadable is the same: the row before it says so', async () => {
    const world = await withImages()
    await world.cast()
    world.dicom.control.append(created({ study, instance: 6 }))
    world.dicom.faults.set([{ fault: 'malformedEntry', match: { sequence: 5 } }])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 6, stored: 1, recorded: 0 })
  })

  it('is read on, and the log says it once, when no row is left to tell it by', async () => {
    const world = await withImages()
    await world.cast()
    world.dicom.control.append(created({ study, instance: 6 }))
    world.dicom.faults.set([4, 5].map((sequence) => ({ fault: 'malformedEntry', match: { sequence } })))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 6, stored: 1 })
    expect(world.logged.filter((line) => line.includes('cannot be read any more'))).toHaveLength(1)
  })

  it('keeps a number for a row that is late, though the row after it was begun long ago', async () => {
    const world = await withImages()
    await world.cast()
    const { id } = world.dicom.control.appendLate(created({ study, instance: 6 }))
    const timestamp = new Date(Date.now() - 12 * 60_000).toISOString()
    world.dicom.control.append({ ...created({ study, instance: 7 }), timestamp })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 7, openHoles: 1 })
    world.dicom.control.showLate(id)
    expect(await world.cast()).toMatchObject({ stored: 1, openHoles: 0 })
  })

  it.each([
    ['now', { from: 5, entries: 0 }],
    ['3', { from: 3, entries: 2 }],
    ['beginning', { from: 0, entries: 5 }],
  ])('is begun where DicomCast__StartFrom says: %s', async (DicomCast__StartFrom, expected) => {
    const world = await withImages()
    expect(await world.cast({ DicomCast__StartFrom })).toMatchObject({ ended: 'CaughtUp', to: 5, ...expected })
    expect(await world.cast({ DicomCast__StartFrom: 'beginning' })).toMatchObject({ from: 5, entries: 0 })
  })
})
