import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import type { BackfillQueue } from '../../lib/app/ports-backfill'
import { castSettings } from '../../lib/composition/cast-settings'
import { connect } from '../../lib/composition/connect'
import { readSettings } from '../../lib/config/read-settings'
import { handle } from '../support/world/backfill-process'
import { type BackfillWorld, backfillIn, fill, listed } from '../support/world/backfill-world'
import { useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

/** One lane with as many parts as there are studies; what a worker sends is kept here, with its delay. */
const underWay = async (studies: number) => {
  const world = await newWorld({ settings: { DicomCast__HoleAge: '00:00:01' } })
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
  const read = readSettings(world.environment())
  if (E.isLeft(read)) throw new Error(read.left.join())
  const sent: Array<Parameters<BackfillQueue['send']>> = []
  const backfillQueue: BackfillQueue = {
    open: () => TE.right(undefined),
    send: (...message) => TE.fromIO(() => void sent.push(message)),
    receive: () => TE.left({ _tag: 'ArgumentRefused' }),
  }
  const ports = {
    ...{ ...connect(read.right, { log: () => undefined, runId: 'run', until: Infinity }), backfillQueue },
    random: { fraction: () => 0.5, uuid: () => crypto.randomUUID() },
  }
  const take = async (number: number) => {
    const worked = await handle(ports, castSettings(read.right, 0), { backfillId: id, lane: 0, part: number })
    expect(worked).toMatchObject({ right: { _tag: 'Settled' } })
    return sent.splice(0).map(([message, delayS]) => [message.part, delayS])
  }
  return { world, take, lane: () => backfill.store.lane(id, 0)() }
}

describe.each(['dicom', 'fhir'] as const)('where %s asks for less all the while', (hop) => {
  it('a lane waits before its next part, keeps until when, and comes back', async () => {
    const { world, take, lane } = await underWay(5)
    const throttle = (): void => {
      if (hop === 'dicom') world.dicom.faults.set([{ fault: '429', retryAfterS: 0, times: 3 }])
      else world.fhir.faults.set([{ fault: '429', retryAfterMs: 1, times: 3 }])
    }
    throttle()
    const before = Date.now()
    expect(await take(1)).toEqual([[2, 15]])
    const { right } = (await lane()) as { right: { value: { dueAt: number } } }
    expect(right.value.dueAt).toBeGreaterThanOrEqual(before + 15_000)
    throttle()
    expect(await take(2)).toEqual([[3, 30]])
    expect(await take(3)).toEqual([[4, 15]])
    expect(await take(4)).toEqual([[5, 0]])
    expect(await lane()).toMatchObject({ right: { value: { settled: 4, pauseS: 0 } } })
  })
})

it('a lane that is asked for less once or twice goes on', async () => {
  const { world, take } = await underWay(2)
  world.dicom.faults.set([{ fault: '429', retryAfterS: 0, times: 2 }])
  expect(await take(1)).toEqual([[2, 0]])
})
