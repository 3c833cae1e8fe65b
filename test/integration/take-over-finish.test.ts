import { TableClient } from '@azure/data-tables'
import { describe, expect, it } from '@jest/globals'
import { held, sole } from '../support/fhir/cast-fhir'
import { dicomcast } from '../support/world/command-line'
import { created, uidsOf } from '../support/world/cast-images'
import { observations } from '../support/world/dose-world'
import { closeGate, type OperateWorld, takeLease, useOperateWorld } from '../support/world/operate-world'
import { accountIds, accountReport, reportOfAccount, seedAccount } from '../support/world/original-account'
import { originalFinds } from '../support/world/original-looks'

const newWorld = useOperateWorld()
const oid = 'urn:oid:1.2.3.4'
const [study, guid] = [accountReport.study ?? '', '3f2c9f0e-aaaa-4bbb-8ccc-0123456789ab']
const y = { study, patientId: 'PATY', name: 'Y^Ypsilon', birthDate: null, sex: null }
const mr = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] }

const leaveRow = async (world: OperateWorld, table: string, sequence: number): Promise<void> => {
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const client = TableClient.fromConnectionString(AzureWebJobsStorage, `${TableStore__TableNamePrefix}${table}`, {
    allowInsecureConnection: true,
  })
  await client.createTable()
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = uidsOf({ study: '1.2.8' })
  await client.createEntity({
    ...{ partitionKey: 'InvalidDicomTagValueException', rowKey: guid, ChangeFeedSequence: BigInt(sequence) },
    ...{ StudyUid: studyInstanceUid, SeriesUid: seriesInstanceUid, InstanceUid: sopInstanceUid, Exception: 'words' },
  })
}

/** The account of the original with a refused entry, gone on from under a system of its own, and an image since. */
const takenOver = async (): Promise<OperateWorld> => {
  const world = await newWorld({ settings: { Patient__PatientSystemId: oid } })
  seedAccount(world)
  await leaveRow(world, 'DicomFailToStoreExceptionTable', 2)
  await leaveRow(world, 'TransientRetryExceptionTable', 1)
  world.dicom.control.append(reportOfAccount(), created({ study: '1.2.8', patientId: 'P8' }))
  await world.writeSyncState({ SyncedSequence: 2n })
  world.dicom.control.append(created(y))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  return world
}

const finish = (world: OperateWorld, query = '') => world.call('POST', `take-over${query}`, { finish: true })

it('a preview counts the studies of the original whose Patients the settings do not find', async () => {
  const world = await newWorld({ settings: { Patient__PatientSystemId: oid } })
  seedAccount(world)
  const [patient] = held(world, 'Patient')
  world.fhir.seed({ ...patient, identifier: [{ system: 'urn:oid:1.2.3.9', value: 'PATY' }] } as never)
  world.dicom.control.append(created(y), created({ ...y, study: '1.2.9' }))
  const told = await world.call('POST', 'preview?fromSequence=0')
  expect(told.json).toMatchObject({ patients: { create: 1 }, repointed: { studies: 1, fromOriginal: 1, patients: 1 } })
  expect((await dicomcast(world.environment(), 'preview', '--from-sequence', '0')).stdout).toContain('made anew')
  world.fhir.seed({ ...patient } as never)
  const { json } = await world.call('POST', 'preview?fromSequence=0')
  expect([json['repointed'], json['patients']]).toMatchObject([undefined, { create: 0 }])
})

it('a preview counts the issuers of the feed that have no system, without a name', async () => {
  const settings = { Patient__IsIssuerIdUsed: 'true', Patient__IssuerSystems: JSON.stringify({ HospA: oid }) }
  const world = await newWorld({ settings })
  const issued = (issuer: string, instance: number) =>
    created({ ...y, study: '1.2.9', instance, elements: { '00100021': { vr: 'LO', Value: [issuer] } } })
  world.dicom.control.append(...['HospA', 'HospB', 'HospC', 'HospB'].map((issuer, at) => issued(issuer, at + 1)))
  const told = await world.call('POST', 'preview')
  expect(told.json).toMatchObject({ unmappedIssuers: 2, recorded: { IssuerUnknown: 3 }, patients: { create: 1 } })
  expect(JSON.stringify(told.json)).not.toContain('Hosp')
  expect((await dicomcast(world.environment(), 'preview')).stdout).toContain('Issuers   2 without a system')
})

