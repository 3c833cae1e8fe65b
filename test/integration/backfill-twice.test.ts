import { QueueClient } from '@azure/storage-queue'
import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { BackfillPorts } from '../../lib/app/ports-backfill-store'
import { castSettings } from '../../lib/composition/cast-settings'
import { takeMessage } from '../../lib/composition/backfill'
import { connect } from '../../lib/composition/connect'
import { readSettings } from '../../lib/config/read-settings'
import { backfillQueueName } from '../../lib/domain/queue-name'
import { handle, newQueue } from '../support/world/backfill-process'
import {
  backfillIn,
  endStateOf,
  expectNoneTwice,
  fill,
  listed,
  useCastElsewhere,
} from '../support/world/backfill-world'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import { takeLease } from '../support/world/operate-world'

// Two messages of one part, and a worker for each.

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

const there = <A>(read: E.Either<unknown, O.Option<A>>): A => {
  if (E.isLeft(read) || O.isNone(read.right)) throw new Error('there is no such row')
  return read.right.value
}

const gate = () => {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

/** Its parts are listed, a lane's first one is on the queue, and workers are handed messages one by one. */
const underWay = async () => {
  const world: CastWorld = await newWorld({ settings: { DicomCast__HoleAge: '00:00:01' } })
  fill(world, 6)
  const backfill = backfillIn(world)
  const { id } = await backfill.start({ lanes: 1 })
  await listed(backfill)
  await backfill.messages()
  const read = readSettings(world.environment())
  if (E.isLeft(read)) throw new Error(read.left.join())
  const { queue, take } = newQueue()
  const ports = (): BackfillPorts => ({
    ...connect(read.right, { log: () => undefined, runId: 'run', until: Infinity }),
    backfillQueue: queue,
  })
  const message = { backfillId: id, lane: 0, part: 1 }
  return { world, backfill, ports, take, message, settings: castSettings(read.right, 0) }
}

describe('a second message of a part that is at work', () => {
  it('delays nothing: whoever has the lane goes on, though the other one has touched the part since', async () => {
    const { world, backfill, ports, take, message, settings } = await underWay()
    const [casts, touched, goesOn, isDone] = [gate(), gate(), gate(), gate()]
    const [first, second] = [ports(), ports()]
    const slow: BackfillPorts = {
      ...first,
      fhir: {
        ...first.fhir,
        transact:
          (...given) =>
          async () => {
            casts.open()
            await goesOn.opened
            return first.fhir.transact(...given)()
          },
      },
    }
    const other: BackfillPorts = {
      ...second,
      backfills: {
        ...second.backfills,
        writePart:
          (...given) =>
          async () => {
            const written = await second.backfills.writePart(...given)()
            touched.open()
            return written
          },
      },
      dicom: {
        ...second.dicom,
        study:
          (...given) =>
          async () => {
            await isDone.opened
            return second.dicom.study(...given)()
          },
      },
    }
    const one = handle(slow, settings, message)
    await casts.opened
    const two = handle(other, settings, message)
    await touched.opened
    goesOn.open()
    expect(await one).toMatchObject({ right: { _tag: 'Settled', part: { counts: { studies: 6, images: 18 } } } })
    isDone.open()
    expect(await two).toMatchObject({ right: { _tag: 'Dropped' } })
    // The lane is through, and somebody is told so.
    expect(take()).toEqual({ backfillId: message.backfillId })
    expect(take()).toBeUndefined()
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 6, images: 18 } })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })

  it('that comes when the part is settled and counted sends nothing more', async () => {
    const { ports, take, message, settings } = await underWay()
    expect(await handle(ports(), settings, message)).toMatchObject({ right: { _tag: 'Settled' } })
    expect([take(), take()]).toEqual([{ backfillId: message.backfillId }, undefined])
    expect(await handle(ports(), settings, message)).toMatchObject({ right: { _tag: 'Dropped' } })
    expect(take()).toBeUndefined()
  })

  it('whose worker died before the lane’s next part was sent sends that', async () => {
    const { ports, take, message, settings, backfill } = await underWay()
    const { backfillId: id } = message
    const { etag, ...part } = there(await backfill.store.part(id, 0, 1)())
    await backfill.store.writePart(id, { ...part, isSettled: true }, etag)()
    await backfill.store.writePart(id, { ...part, part: 2 }, undefined)()
    expect(await handle(ports(), settings, message)).toMatchObject({ right: { _tag: 'Dropped' } })
    expect([take(), take()]).toEqual([{ ...message, part: 2 }, undefined])
  })
})

it('a part that was sent and waits for a worker is not sent again by the timer, however long ago it was listed', async () => {
  const { ports, take, message, settings, backfill } = await underWay()
  const { backfillId: id } = message
  const { etag: _, ...part } = there(await backfill.store.part(id, 0, 1)())
  await backfill.store.writePart(id, { ...part, part: 2, touchedAt: 0 }, undefined)()
  const { etag, ...whole } = there(await backfill.store.read()())
  await backfill.store.write({ ...whole, parts: [2] }, etag)()
  expect(await handle(ports(), settings, message)).toMatchObject({ right: { _tag: 'Settled' } })
  expect([take(), take()]).toEqual([{ ...message, part: 2 }, undefined])
  await handle(ports(), settings, { backfillId: id })
  expect(take()).toBeUndefined()
})

it('a message of the whole that comes again is not copied while somebody else takes the backfill further', async () => {
  const { world, backfill, message } = await underWay()
  const { backfillId } = message
  const giveBack = await takeLease(world)
  const taken = async (comesAgain: boolean): Promise<unknown> =>
    takeMessage(backfill.operator(), { backfillId }, { comesAgain })
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const queue = new QueueClient(AzureWebJobsStorage, backfillQueueName(TableStore__TableNamePrefix))
  // What is to be seen later is counted, too.
  const count = async () => (await queue.getProperties()).approximateMessagesCount ?? 0
  const before = await count()
  expect([await taken(true), await count()]).toEqual([{ _tag: 'Right', right: { _tag: 'Busy' } }, before])
  expect([await taken(false), await count()]).toEqual([{ _tag: 'Right', right: { _tag: 'Busy' } }, before + 1])
  await giveBack()
})
