import { describe, expect, it } from '@jest/globals'
import { held, sole } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const table = 'FhirFailToStoreExceptionTable'
const ana = { patientId: 'P1', name: 'Rivera^Ana', birthDate: '19700102', sex: 'F' }
const married = { patientId: 'P1', name: 'Stone^Ana', birthDate: '19700201', sex: 'F' }
const stranger = { patientId: 'P1', name: 'Berg^Ole', birthDate: '19510607', sex: 'M' }

/** Two people under the PatientID of a third: one is the same person, married, the other a stranger. */
const withConflicts = async (): Promise<{ world: OperateWorld; patient: string }> => {
  const world = await newWorld()
  world.dicom.control.append(created({ study: '1.2.1', ...ana }))
  await world.cast()
  world.dicom.control.append(created({ study: '1.2.2', ...married }), created({ study: '1.2.3', ...stranger }))
  await world.cast()
  expect(await world.failed()).toEqual({ [table]: ['2 DemographicsConflict', '3 DemographicsConflict'] })
  return { world, patient: sole(world, 'Patient').id ?? '' }
}

const studies = (world: OperateWorld) =>
  held(world, 'ImagingStudy').map(
    ({ identifier }) => identifier?.find(({ system }) => system === 'urn:dicom:uid')?.value,
  )

describe('POST /api/accept', () => {
  it('lets nobody through whom another Patient, or another identifier, is named for', async () => {
    const { world, patient } = await withConflicts()
    expect(await world.call('POST', 'accept', { patient: 'nobody', identifier: '|P1' })).toMatchObject({ status: 404 })
    expect(await world.call('POST', 'accept', { patient, identifier: '|P2' })).toMatchObject({ status: 422 })
    expect(await world.call('POST', 'accept', { patient, identifier: 'P1' })).toMatchObject({ status: 400 })
    expect(studies(world)).toEqual(['urn:oid:1.2.1'])
  })

  it('as a dry run tells what would be cast, and writes nothing', async () => {
    const { world, patient } = await withConflicts()
    const before = world.fhir.store.all()
    expect(await world.call('POST', 'accept?dryRun=true', { patient, identifier: '|P1' })).toMatchObject({
      status: 200,
      json: { patient: `Patient/${patient}`, accepted: 2, replay: { dryRun: true, counts: { Stored: 2 } } },
    })
    expect(world.fhir.store.all()).toEqual(before)
    expect(await world.call('POST', 'replay', { table })).toMatchObject({ json: { counts: { Recorded: 2 } } })
  })

  it('holds for all that say the same of the person, and for nobody who comes later under the identifier', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.1', ...ana }))
    await world.cast()
    world.dicom.control.append(created({ study: '1.2.2', ...married }))
    await world.cast()
    const patient = sole(world, 'Patient').id ?? ''
    expect(await world.call('POST', 'accept', { patient: `Patient/${patient}`, identifier: '|P1' })).toMatchObject({
      status: 200,
      json: { accepted: 1, replay: { counts: { Stored: 1 } } },
    })
    expect(await world.failed()).toEqual({})
    world.dicom.control.append(
      created({ study: '1.2.2', instance: 2, ...married }),
      created({ study: '1.2.3', ...stranger }),
    )
    await world.cast()
    expect(studies(world)).toEqual(['urn:oid:1.2.1', 'urn:oid:1.2.2'])
    expect(await world.failed()).toEqual({ [table]: ['4 DemographicsConflict'] })
    expect(await world.call('GET', 'verify?study=1.2.2')).toMatchObject({ status: 200, json: { inStep: true } })
    expect((await world.call('GET', 'status')).json['runs']).toMatchObject([
      { kind: 'cast' },
      { kind: 'accept', ended: 'Done', stored: 1 },
      { kind: 'cast' },
      { kind: 'cast' },
    ])
  })
})