it('status says since when it is open, and what finishing would change, until it is finished', async () => {
  const world = await takenOver()
  expect((await world.call('GET', 'status')).json).toMatchObject({
    takeOver: { since: expect.any(String), finishing: { endpoints: 1, rows: 2 } },
  })
  expect((await dicomcast(world.environment(), 'status')).stdout).toContain('take-over --finish')
  await finish(world)
  expect((await world.call('GET', 'status')).json['takeOver']).toBeUndefined()
})

it('a dry run counts what finishing would change, and changes nothing', async () => {
  const world = await takenOver()
  const before = world.fhir.store.all()
  expect((await finish(world, '?dryRun=true')).json).toEqual({
    ...{ dryRun: true, endpoints: 1, patients: 1, rows: 2, left: [], rowsLeft: 0, finished: false },
  })
  expect(world.fhir.store.all()).toEqual(before)
  expect((await originalFinds(world, { patient: '|PATY', study })).patients).toEqual([accountIds.patient])
})

it('brings Endpoint, identifiers and rows to the form of today, and has nothing to do after that', async () => {
  const world = await takenOver()
  const told = { dryRun: false, endpoints: 1, patients: 1, rows: 2, left: [], rowsLeft: 0, finished: true }
  expect((await finish(world)).json).toEqual(told)
  const address = `${world.dicom.url}/v2`
  expect(sole(world, 'Endpoint')).toMatchObject({
    ...{ id: accountIds.endpoint, address, name: `DICOM WADO-RS endpoint ${address}` },
    identifier: [{ system: 'urn:ietf:rfc:3986', value: address }],
  })
  const [patient, other] = held(world, 'Patient')
  expect([patient?.id, patient?.identifier]).toEqual([accountIds.patient, [{ type: mr, system: oid, value: 'PATY' }]])
  expect(other?.identifier).toEqual([{ type: mr, system: oid, value: 'P8' }])
  for (const table of ['DicomFailToStoreExceptionTable', 'TransientRetryExceptionTable'] as const) {
    expect(await world.rows(table)).toEqual([])
  }
  expect((await world.call('GET', 'status')).json['runs']).toMatchObject([{ kind: 'take-over', ended: 'Done' }, {}])
  const after = world.fhir.store.ofType('Patient')
  expect((await finish(world)).json).toEqual({ ...told, endpoints: 0, patients: 0, rows: 0 })
  world.dicom.control.append(created({ ...y, instance: 2 }))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect([world.fhir.store.ofType('Patient'), held(world, 'ImagingStudy').length]).toEqual([after, 2])
})

it.each([0, 1, 2])('goes on where it was ended, after %s transactions', async (skip) => {
  const world = await takenOver()
  world.fhir.faults.set([{ fault: '403', match: { interaction: 'transaction' }, skip }])
  expect((await finish(world)).status).toBe(503)
  expect(sole(world, 'Endpoint').address).toBe(`${world.dicom.url}/`)
  expect((await world.call('GET', 'status')).json).toMatchObject({ takeOver: { since: expect.any(String) } })
  world.fhir.faults.set([])
  expect((await finish(world)).json).toMatchObject({ endpoints: 1, left: [], rowsLeft: 0, finished: true })
  expect(sole(world, 'Endpoint').address).toBe(`${world.dicom.url}/v2`)
  expect(held(world, 'Patient')[0]?.identifier).toEqual([{ type: mr, system: oid, value: 'PATY' }])
  expect([await world.failed(), held(world, 'ImagingStudy').length]).toEqual([{}, 2])
})

it('another partition of the service keeps the original’s look-up as it is, and has its usual name after the end', async () => {
  const world = await takenOver()
  world.dicom.control.append(created({ ...y, study: '1.2.9', partition: 'north' }))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect(await originalFinds(world, { patient: '|PATY', study })).toMatchObject({ endpoints: [accountIds.endpoint] })
  expect((await finish(world)).json).toMatchObject({ endpoints: 2, finished: true })
  expect(held(world, 'Endpoint').map(({ name }) => name)).toEqual(
    ['', '/partitions/north'].map((path) => `DICOM WADO-RS endpoint ${world.dicom.url}/v2${path}`),
  )
})

it('is refused under another name than that of the Endpoint, and is one account with all it has after a rename', async () => {
  const world = await newWorld({ settings: { Patient__PatientSystemId: oid } })
  seedAccount(world)
  world.dicom.control.append(reportOfAccount())
  await world.writeSyncState({ SyncedSequence: 1n })
  world.dicom.control.append(created({ ...y, instance: 2 }))
  const today = { DicomWeb__Endpoint: world.dicom.url.replace('127.0.0.1', 'localhost') }
  const refused = await world.cast(today)
  expect(refused).toMatchObject({ ended: 'ConfigurationInvalid', entries: 0 })
  expect(refused.reason).toContain(`dicomcast rename-service --from ${world.dicom.url}`)
  expect((await dicomcast(world.environment(today), 'preview')).stderr).toContain('rename-service')
  expect((await dicomcast(world.environment(today), 'rename-service', '--from', world.dicom.url)).code).toBe(0)
  expect(await world.cast(today)).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect([held(world, 'Patient').length, sole(world, 'ImagingStudy').numberOfInstances]).toEqual([1, 2])
})

