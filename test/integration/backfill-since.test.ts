import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { dryRunBackfill, tickBackfill } from '../../lib/composition/backfill'
import { held } from '../support/fhir/cast-fhir'
import { backfillIn, endStateOf, fill, useCastElsewhere } from '../support/world/backfill-world'
import { created, deleted } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

/** Studies are in FHIR; since then others came, one of many images, and some went. */
const changedSince = async (more: number, images = 1) => {
  const world: CastWorld = await newWorld()
  fill(world, 4, 1)
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp' })
  await sleep(5)
  const since = Date.now()
  await sleep(5)
  for (let study = 1; study <= more; study++) {
    for (let instance = 1; instance <= images; instance++) {
      world.dicom.control.append(created({ study: `1.8.${study}`, instance, patientId: `P${study % 7}` }))
    }
  }
  for (const study of ['1.2.1', '1.2.2']) world.dicom.control.append(deleted({ study }))
  return { world, since }
}

describe('a backfill since a time', () => {
  it('takes what has changed since, and leaves the checkpoint', async () => {
    const { world, since } = await changedSince(3, 2)
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2, scope: { since } })
    const ended = await backfill.run()
    expect(ended).toMatchObject({
      ended: 'Done',
      checkpoint: 4,
      listed: { studies: 3, images: 6 },
      done: { images: 6 },
    })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 0 })
  })

  it('is foreseen as what it would be about, and with what is gone', async () => {
    const { world, since } = await changedSince(3, 2)
    const { operator } = backfillIn(world)
    expect(await dryRunBackfill(operator(), { lanes: 1, scope: { since } })).toEqual({
      _tag: 'Right',
      right: { partitions: [{ partition: 'Microsoft.Default', studies: 3, images: 6 }], missing: 2, whole: true },
    })
    const cut = { lanes: 1, scope: { since } }
    expect(await dryRunBackfill(operator({ stopping: () => true }), cut)).toMatchObject({ right: { whole: false } })
  })

  it('that was cut off goes on where it stood in the feed', async () => {
    const { world, since } = await changedSince(450)
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2, scope: { since } })
    await sleep(1_100)
    // Looked at before each step, each page but the first, and each few questions: it ends behind the first step.
    let asked = 0
    await tickBackfill(backfill.operator({ stopping: () => (asked += 1) > 56 }))
    expect(await backfill.status()).toMatchObject({ state: 'listing', listed: { studies: 400, whole: false } })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', listed: { studies: 450 }, done: { studies: 450 } })
    expect(held(world, 'ImagingStudy')).toHaveLength(452)
  })

  it('takes no more out of FHIR than may go unasked, however often the feed names it', async () => {
    const { world, since } = await changedSince(1)
    const careful = backfillIn(world, { DicomCast__MaxGone: '1' })
    await careful.start({ scope: { since } })
    expect(await careful.run()).toMatchObject({ ended: 'Done', tooManyGone: 2, listed: { studies: 1 } })
    expect(held(world, 'ImagingStudy')).toHaveLength(5)
    // Each has more than one entry by now.
    for (const study of ['1.2.1', '1.2.2']) {
      world.dicom.control.append(created({ study }))
      world.dicom.control.append(deleted({ study }))
    }
    const backfill = backfillIn(world, { DicomCast__MaxGone: '2' })
    await backfill.start({ scope: { since } })
    const ended = await backfill.run()
    expect(ended).toMatchObject({ ended: 'Done', leftOver: { cast: 2, failed: 0 } })
    expect(ended.tooManyGone).toBeUndefined()
    expect(held(world, 'ImagingStudy')).toHaveLength(3)
  })
})
