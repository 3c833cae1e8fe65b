import { expect, it } from '@jest/globals'
import { held, sole } from '../support/fhir/cast-fhir'
import { created, updated } from '../support/world/cast-images'
import { dicomcast } from '../support/world/command-line'
import { observations, replayed } from '../support/world/dose-world'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'
import { accountReport, reportOfAccount, seedAccount } from '../support/world/original-account'

const newWorld = useOperateWorld()
const repair = ({ environment }: OperateWorld) => dicomcast(environment(), 'verify', '--all', '--repair')
const runsOf = async (world: OperateWorld) => (await world.call('GET', 'status')).json['runs']

const writers: ReadonlyArray<readonly [string, (world: OperateWorld) => Promise<unknown>]> = [
  ['cast', (world) => replayed(world)],
  ['resync', (world) => world.call('POST', 'resync', { study: accountReport.study })],
  ['verify --all --repair', repair],
]

it.each(writers)('T7: whose a study of the original is, %s answers as the others do', async (_, write) => {
  const world = await newWorld()
  seedAccount(world)
  const other = { name: [{ use: 'usual', family: 'Z', given: ['Zoe'] }], gender: 'female', birthDate: '1950-01-01' }
  world.fhir.seed({ ...sole(world, 'Patient'), ...other } as never)
  world.dicom.control.append(reportOfAccount())
  await world.writeSyncState({ SyncedSequence: 1n })
  await world.cast()
  expect((await world.call('GET', `verify?study=${accountReport.study}`)).json).toMatchObject({
    ...{ inStep: false, notCast: { DemographicsConflict: 1 }, unrecorded: 1 },
  })
  await write(world)
  const expectTold = async (): Promise<void> => {
    expect(Object.values(await world.failed())).toEqual([[expect.stringMatching(/ DemographicsConflict$/)]])
    expect([held(world, 'ImagingStudy'), observations(world)]).toEqual([[], []])
    expect(sole(world, 'Patient')).toMatchObject(other)
  }
  await expectTold()
  for (const [, again] of writers) {
    await again(world)
    await expectTold()
  }
  expect(await repair(world)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 with images in a fail table'),
  })
})

it('T7: a study whose Patient another one has corrected since is in step, and stays as it is', async () => {
  const world = await newWorld()
  const corrected = { study: '1.2.2', name: 'Berg^Ole', birthDate: '19510607', sex: 'M' }
  world.dicom.control.append(created({ study: '1.2.1' }), created({ study: '1.2.2' }))
  await world.cast()
  world.dicom.control.append(updated(corrected))
  await world.cast()
  expect(sole(world, 'Patient')).toMatchObject({ gender: 'male', birthDate: '1951-06-07' })
  const before = world.fhir.store.all()
  expect((await world.call('GET', 'verify?study=1.2.1')).json).toMatchObject({ inStep: true, notCast: {} })
  expect((await world.call('POST', 'resync', { study: '1.2.1' })).json).toMatchObject({ unchanged: 1, notCast: {} })
  expect((await repair(world)).stdout).toContain('2 studies compared: all in step')
  const basics = ({ resourceType }: { readonly resourceType: string }): boolean => resourceType !== 'Basic'
  expect(world.fhir.store.all().filter(basics)).toEqual(before.filter(basics))
})

it('a repair of many studies is one line of the run history', async () => {
  const world = await newWorld()
  world.dicom.control.append(...[1, 2, 3].map((each) => created({ study: `1.2.${each}` })))
  await world.cast()
  for (const { id } of held(world, 'ImagingStudy'))
    await fetch(`${world.fhir.url}/ImagingStudy/${id}`, { method: 'DELETE' })
  expect(await repair(world)).toMatchObject({ code: 0 })
  const line = { kind: 'verify', ended: 'Done', entries: 3, stored: 3, recorded: 0 }
  expect(await runsOf(world)).toMatchObject([
    { ...line, reason: expect.stringContaining('3 repaired') },
    { kind: 'cast' },
  ])
  expect(await repair(world)).toMatchObject({ code: 0, stdout: expect.stringContaining('all in step') })
  expect(await runsOf(world)).toHaveLength(3)
})
