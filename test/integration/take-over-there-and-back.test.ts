import { expect, it } from '@jest/globals'
import { held, imagesOf, sole } from '../support/fhir/cast-fhir'
import { created, uidsOf } from '../support/world/cast-images'
import { observations } from '../support/world/dose-world'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'
import {
  accountIds,
  accountReport,
  originalAccount,
  reportOfAccount,
  seedAccount,
} from '../support/world/original-account'

const newWorld = useOperateWorld()
const oid = 'urn:oid:1.2.3.4'
const study = accountReport.study ?? ''
const image = (instance: number) =>
  created({ study, instance, patientId: 'PATY', name: 'Y^Ypsilon', birthDate: null, sex: null })

/** What it holds, in short: each resource by what the original looks up and by what is ours. */
const stateOf = (world: OperateWorld) => {
  const [endpoint, patient, imaging] = [sole(world, 'Endpoint'), sole(world, 'Patient'), sole(world, 'ImagingStudy')]
  expect([endpoint.id, patient.id, imaging.id]).toEqual([accountIds.endpoint, accountIds.patient, accountIds.study])
  const statuses = observations(world).map(({ status }) => status)
  return {
    endpoint: `${endpoint.name?.replace(world.dicom.url, '')} ${endpoint.address.replace(world.dicom.url, '')}`,
    isNamed: endpoint.identifier !== undefined,
    identifiers: (patient.identifier ?? []).map(({ system = '', value }) => `${system}|${value}`),
    isOurs: patient.meta?.tag !== undefined,
    images: Object.values(imagesOf(imaging)).flat().length,
    counted: imaging.numberOfInstances,
    description: [imaging.description, imaging.note?.[0]?.text],
    doses: statuses.sort().join(' '),
  }
}

/** Gone back: it adds an image to its study, as it finds it, and its doses of the report once more. */
const originalGoesOn = async (world: OperateWorld, sequence: number): Promise<void> => {
  const { series = [], ...rest } = sole(world, 'ImagingStudy')
  const { seriesInstanceUid: uid, sopInstanceUid } = uidsOf({ study, instance: 7 })
  const added = { uid: sopInstanceUid, sopClass: { code: '1.2.840.10008.5.1.4.1.1.2' }, number: 7 }
  const changed = series.map((each) =>
    each.uid === uid ? { ...each, instance: [...(each.instance ?? []), added] } : each,
  )
  world.fhir.seed({ ...rest, series: changed } as never)
  for (const each of originalAccount(world.dicom.url)) {
    if (each.resourceType === 'Observation') world.fhir.seed({ ...each, id: `${each.id}-back` } as never)
  }
  world.dicom.control.append(image(7))
  await world.writeSyncState({ SyncedSequence: BigInt(sequence) })
}

it('the account of the original: taken over, gone back from, taken over again, finished', async () => {
  const world = await newWorld({ settings: { Patient__PatientSystemId: oid } })
  seedAccount(world)
  world.dicom.control.append(reportOfAccount())
  await world.writeSyncState({ SyncedSequence: 1n })
  const note = 'Specials^PhysicsTesting (Adult)'
  const itsOwn = { endpoint: 'DICOM WADO-RS endpoint / /', isNamed: false, identifiers: ['|PATY'], isOurs: false }
  const left = { ...itsOwn, images: 1, counted: undefined, description: [undefined, note] }
  const four = (status: string): string => Array.from({ length: 4 }, () => status).join(' ')
  expect(stateOf(world)).toEqual({ ...left, doses: four('preliminary') })

  // Taken over: an image of its study comes, which is no report.
  world.dicom.control.append(image(1))
  expect(await world.cast()).toMatchObject({ from: 1, stored: 1, failed: {} })
  const both = ['|PATY', `${oid}|PATY`]
  const ours = { ...itsOwn, isNamed: true, identifiers: both, isOurs: true, description: [undefined, note] }
  expect(stateOf(world)).toEqual({ ...ours, images: 2, counted: 2, doses: four('preliminary') })

  // Gone back: it leaves the counts as they were, and doubles its doses.
  await originalGoesOn(world, 3)
  expect(stateOf(world)).toEqual({
    ...ours,
    images: 3,
    counted: 2,
    doses: `${four('preliminary')} ${four('preliminary')}`,
  })

  // Taken over again: with the report one set of doses is left.
  world.dicom.control.append(image(8), reportOfAccount('update'))
  expect(await world.cast()).toMatchObject({ from: 3, stored: 2, failed: {} })
  const described = { ...ours, description: [note, note] }
  expect(stateOf(world)).toEqual({ ...described, images: 4, counted: 4, doses: four('final') })

  // Finished.
  expect((await world.call('POST', 'take-over', { finish: true })).json).toMatchObject({ finished: true, left: [] })
  const today = { endpoint: 'DICOM WADO-RS endpoint /v2 /v2', identifiers: [`${oid}|PATY`] }
  expect(stateOf(world)).toEqual({ ...described, ...today, images: 4, counted: 4, doses: four('final') })
  expect((await world.call('GET', `verify?study=${study}`)).json).toMatchObject({ inStep: true })
  expect((await world.call('POST', 'resync', { study })).json).toMatchObject({ notCast: {} })
  expect([held(world, 'ImagingStudy').length, observations(world).length]).toEqual([1, 4])
})
