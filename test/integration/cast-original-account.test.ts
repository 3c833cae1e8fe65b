import { describe, expect, it } from '@jest/globals'
import { ourTag } from '../../lib/domain/fhir/provenance'
import { validateResource } from '../../local/fhir/validate'
import { held, requested, sole, substance } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { originals, seedOriginal } from '../support/world/cast-original'
import { useCastWorld } from '../support/world/cast-world'
import { uidType } from '../support/world/domain-mapping'

const newWorld = useCastWorld()

const study = '1.2.3.77'
const local = (value: string, vr = 'TM') => ({ vr, Value: [value] })
const times = {
  '00080021': local('20261123', 'DA'),
  '00080030': local('083000'),
  '00080031': local('083100'),
  '00081030': local('CHEST', 'LO'),
}
const second = { study, instance: 2, elements: times }
const dcm = 'http://dicom.nema.org/resources/ontology/DCM'
const sopClass = { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' }
const type = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] }

describe('the account of the original', () => {
  it('is continued behind its SyncedSequence, whose row held nothing else', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.3.1' }), created({ study: '1.2.3.2' }), created({ study }))
    await world.writeSyncState({ SyncedSequence: 2n })
    const report = await world.cast()
    expect(report).toMatchObject({ ended: 'CaughtUp', from: 2, to: 3, head: 3, entries: 1, stored: 1 })
    expect(sole(world, 'ImagingStudy').identifier).toEqual([
      { type: uidType, system: 'urn:dicom:uid', value: `urn:oid:${study}` },
    ])
    expect(await world.rows('SyncStateTable')).toMatchObject([
      { partitionKey: 'SyncStatePartitionKey', rowKey: 'SyncStateRowKey', SyncedSequence: 3n },
      { partitionKey: 'SyncStatePartitionKey', rowKey: 'SyncedFeed', Root: world.dicom.url },
    ])
  })

  it('is caught up when nothing is new: FHIR is asked once, whose it is', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.3.1' }))
    await world.writeSyncState({ SyncedSequence: 1n })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 1, to: 1, entries: 0, fhirRequests: 1 })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0, fhirRequests: 0 })
    expect(requested(world)).toEqual(['POST / → 200'])
  })
})

