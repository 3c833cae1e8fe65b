import { describe, expect, it } from '@jest/globals'
import { type BackfillWorld, backfillIn, fill, listed } from '../support/world/backfill-world'
import { useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

/** One lane with as many parts as there are studies. */
const underWay = async (studies: number) => {
  const world = await newWorld()
  fill(world, studies, 1)
  const backfill: BackfillWorld = backfillIn(world)
  const { id } = await backfill.start({ lanes: 1 })
  await listed(backfill)
  const row = await backfill.store.part(id, 0, 1)()
  const whole = await backfill.store.read()()
  if (row._tag === 'Left' || row.right._tag === 'None') throw new Error('there is no part')
  if (whole._tag === 'Left' || whole.right._tag === 'None') throw new Error('there is no backfill')
  const { etag, ...part } = row.right.value
  for (const [at, uid] of part.studies.entries()) {
    const each = { ...part, part: at + 1, studies: [uid], open: [0], listed: { studies: 1, images: 1 } }
    await backfill.store.writePart(id, each, at === 0 ? etag : undefined)()
  }
  const { etag: version, ...stored } = whole.right.value
  await backfill.store.write({ ...stored, parts: [studies] }, version)()
  await backfill.messages()
  const take = (number: number) => backfill.take({ backfillId: id, lane: 0, part: number })
  return { world, backfill, take, lane: () => backfill.store.lane(id, 0)() }
}

describe.each(['dicom', 'fhir'] as const)('where %s asks for less all the while', (hop) => {
  it('a lane waits before its next part, which the status says, and comes back', async () => {
    const { world, backfill, take, lane } = await underWay(5)
    const throttle = (): void => {
      if (hop === 'dicom') world.dicom.faults.set([{ fault: '429', retryAfterS: 0, times: 3 }])
      else world.fhir.faults.set([{ fault: '429', retryAfterMs: 1, times: 3 }])
    }
    throttle()
    expect(await take(1)).toMatchObject({ _tag: 'Settled' })
    expect(await lane()).toMatchObject({ right: { value: { settled: 1, pauseS: 15 } } })
    // Its message is there, and nobody sees it yet.
    expect(await backfill.messages()).toEqual([])
    expect(await backfill.status()).toMatchObject({ lanesAtWork: 1, lanesWaiting: 1 })
    throttle()
    expect(await take(2)).toMatchObject({ _tag: 'Settled' })
    expect(await lane()).toMatchObject({ right: { value: { settled: 2, pauseS: 30 } } })
    expect(await take(3)).toMatchObject({ _tag: 'Settled' })
    expect(await lane()).toMatchObject({ right: { value: { settled: 3, pauseS: 15 } } })
    expect(await take(4)).toMatchObject({ _tag: 'Settled' })
    expect(await lane()).toMatchObject({ right: { value: { settled: 4, pauseS: 0 } } })
    expect(await backfill.messages()).toMatchObject([{ lane: 0, part: 5 }])
    expect(await backfill.status()).toMatchObject({ lanesAtWork: 1, lanesWaiting: 0 })
  })
})

it('a lane that is asked for less once or twice goes on', async () => {
  const { world, backfill, take } = await underWay(2)
  world.dicom.faults.set([{ fault: '429', retryAfterS: 0, times: 2 }])
  expect(await take(1)).toMatchObject({ _tag: 'Settled' })
  expect(await backfill.messages()).toMatchObject([{ lane: 0, part: 2 }])
})
