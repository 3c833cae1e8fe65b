import { TableClient } from '@azure/data-tables'
import { describe, expect, it } from '@jest/globals'
import { makeGateTable } from '../../lib/adapters/storage/gate-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import {
  type BackfillWorld,
  backfillIn,
  endStateOf,
  expectNoneTwice,
  fill,
  listed,
  useCastElsewhere,
} from '../support/world/backfill-world'
import { created } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

// Somebody deletes the row that keeps the feed out, as an older version says, or writes it over.

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

const gateOf = (world: CastWorld) => {
  const { AzureWebJobsStorage: connectionString = '', TableStore__TableNamePrefix: prefix = '' } = world.environment()
  const rows = TableClient.fromConnectionString(connectionString, `${prefix}GateTable`, {
    allowInsecureConnection: true,
  })
  const gate = makeGateTable(makeStorageAccount({ connectionString }), prefix)
  const state = async () => {
    const read = await gate.read()()
    return read._tag === 'Right' && read.right._tag === 'Some' ? read.right.value.state : 'none'
  }
  return {
    state,
    drop: async () => void (await rows.deleteEntity('Gate', 'Gate')),
    pause: async () => {
      await gate.write({ state: 'paused', by: 'bob', since: 1 }, undefined)()
      expect(await state()).toBe('paused')
    },
    resume: async () => {
      await rows.deleteEntity('Gate', 'Gate')
      await gate.write({ state: 'running', by: 'bob', since: 1 }, undefined)()
    },
  }
}

/** Its parts are listed, and none is worked on. */
const underWay = async () => {
  const world = await newWorld()
  fill(world, 12)
  const backfill: BackfillWorld = backfillIn(world)
  const { id } = await backfill.start({ lanes: 2 })
  await listed(backfill)
  await backfill.messages()
  return { world, backfill, gate: gateOf(world), part: { backfillId: id, lane: 0, part: 1 } }
}

const versionsOf = (world: CastWorld): ReadonlyArray<string | undefined> =>
  world.fhir.store.ofType('Basic').map((each) => (each as { meta?: { versionId?: string } }).meta?.versionId)

describe('a backfill whose gate somebody opens', () => {
  it('casts nothing until it has shut it again; what sleeps meanwhile is refused, and no lane waits for long', async () => {
    const { world, backfill, gate, part } = await underWay()
    await gate.drop()
    expect(await backfill.take(part)).toMatchObject({ _tag: 'Postponed', reason: expect.stringContaining('over') })
    world.dicom.control.append(created({ study: '1.8.1', patientId: 'P9' }))
    expect(await world.cast({}, { maxBatches: 1 })).toMatchObject({ ended: 'CaughtUp' })
    await backfill.messages()
    const before = versionsOf(world)
    await backfill.tick()
    expect(await gate.state()).toBe('backfill')
    const after = versionsOf(world)
    // The position and both lanes.
    expect(after.filter((version, at) => version !== before[at])).toHaveLength(3)
    expect(await backfill.messages()).toEqual(expect.arrayContaining([part, { ...part, lane: 1 }]))
    world.dicom.control.append(created({ study: '1.8.2', patientId: 'P9' }))
    expect(await world.cast()).toMatchObject({ ended: 'GateClosed' })
    for (const lane of [0, 1]) expect(await backfill.take({ ...part, lane })).toMatchObject({ _tag: 'Settled' })
    expect(await backfill.run()).toMatchObject({ ended: 'Done' })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp' })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })

  it('waits while the installation is paused, and goes on when that is over', async () => {
    const { world, backfill, gate, part } = await underWay()
    await gate.drop()
    await gate.pause()
    expect(await backfill.take(part)).toMatchObject({ _tag: 'Postponed', reason: expect.stringContaining('paused') })
    expect(await backfill.tick()).toMatchObject({ trouble: expect.stringContaining('paused') })
    await gate.resume()
    await backfill.tick()
    expect(await gate.state()).toBe('backfill')
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 12 } })
    expectNoneTwice(world.fhir)
  })

  it('can be cancelled, which lets the feed go on', async () => {
    const { world, backfill, gate, part } = await underWay()
    await gate.drop()
    expect(await backfill.cancel()).toMatchObject({ state: 'over', ended: 'Cancelled' })
    expect(await gate.state()).toBe('running')
    expect(await backfill.take(part)).toMatchObject({ _tag: 'Dropped' })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 36 })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
  })
})
