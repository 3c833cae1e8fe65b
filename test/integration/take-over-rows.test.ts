import { TableClient } from '@azure/data-tables'
import { expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { created, deleted, uidsOf } from '../support/world/cast-images'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const table = 'DicomFailToStoreExceptionTable'
const guid = (number: number): string => `3f2c9f0e-aaaa-4bbb-8ccc-00000000000${number}`
const secret = 'SECRET^Ana'

/** The original has refused entries 1 and 2, the second one twice, and is behind entry 3. */
const withRows = async (): Promise<OperateWorld> => {
  const world = await newWorld()
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const client = TableClient.fromConnectionString(AzureWebJobsStorage, `${TableStore__TableNamePrefix}${table}`, {
    allowInsecureConnection: true,
  })
  await client.createTable()
  for (const [number, sequence] of [1, 2, 2].entries()) {
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = uidsOf({ study: `1.2.${sequence}` })
    await client.createEntity({
      ...{ partitionKey: 'InvalidDicomTagValueException', rowKey: guid(number), StudyUid: studyInstanceUid },
      ...{ SeriesUid: seriesInstanceUid, InstanceUid: sopInstanceUid, ChangeFeedSequence: BigInt(sequence) },
      Exception: `Microsoft.Health.DicomCast.Core: ${secret} is no PersonName\n   at Microsoft.Health`,
    })
  }
  world.dicom.control.append(...[1, 2, 3].map((each) => created({ study: `1.2.${each}` })))
  await world.writeSyncState({ SyncedSequence: 3n })
  return world
}

const listed = async (world: OperateWorld): Promise<ReadonlyArray<unknown>> => {
  const { json } = await world.call('GET', `failures/${table}`)
  return (json['rows'] as ReadonlyArray<Record<string, unknown>>).map(({ code, sequence }) => [code, sequence])
}

it('T6: rows of the original are listed and counted, without what they say', async () => {
  const world = await withRows()
  const type = 'InvalidDicomTagValueException'
  expect(await listed(world)).toEqual([
    [type, 1],
    [type, 2],
    [type, 2],
  ])
  expect((await world.call('GET', `failures/${table}/${guid(0)}`)).json).toMatchObject({ row: guid(0), sequence: 1 })
  const status = await world.call('GET', 'status')
  expect(status.json).toMatchObject({ state: 'behind', failures: { [table]: { rows: 3, codes: { [type]: 3 } } } })
  const answers = [status, await world.call('GET', `failures/${table}`)]
  expect(JSON.stringify(answers) + world.logged.join('')).not.toContain(secret)
})

it('T6: they are replayed, by table or by row, and go: one of an entry takes all of that entry', async () => {
  const world = await withRows()
  expect((await world.call('POST', 'replay', { rows: [{ table, row: guid(1) }] })).json).toMatchObject({
    ...{ selected: 1, left: 0, counts: { Stored: 1 } },
    replayed: [{ table, row: guid(1), sequence: 2, outcome: 'Stored' }],
  })
  expect(await listed(world)).toEqual([['InvalidDicomTagValueException', 1]])
  expect((await world.call('POST', 'replay', { table })).json).toMatchObject({ selected: 1, left: 0 })
  expect(await listed(world)).toEqual([])
  expect(held(world, 'ImagingStudy')).toHaveLength(2)
})

it('T6: one that fails again has our row in its place', async () => {
  const world = await withRows()
  world.dicom.control.append(created({ study: '1.2.4', patientId: null }))
  world.dicom.control.append(deleted({ study: '1.2.1' }))
  await world.cast()
  expect(await listed(world)).toEqual([
    ['TagsRejected', 4],
    ['InvalidDicomTagValueException', 2],
    ['InvalidDicomTagValueException', 2],
  ])
  const replayed = await world.call('POST', 'replay', { table })
  expect(replayed.json).toMatchObject({ selected: 2, left: 0, counts: { Stored: 1, Recorded: 1 } })
  expect(await listed(world)).toEqual([['TagsRejected', 4]])
})

it('T6: they go when their study is resynced, and when their entry is cast from the start', async () => {
  const world = await withRows()
  await world.call('POST', 'resync', { study: '1.2.1' })
  expect(await listed(world)).toHaveLength(2)
  await world.writeSyncState({ SyncedSequence: 0n })
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', failed: {} })
  expect(await listed(world)).toEqual([])
})
