import { describe, expect, it } from '@jest/globals'
import { replayRows } from '../../lib/composition/feed'
import { resyncStudy } from '../../lib/composition/studies'
import { laneOf } from '../../lib/domain/backfill/lane'
import { held } from '../support/fhir/cast-fhir'
import {
  backfillIn,
  endStateOf,
  expectNoneTwice,
  fill,
  listed,
  useCastElsewhere,
} from '../support/world/backfill-world'
import { noteElements } from '../simulation/rejection-note'
import { created, deleted, uidsOf, updated } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

/** Two PatientIDs of different lanes, of two. */
const [inLane0 = '', inLane1 = ''] = [0, 1].map((lane) =>
  ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7', 'A8'].find((id) => laneOf(id, 2) === lane),
)

describe('a message of a backfill', () => {
  it('that comes twice, or late, does nothing', async () => {
    const world = await newWorld()
    fill(world, 6)
    const backfill = backfillIn(world)
    const { id } = await backfill.start({ lanes: 1 })
    await listed(backfill)
    const message = { backfillId: id, lane: 0, part: 1 }
    const both = await Promise.all([backfill.take(message), backfill.take(message)])
    expect(both.filter(({ _tag }) => _tag === 'Settled').length).toBeLessThanOrEqual(1)
    await backfill.run()
    const before = endStateOf(world.fhir)
    expect(await backfill.take(message)).toMatchObject({ _tag: 'Dropped' })
    expect(endStateOf(world.fhir)).toEqual(before)
    expect(before).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })

  it.each([
    ['of no part', { lane: 0, part: 99 }],
    ['of no lane', { lane: 63, part: 1 }],
    ['of no number that there could be', { lane: Number.MAX_SAFE_INTEGER, part: Number.MAX_SAFE_INTEGER }],
  ])('%s is dropped', async (_what, numbers) => {
    const world = await newWorld()
    fill(world, 2)
    const backfill = backfillIn(world)
    const { id } = await backfill.start()
    await listed(backfill)
    expect(await backfill.take({ backfillId: id, ...numbers })).toMatchObject({ _tag: 'Dropped' })
    expect(await backfill.take({ backfillId: 'another', lane: 0, part: 1 })).toMatchObject({ _tag: 'Dropped' })
  })
})

