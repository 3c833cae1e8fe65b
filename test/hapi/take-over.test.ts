import { randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import type { ImagingStudy, Patient } from 'fhir/r4'
import { idsOf } from '../support/fhir/fhir-session'
import { uniqueUid } from '../support/fhir/fhir-samples'
import type { Overrides } from '../support/world/cast-world'
import { created, deleted } from '../support/world/cast-images'
import { type HapiWorld, useHapiWorld } from './hapi-world'

// An account of the original DICOMcast on a server that is not ours: T2 to T5. T1 stands in dose.test.ts (D6). HAPI refuses what is not
// valid: the modality's system, and an issuer that is no URI, are written as it takes them.

const newWorld = useHapiWorld()
const connectionType = {
  system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
  code: 'dicom-wado-rs',
}

interface Account {
  readonly world: HapiWorld
  readonly study: string
  readonly patientId: string
  /** As the original looks the Patient up. */
  readonly system: string
  readonly ids: Readonly<Record<'Endpoint' | 'Patient' | 'ImagingStudy', string>>
}

/** One study of one image, and an Observation of it that no report gives a reason for. */
const accountOf = async (settings: Overrides = {}, system = ''): Promise<Account> => {
  const world = await newWorld(settings)
  const { session, dicom } = world
  const [study, patientId, address] = [uniqueUid(), randomUUID().toUpperCase(), `${dicom.url}/`]
  const Endpoint = await session.created({
    ...{ resourceType: 'Endpoint', status: 'active', connectionType, name: `DICOM WADO-RS endpoint ${address}` },
    ...{ payloadType: [{ text: 'DICOM WADO-RS' }], payloadMimeType: ['application/dicom'], address },
  })
  const Patient = await session.created({
    resourceType: 'Patient',
    identifier: [{ ...(system === '' ? {} : { system }), value: patientId }],
    ...{ name: [{ use: 'usual', family: 'Rivera', given: ['Anna'] }], gender: 'other', birthDate: '1970-01-02' },
  })
  const subject = { reference: `Patient/${Patient}` }
  const identifier = [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }]
  const instance = { uid: `${study}.1.1`, sopClass: { code: '1.2.840.10008.5.1.4.1.1.2' }, number: 1 }
  const ImagingStudy = await session.created({
    ...{ resourceType: 'ImagingStudy', meta: { source: address }, identifier, status: 'available', subject },
    endpoint: [{ reference: `Endpoint/${Endpoint}` }],
    series: [
      {
        uid: `${study}.1`,
        number: 1,
        modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'CT' },
        instance: [instance],
      },
    ],
  })
  await session.created({
    ...{ resourceType: 'Observation', status: 'preliminary', subject, identifier },
    ...{ code: { coding: [{ system: 'http://loinc.org', code: '73569-6' }] } },
    partOf: [{ reference: `ImagingStudy/${ImagingStudy}` }],
  })
  world.dicom.control.append(created({ study, patientId }))
  await world.writeSyncState({ SyncedSequence: 1n })
  return { world, study, patientId, system, ids: { Endpoint, Patient, ImagingStudy } }
}

/** The three look-ups of the original find exactly what it wrote, and the Endpoint has its own address. */
const expectFound = async ({ world, study, patientId, system, ids }: Account): Promise<void> => {
  const { session, dicom } = world
  const kind = `${connectionType.system}|${connectionType.code}`
  const endpoint = await session.search('Endpoint', {
    ...{ name: `DICOM WADO-RS endpoint ${dicom.url}/`, 'connection-type': kind },
  })
  const patients = await session.search('Patient', { identifier: `${system}|${patientId}` })
  const studies = await session.search('ImagingStudy', { identifier: `urn:dicom:uid|urn:oid:${study}` })
  expect([endpoint, patients, studies].map(idsOf)).toEqual([[ids.Endpoint], [ids.Patient], [ids.ImagingStudy]])
  expect((await session.get(`/Endpoint/${ids.Endpoint}`)).body.address).toBe(`${dicom.url}/`)
}

const issuers = { Patient__IsIssuerIdUsed: 'true', Patient__IssuerSystems: '{"urn:example:hospa":"urn:oid:1.2.3.5"}' }

it.each<readonly [string, Overrides, string, Readonly<Record<string, unknown>>]>([
  ['without system', {}, '', {}],
  ['with an issuer (T4)', issuers, 'urn:example:hospa', { '00100021': { vr: 'LO', Value: ['urn:example:hospa'] } }],
])(
  'T3, T5: a Patient %s follows the feed, and the original finds all it wrote',
  async (_, settings, system, elements) => {
    const account = await accountOf(settings, system)
    const { world, study, patientId, ids } = account
    world.dicom.control.append(
      created({ study, instance: 2, patientId, elements: { ...elements, '00080020': undefined } }),
    )
    world.dicom.control.append(created({ study: uniqueUid(), patientId, elements }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, failed: {} })
    await expectFound(account)
    const patient = (await world.session.get(`/Patient/${ids.Patient}`)).body as Patient
    expect([patient.name?.[0]?.given, patient.gender, patient.identifier?.length]).toEqual([['Ana'], 'female', 2])
    const imaging = (await world.session.get(`/ImagingStudy/${ids.ImagingStudy}`)).body as ImagingStudy
    expect([imaging.numberOfInstances, imaging.subject.reference]).toEqual([2, `Patient/${ids.Patient}`])
  },
)

it('T2: its Observations go with the study', async () => {
  const { world, study, ids } = await accountOf()
  world.dicom.control.append(deleted({ study }))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect(idsOf(await world.session.search('Observation', { subject: `Patient/${ids.Patient}` }))).toEqual([])
  expect((await world.session.get(`/ImagingStudy/${ids.ImagingStudy}`)).status).toBe(410)
})
