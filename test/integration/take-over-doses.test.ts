import { expect, it } from '@jest/globals'
import { held, sole } from '../support/fhir/cast-fhir'
import { dicomcast } from '../support/world/command-line'
import { observations, replayed } from '../support/world/dose-world'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'
import {
  accountIds,
  accountReport,
  deletionOfAccount,
  reportOfAccount,
  seedAccount,
} from '../support/world/original-account'
import { created } from '../support/world/cast-images'

const newWorld = useOperateWorld()

/** The account, gone on from; a restart of the original has left each Observation twice. */
const takenOver = async (): Promise<OperateWorld> => {
  const world = await newWorld()
  seedAccount(world)
  for (const each of observations(world)) world.fhir.seed({ ...each, id: `${each.id}-again` } as never)
  world.dicom.control.append(reportOfAccount())
  await world.writeSyncState({ SyncedSequence: 1n })
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0 })
  expect(observations(world)).toHaveLength(8)
  return world
}

const writers: ReadonlyArray<readonly [string, (world: OperateWorld) => Promise<unknown>]> = [
  ['cast from the start', (world) => replayed(world)],
  [
    'an Update of the report',
    (world) => {
      world.dicom.control.append(reportOfAccount('update'))
      return world.cast()
    },
  ],
  ['verify --all --repair', (world) => dicomcast(world.environment(), 'verify', '--all', '--repair')],
  ['resync', (world) => world.call('POST', 'resync', { study: accountReport.study })],
]

it.each(writers)('T1: there is one set of doses after %s, and it stays one', async (_, write) => {
  const world = await takenOver()
  await write(world)
  expect(await world.failed()).toEqual({})
  const study = { reference: `ImagingStudy/${accountIds.study}` }
  expect(observations(world).map(({ status, partOf, subject }) => [status, partOf, subject])).toEqual(
    [1, 2, 3, 4].map(() => ['final', [study], { reference: `Patient/${accountIds.patient}` }]),
  )
  const before = world.fhir.store.all()
  expect(await replayed(world)).toMatchObject({ ended: 'CaughtUp', failed: {} })
  expect(observations(world)).toEqual(before.filter(({ resourceType }) => resourceType === 'Observation'))
  expect((await world.call('GET', `verify?study=${accountReport.study}`)).json).toMatchObject({ inStep: true })
})

it.each(writers)('T2: none is left when the study is deleted after %s', async (_, write) => {
  const world = await takenOver()
  await write(world)
  world.dicom.control.append(deletionOfAccount())
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', failed: {} })
  expect([held(world, 'ImagingStudy'), observations(world)]).toEqual([[], []])
})

it('T2: none is left when the study is deleted before anything else of it came', async () => {
  const world = await takenOver()
  world.dicom.control.append(deletionOfAccount())
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect([held(world, 'ImagingStudy'), observations(world)]).toEqual([[], []])
})

it('all are there while an image of the study comes or goes that is no report', async () => {
  const world = await takenOver()
  const before = observations(world)
  const image = { study: accountReport.study ?? '', patientId: 'PATY', name: 'Y^Ypsilon', birthDate: null, sex: null }
  world.dicom.control.append(created(image))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect(sole(world, 'ImagingStudy')).toMatchObject({ id: accountIds.study, numberOfInstances: 2 })
  expect(observations(world)).toEqual(before)
})