describe('a study', () => {
  it('that changes its patient between the list and the worker is left over to the end', async () => {
    const world = await newWorld()
    fill(world, 4)
    world.dicom.control.append(created({ study: '1.9.1', patientId: inLane0 }))
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2 })
    await listed(backfill)
    world.dicom.control.append(updated({ study: '1.9.1', patientId: inLane1, name: 'Roe^Jane' }))
    const ended = await backfill.run()
    expect(ended).toMatchObject({ ended: 'Done', done: { leftOver: 1 }, leftOver: { cast: 1, failed: 0 } })
    await world.cast()
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })

  it('that is gone when its worker comes is done, and nothing of the list is left', async () => {
    const world = await newWorld()
    fill(world, 4, 1)
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 1 })
    await listed(backfill)
    world.dicom.control.append(deleted({ study: '1.2.4' }))
    expect(await backfill.run()).toMatchObject({
      ...{ listed: { studies: 4, images: 4 }, settled: { studies: 4, images: 4 } },
      ...{ done: { studies: 4, images: 3, leftOver: 0 } },
    })
  })

  it('that was deleted before the head, and that FHIR holds still, goes', async () => {
    const world = await newWorld()
    fill(world, 5)
    await world.cast()
    world.dicom.control.append(deleted({ study: '1.2.5', instance: 1 }))
    world.dicom.control.append(deleted({ study: '1.2.5', instance: 2 }))
    world.dicom.control.append(deleted({ study: '1.2.5', instance: 3 }))
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2 })
    const ended = await backfill.run()
    expect(ended).toMatchObject({ ended: 'Done', checkpoint: 18, leftOver: { cast: 1 } })
    expect(held(world, 'ImagingStudy')).toHaveLength(4)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 18, entries: 0 })
    expectNoneTwice(world.fhir)
  })

  it('that the archive does not list stays in FHIR where more are gone than may leave it unasked', async () => {
    const world = await newWorld()
    fill(world, 5)
    await world.cast()
    for (const instance of [1, 2, 3]) world.dicom.control.append(deleted({ study: '1.2.5', instance }))
    const backfill = backfillIn(world, { DicomCast__MaxGone: '0' })
    await backfill.start({ lanes: 2 })
    const ended = await backfill.run()
    expect(ended).toMatchObject({ ended: 'Done', checkpoint: 15, leftOver: { cast: 0 }, tooManyGone: 1 })
    expect(held(world, 'ImagingStudy')).toHaveLength(5)
    // Of what has its row in the feed, the feed tells.
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 15, entries: 3 })
    expect(held(world, 'ImagingStudy')).toHaveLength(4)
  })

  it.each(['500', '403'] as const)(
    'that cannot be read alone is recorded after five tries, and the others are cast: %s',
    async (fault) => {
      const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
      fill(world, 5)
      world.dicom.faults.set([{ fault, match: { pathPrefix: '/v2/studies/1.2.3/metadata' } }])
      // One after the other: those behind it are asked for, too.
      const backfill = backfillIn(world, { DicomCast__BackfillReads: '1' })
      const { id } = await backfill.start()
      await listed(backfill)
      let tries = 0
      for (; tries < 10; tries++) {
        const handled = await backfill.take({ backfillId: id, lane: 0, part: 1 })
        if (handled._tag === 'Settled') break
        expect(handled).toMatchObject({ _tag: 'Postponed' })
      }
      expect(tries).toBe(4)
      expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 4, failed: 1 } })
      expect(held(world, 'ImagingStudy')).toHaveLength(4)
      expect(await world.rows('TransientFailureExceptionTable')).toMatchObject([
        { Code: 'OutlastedRetries', StudyUid: '1.2.3' },
      ])
      // A replay finds no entry behind it, and leaves it; a resync of the study casts it, and the row goes.
      world.dicom.faults.clear()
      const replayed = await replayRows(backfill.operator(), { code: 'OutlastedRetries', limit: 10 }, false)
      expect(replayed).toMatchObject({ _tag: 'Right' })
      expect(await resyncStudy(backfill.operator(), { studyInstanceUid: '1.2.3', partition: undefined })).toMatchObject(
        {
          right: { stored: 3 },
        },
      )
      expect(await world.failed()).toEqual({})
      expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    },
  )
})

describe('studies of which none can be read alone', () => {
  const broken = ['1.2.1', '1.2.2', '1.2.3', '1.2.4']
  const faults = broken.map((uid) => ({ fault: '500', match: { pathPrefix: `/v2/studies/${uid}/metadata` } }) as const)

  it('are recorded, however many they are', async () => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    fill(world, 6)
    world.dicom.faults.set(faults)
    const backfill = backfillIn(world)
    const { id } = await backfill.start()
    await listed(backfill)
    for (let tries = 0; tries < 5; tries++) await backfill.take({ backfillId: id, lane: 0, part: 1 })
    expect(await backfill.store.part(id, 0, 1)()).toMatchObject({ right: { value: { isSettled: true, tries: 5 } } })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 2, failed: 4 } })
  })

  it('are recorded when they are left over, too', async () => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    fill(world, 6)
    const backfill = backfillIn(world)
    const { id } = await backfill.start()
    await listed(backfill)
    await backfill.take({ backfillId: id, lane: 0, part: 1 })
    const partition = 'Microsoft.Default'
    await backfill.store.leaveOver(
      id,
      broken.map((studyInstanceUid) => ({ partition, studyInstanceUid })),
    )()
    world.dicom.faults.set(faults)
    expect(await backfill.run()).toMatchObject({ ended: 'Done', leftOver: { cast: 0, failed: 4 } })
  })
})