describe('what the original wrote', () => {
  it.each([
    ['without system', undefined],
    ['with an empty system', ''],
  ])('is adopted and corrected, never doubled: a Patient %s', async (_, system) => {
    const world = await newWorld()
    seedOriginal(world, { study, patientId: 'P1', ...(system === undefined ? {} : { system }) })
    world.dicom.control.append(created({ study }), created(second))
    await world.writeSyncState({ SyncedSequence: 1n })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 1, stored: 1, failed: {} })

    const endpoint = sole(world, 'Endpoint')
    const address = `${world.dicom.url}/v2`
    expect([endpoint.id, substance(endpoint)]).toEqual([
      originals.endpoint,
      {
        resourceType: 'Endpoint',
        meta: {},
        identifier: [{ system: 'urn:ietf:rfc:3986', value: address }],
        status: 'active',
        connectionType: {
          system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
          code: 'dicom-wado-rs',
        },
        // The original refuses every entry when these are not its own: until it is given up for good they stay.
        name: `DICOM WADO-RS endpoint ${world.dicom.url}/`,
        payloadType: [{ text: 'DICOM WADO-RS' }],
        payloadMimeType: ['application/dicom'],
        address: world.dicom.url,
      },
    ])
    // Ours from now on: it follows the feed.
    const patient = sole(world, 'Patient')
    expect([patient.id, substance(patient)]).toEqual([
      originals.patient,
      {
        resourceType: 'Patient',
        meta: { source: world.dicom.url, tag: [ourTag] },
        identifier: [{ value: 'P1', type }],
        name: [{ use: 'usual', text: 'Ana Rivera', family: 'Rivera', given: ['Ana'] }],
        gender: 'female',
        birthDate: '1970-01-02',
      },
    ])
    const adopted = sole(world, 'ImagingStudy')
    expect([adopted.id, substance(adopted)]).toEqual([
      originals.study,
      {
        resourceType: 'ImagingStudy',
        meta: { source: world.dicom.url },
        identifier: [{ type: uidType, system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
        status: 'available',
        modality: [{ system: dcm, code: 'CT', display: 'Computed Tomography' }],
        subject: { reference: `Patient/${originals.patient}` },
        started: '2026-11-23',
        endpoint: [{ reference: `Endpoint/${originals.endpoint}` }],
        description: 'CHEST',
        note: [{ text: 'CHEST' }],
        basedOn: [{ reference: 'ServiceRequest/order-1' }],
        reasonCode: [{ text: 'Cough' }],
        numberOfSeries: 1,
        numberOfInstances: 2,
        series: [
          {
            uid: `${study}.1`,
            number: 1,
            modality: { system: dcm, code: 'CT', display: 'Computed Tomography' },
            started: '2026-11-23',
            numberOfInstances: 2,
            instance: [
              { uid: `${study}.1.1`, sopClass, number: 1 },
              { uid: `${study}.1.2`, sopClass, number: 2 },
            ],
          },
        ],
      },
    ])
    expect(world.fhir.store.all().flatMap((resource) => validateResource(resource))).toEqual([])
  })

  it('is corrected once: casting the same row again writes nothing', async () => {
    const world = await newWorld()
    seedOriginal(world, { study, patientId: 'P1', system: '' })
    world.dicom.control.append(created({ study }), created(second))
    await world.writeSyncState({ SyncedSequence: 1n })
    await world.cast()
    const versions = [sole(world, 'Patient'), sole(world, 'ImagingStudy'), sole(world, 'Endpoint')]
    await world.writeSyncState({ SyncedSequence: 1n })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 1, unchanged: 1 })
    expect([sole(world, 'Patient'), sole(world, 'ImagingStudy'), sole(world, 'Endpoint')]).toEqual(versions)
  })

  it('has ours with the configured system beside it when the Patient is the subject of one of our studies', async () => {
    const world = await newWorld({ settings: { Patient__PatientSystemId: 'urn:oid:1.2.3.4' } })
    seedOriginal(world, { study, patientId: 'P1', system: '' })
    world.dicom.control.append(created({ study }), created(second))
    await world.writeSyncState({ SyncedSequence: 1n })
    await world.cast()
    expect(sole(world, 'Patient')).toMatchObject({
      id: originals.patient,
      identifier: [{ value: 'P1' }, { system: 'urn:oid:1.2.3.4', value: 'P1', type }],
    })
    expect(sole(world, 'ImagingStudy').subject).toEqual({ reference: `Patient/${originals.patient}` })
  })

  it('stays as it is when the Patient without system has nothing to do with us', async () => {
    const world = await newWorld({ settings: { Patient__PatientSystemId: 'urn:oid:1.2.3.4' } })
    const others = world.fhir.seed({ resourceType: 'Patient', id: 'others', identifier: [{ value: 'P1' }] })
    world.dicom.control.append(created({ study }))
    await world.cast()
    const [first, second_] = held(world, 'Patient')
    expect([held(world, 'Patient').length, first]).toEqual([2, others])
    expect(second_?.identifier).toEqual([{ system: 'urn:oid:1.2.3.4', value: 'P1', type }])
    expect(sole(world, 'ImagingStudy').subject).toEqual({ reference: `Patient/${second_?.id}` })
  })

  it('stays as it is when only a study of another system has it as its subject, though our image was added to that', async () => {
    const world = await newWorld({ settings: { Patient__PatientSystemId: 'urn:oid:1.2.3.4' } })
    const others = world.fhir.seed({ resourceType: 'Patient', id: 'others', identifier: [{ value: 'P1' }] })
    world.fhir.seed({
      ...{ resourceType: 'ImagingStudy', id: 'announced', status: 'registered' },
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
      subject: { reference: 'Patient/others' },
    })
    world.dicom.control.append(created({ study }))
    await world.cast()
    world.dicom.control.append(created({ study: '1.2.3.78' }))
    await world.cast()
    const [first, second_] = held(world, 'Patient')
    expect([held(world, 'Patient').length, first]).toEqual([2, others])
    expect(held(world, 'ImagingStudy').map(({ subject, numberOfInstances }) => [subject, numberOfInstances])).toEqual([
      [{ reference: 'Patient/others' }, 1],
      [{ reference: `Patient/${second_?.id}` }, 1],
    ])
  })
})