it('is open still when the service got another name before anything was cast', async () => {
  const world = await newWorld({ settings: { Patient__PatientSystemId: oid } })
  seedAccount(world)
  const today = world.environment({ DicomWeb__Endpoint: world.dicom.url.replace('127.0.0.1', 'localhost') })
  expect((await dicomcast(today, 'rename-service', '--from', world.dicom.url)).code).toBe(0)
  expect(sole(world, 'Endpoint').address).toBe(`${today['DicomWeb__Endpoint']}/v2`)
  const { code, stdout } = await dicomcast(today, 'take-over', '--finish', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ endpoints: 0, patients: 1, finished: true })
  expect(held(world, 'Patient')[0]?.identifier).toEqual([{ type: mr, system: oid, value: 'PATY' }])
})

describe('it changes nothing', () => {
  it('while another run holds the lease, or the installation is paused', async () => {
    const world = await takenOver()
    const release = await takeLease(world)
    expect(await finish(world)).toMatchObject({ status: 409, json: { code: 'LeaseHeld' } })
    await release()
    await closeGate(world)
    expect(await finish(world)).toMatchObject({ json: { code: 'GateClosed' } })
    expect(sole(world, 'Endpoint').address).toBe(`${world.dicom.url}/`)
  })

  it('in a Patient whose identifier another one has by now, and says so', async () => {
    const world = await newWorld({ settings: { Patient__PatientSystemId: oid } })
    seedAccount(world)
    world.fhir.seed({ resourceType: 'Patient', id: 'ehr', identifier: [{ system: oid, value: 'PATY' }] })
    world.dicom.control.append(reportOfAccount())
    await world.writeSyncState({ SyncedSequence: 1n })
    expect((await finish(world)).json).toMatchObject({
      ...{ patients: 0, finished: true },
      left: [{ patient: accountIds.patient, reason: 'another Patient has the identifier' }],
    })
    expect(held(world, 'Patient')[0]?.identifier).toEqual([{ value: 'PATY' }])
  })

  it('without being told what for', async () => {
    const world = await takenOver()
    expect(await world.call('POST', 'take-over', {})).toMatchObject({ status: 400 })
    expect((await dicomcast(world.environment(), 'take-over')).code).toBe(2)
  })
})

it('the account of the original, taken over, gone back from, taken over again, finished', async () => {
  const world = await takenOver()
  const found = { endpoints: [accountIds.endpoint], address: `${world.dicom.url}/`, patients: [accountIds.patient] }
  const looks = () => originalFinds(world, { patient: '|PATY', study })
  expect(await looks()).toEqual({ ...found, studies: [accountIds.study] })
  // The original: an image in its study, whose note and modality it writes in its own form, and the checkpoint.
  const [{ series = [], ...rest } = {}] = held(world, 'ImagingStudy')
  const instance = { uid: `${study}.1.7`, sopClass: { code: '1.2.840.10008.5.1.4.1.1.2' }, number: 7 }
  const itsSeries = series.map((each) =>
    each.uid === `${study}.1` ? { ...each, instance: [...(each.instance ?? []), instance] } : each,
  )
  world.fhir.seed({ ...rest, series: itsSeries } as never)
  world.dicom.control.append(created({ ...y, instance: 7 }))
  await world.writeSyncState({ SyncedSequence: 4n })
  world.dicom.control.append(created({ ...y, instance: 8 }))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 4, stored: 1, failed: {} })
  expect(await looks()).toEqual({ ...found, studies: [accountIds.study] })
  expect(sole(world, 'ImagingStudy')).toMatchObject({ id: accountIds.study, numberOfInstances: 4 })
  expect((await finish(world)).json).toMatchObject({ endpoints: 1, patients: 1, finished: true })
  expect((await world.call('POST', 'resync', { study })).json).toMatchObject({ notCast: {} })
  expect([held(world, 'ImagingStudy').length, observations(world).length]).toEqual([2, 4])
  expect((await world.call('GET', `verify?study=${study}`)).json).toMatchObject({ inStep: true })
})