describe('an outage', () => {
  it.each(['dicom', 'fhir'] as const)('of %s is no try, and is gone on from', async (hop) => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    fill(world, 5)
    const backfill = backfillIn(world)
    const { id } = await backfill.start()
    await listed(backfill)
    if (hop === 'dicom') world.dicom.faults.set([{ fault: '503' }])
    else world.fhir.faults.set([{ fault: '503' }])
    for (let time = 0; time < 7; time++) {
      expect(await backfill.take({ backfillId: id, lane: 0, part: 1 })).toMatchObject({ _tag: 'Postponed' })
    }
    expect(await backfill.store.part(id, 0, 1)()).toMatchObject({ right: { value: { tries: 0, isSettled: false } } })
    world.dicom.faults.clear()
    world.fhir.faults.clear()
    await backfill.take({ backfillId: id, lane: 0, part: 1 })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 5, failed: 0 } })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
  })
})

describe('what the error tables tell, and the feed would have ended before the head,', () => {
  const listing = (image: { study: string; instance: number }) => {
    const { studyInstanceUid: study, seriesInstanceUid: series, sopInstanceUid: instance } = uidsOf(image)
    return noteElements({ code: '113037', lists: [{ study, series, instance }] })
  }
  const note = { study: '1.2.9', patientId: 'P1', elements: listing({ study: '1.2.1', instance: 1 }) }
  const inStep = async (world: CastWorld) => {
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0 })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
  }

  it('ends for a study that is gone', async () => {
    const world = await newWorld()
    fill(world, 3)
    world.dicom.control.append(created({ study: '1.2.8', patientId: null }))
    await world.cast()
    expect(await world.failed()).not.toEqual({})
    world.dicom.control.append(deleted({ study: '1.2.8' }))
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2 })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', checkpoint: 11 })
    expect(await world.failed()).toEqual({})
    await inStep(world)
  })

  it('ends for images that a rejection note listed which is gone', async () => {
    const world = await newWorld()
    fill(world, 3)
    world.dicom.control.append(created(note))
    await world.cast()
    world.dicom.control.append(deleted(note))
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2 })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', checkpoint: 11 })
    expect(await world.failed()).toEqual({})
    await inStep(world)
  })

  it('begins for images that a note lists whose study is left over', async () => {
    const world = await newWorld()
    fill(world, 3)
    world.dicom.control.append(created({ study: '1.2.9', patientId: inLane0 }))
    world.dicom.control.append(created({ ...note, patientId: inLane0, instance: 2 }))
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2 })
    await listed(backfill)
    world.dicom.control.append(updated({ study: '1.2.9', patientId: inLane1 }))
    expect(await backfill.run()).toMatchObject({ ended: 'Done', checkpoint: 11, leftOver: { cast: 2 } })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 1 })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
  })
})

it('the row of a backfill has room for a thousand partitions', async () => {
  const world = await newWorld()
  const backfill = backfillIn(world)
  await backfill.start()
  const partitions = Array.from({ length: 1_000 }, (_, at) => `${String(at).padStart(4, '0')}${'p'.repeat(60)}`)
  const read = await backfill.store.read()()
  if (read._tag === 'Left' || read.right._tag === 'None') throw new Error('there is no row')
  const { etag, ...row } = read.right.value
  const cursor = { partitions, at: 0, offset: 0 }
  const written = await backfill.store.write({ ...row, cursor }, etag)()
  expect(written).toMatchObject({ _tag: 'Right' })
  expect(await backfill.store.read()()).toMatchObject({ right: { value: { cursor } } })
})

describe('cancel', () => {
  it('closes the lanes, leaves the checkpoint, and lets the feed go over what was done', async () => {
    const world = await newWorld()
    fill(world, 10)
    const backfill = backfillIn(world)
    const { id } = await backfill.start({ lanes: 2 })
    await listed(backfill)
    await backfill.step()
    expect(await backfill.cancel()).toMatchObject({ state: 'over', ended: 'Cancelled', checkpoint: 0 })
    const before = endStateOf(world.fhir)
    for (const lane of [0, 1]) {
      expect(await backfill.take({ backfillId: id, lane, part: 1 })).toMatchObject({ _tag: 'Dropped' })
    }
    expect(endStateOf(world.fhir)).toEqual(before)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 30 })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })
})
