import { describe, expect, it } from '@jest/globals'
import { dryRunBackfill, startBackfill } from '../../lib/composition/backfill'
import { metrics } from '../../lib/composition/metrics'
import { deleted, updated } from '../support/world/cast-images'
import { useCastWorld } from '../support/world/cast-world'
import { backfillIn, endStateOf, expectNoneTwice, fill, useCastElsewhere } from '../support/world/backfill-world'

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

describe('a backfill', () => {
  it('of an archive that was never cast leaves FHIR as a cast from the beginning of the feed does', async () => {
    const world = await newWorld()
    fill(world, 20)
    world.dicom.control.append(updated({ study: '1.2.3', instance: 1, patientId: 'P3', name: 'Doe^N3' }))
    world.dicom.control.append(deleted({ study: '1.2.4', instance: 2 }))
    const backfill = backfillIn(world)
    await backfill.start()
    expect(await world.cast()).toMatchObject({ ended: 'GateClosed' })
    const ended = await backfill.run()
    expect(ended).toMatchObject({ ended: 'Done', checkpoint: 62, listed: { studies: 20, images: 59, whole: true } })
    expect(ended.done).toMatchObject({ studies: 20, images: 59, written: 59, notCast: 0, failed: 0 })
    const elsewhere = await castElsewhere(world)
    expect(endStateOf(world.fhir)).toEqual(endStateOf(elsewhere))
    expectNoneTwice(world.fhir)
    // What is on the queue still is of a backfill that is over.
    for (const message of await backfill.messages()) {
      expect(await backfill.take(message)).toMatchObject({ _tag: 'Dropped' })
    }
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 62, entries: 0 })
  })

  it('has its patients apart by lanes, and its studies in all of them', async () => {
    const world = await newWorld()
    fill(world, 40)
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 4 })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 40, images: 120 }, lanes: 4 })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })

  it('is refused for an archive without a change feed, and says what reads all of its studies', async () => {
    const world = await newWorld()
    const { operator } = backfillIn(world, { DicomWeb__Source: 'dicomweb' })
    const request = { lanes: 1, scope: {} }
    const refusal = { _tag: 'Left', left: { _tag: 'Refused', reason: expect.stringContaining('dicomcast reconcile') } }
    expect([await dryRunBackfill(operator(), request), await startBackfill(operator(), request)]).toEqual([
      refusal,
      refusal,
    ])
  })

  it('is in the metrics from its begin on, and after it; where there was none, there is no series', async () => {
    const world = await newWorld()
    fill(world, 5)
    const backfill = backfillIn(world)
    const series = async () => {
      const answer = await metrics(backfill.operator())
      if (answer._tag === 'Left') throw new Error(JSON.stringify(answer.left))
      return answer.right.text.split('\n').filter((line) => line.startsWith('dicomcast_backfill_'))
    }
    expect(await series()).toEqual([])
    await backfill.start({ lanes: 2 })
    expect(await series()).toContain('dicomcast_backfill_at_work 1')
    await backfill.run()
    expect(await series()).toEqual([
      ...['dicomcast_backfill_at_work 0', 'dicomcast_backfill_lanes_at_work 0'],
      ...['listed 5', 'done 5', 'failed 0', 'left_over 0', 'cast_at_end 0'].map((each) =>
        each.replace(/(\w+) (\d)/, 'dicomcast_backfill_studies{is="$1"} $2'),
      ),
      ...['listed 15', 'done 15', 'written 15', 'not_cast 0'].map((each) =>
        each.replace(/(\w+) (\d+)/, 'dicomcast_backfill_images{is="$1"} $2'),
      ),
    ])
  })

  it('is counted for as long as a call may take, and what was not counted is said to be there', async () => {
    const world = await newWorld()
    fill(world, 5)
    const { operator } = backfillIn(world)
    const counted = (more: Parameters<typeof operator>[0]) => dryRunBackfill(operator(more), { lanes: 1, scope: {} })
    const partitions = [{ partition: 'Microsoft.Default', studies: 5, images: 15 }]
    expect(await counted({})).toEqual({ _tag: 'Right', right: { partitions, whole: true } })
    const cut = { _tag: 'Right', right: { partitions, whole: false } }
    expect(await counted({ budgetMs: 1, requestsEndMs: 60_000 })).toEqual(cut)
    expect(await counted({ stopping: () => true })).toEqual(cut)
  })

  it('that is repeated writes nothing', async () => {
    const world = await newWorld()
    fill(world, 12)
    const backfill = backfillIn(world)
    await backfill.start({ lanes: 2 })
    await backfill.run()
    const before = world.fhir.store.all().filter(({ resourceType }) => resourceType !== 'Basic')
    await backfill.start({ lanes: 3 })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 12, images: 36, written: 0 } })
    expect(world.fhir.store.all().filter(({ resourceType }) => resourceType !== 'Basic')).toEqual(before)
  })
})
