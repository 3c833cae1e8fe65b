import { describe, expect, it } from '@jest/globals'
import { held, imagesOf, sole, subjectOf } from '../support/fhir/cast-fhir'
import { bulkUpdate, created, deleted, images } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const subjects = (world: CastWorld): ReadonlyArray<string | undefined> =>
  held(world, 'ImagingStudy').map((each) => subjectOf(world, each))
const instances = (world: CastWorld): ReadonlyArray<number | undefined> =>
  held(world, 'ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)
const anna = { patientId: 'P1', name: 'Rivera^Ana', birthDate: '19700102', sex: 'F' }
const bob = { patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607', sex: 'M' }

describe('a misfiled image', () => {
  it.each([
    ['in the batch of its study', 1000],
    ['in a batch of its own', 3],
  ])('does not move its study, and is recorded as PatientMismatch: %s', async (_, batchSize) => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: String(batchSize) } })
    world.dicom.control.append(...images(3, { study, ...anna }), created({ study, instance: 9, ...bob }))
    const report = await world.cast({}, { maxBatches: 0 })
    expect(report).toMatchObject({ ended: 'CaughtUp', entries: 4, stored: 3, recorded: 1 })
    expect([subjects(world), instances(world), held(world, 'Patient').length]).toEqual([['P1'], [3], 1])
    expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['4 PatientMismatch'] })
  })

  it('loses its row when it is corrected in the DICOM service, and joins its study', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study, ...anna }), created({ study, instance: 9, ...bob }))
    await world.cast()
    world.dicom.control.append(deleted({ study, instance: 9 }), created({ study, instance: 9, ...anna }))
    expect(await world.cast()).toMatchObject({ entries: 2, stored: 1, superseded: 1 })
    expect([subjects(world), instances(world), await world.failed()]).toEqual([['P1'], [3], {}])
  })

  it('loses its row when it is deleted', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study, ...anna }), created({ study, instance: 9, ...bob }))
    await world.cast()
    world.dicom.control.append(deleted({ study, instance: 9 }))
    await world.cast()
    expect([subjects(world), instances(world), await world.failed()]).toEqual([['P1'], [2], {}])
  })
})

describe('a $bulkUpdate of the PatientID', () => {
  const toBob = {
    '00100010': { vr: 'PN', Value: [{ Alphabetic: bob.name }] },
    '00100020': { vr: 'LO', Value: [bob.patientId] },
    '00100030': { vr: 'DA', Value: [bob.birthDate] },
    '00100040': { vr: 'CS', Value: [bob.sex] },
  }

  it.each([1000, 2])('moves the study to its new Patient, and renames nobody: in batches of %i', async (batchSize) => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: String(batchSize) } })
    world.dicom.control.append(...images(5, { study, ...anna }))
    await world.cast({}, { maxBatches: 0 })
    const [before] = held(world, 'Patient')
    await bulkUpdate(world, [study], toBob)
    expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', entries: 5, recorded: 0 })
    expect([subjects(world), instances(world)]).toEqual([['P2'], [5]])
    const [first, second] = held(world, 'Patient')
    expect(first).toEqual(before)
    expect(second).toMatchObject({ name: [{ family: 'Stone' }], birthDate: '1951-06-07', gender: 'male' })
  })

  it('settles the row of the image that was misfiled before', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study, ...anna }), created({ study, instance: 9, ...bob }))
    await world.cast()
    await bulkUpdate(world, [study], toBob)
    await world.cast()
    expect([subjects(world), instances(world), await world.failed()]).toEqual([['P2'], [3], {}])
  })

  it('leaves that row while FHIR cannot be written to: the study is not synced yet', async () => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    world.dicom.control.append(...images(2, { study, ...anna }), created({ study, instance: 9, ...bob }))
    await world.cast()
    await bulkUpdate(world, [study], toBob)
    world.fhir.faults.set([{ fault: '503', match: { interaction: 'transaction' }, retryAfterS: 1 }])
    expect(await world.cast()).toMatchObject({ ended: 'ServiceUnavailable', to: 3 })
    expect([subjects(world), await world.failed()]).toEqual([
      ['P1'],
      { DicomFailToStoreExceptionTable: ['3 PatientMismatch'] },
    ])
  })

  it('of the name follows the correction, and an emptied birth date is taken away', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study, ...anna }))
    await world.cast()
    await bulkUpdate(world, [study], {
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Rivera-Soto^Ana' }] },
      '00100030': { vr: 'DA' },
    })
    await world.cast()
    const { name, birthDate, gender } = sole(world, 'Patient')
    expect({ name, birthDate, gender }).toEqual({
      name: [{ use: 'usual', text: 'Ana Rivera-Soto', family: 'Rivera-Soto', given: ['Ana'] }],
      birthDate: undefined,
      gender: 'female',
    })
  })
})

describe('two people under one PatientID', () => {
  it.each([
    ['family name and birth date differ', { name: 'Stone^Ana', birthDate: '19510607' }],
    ['birth date and sex differ', { birthDate: '19510607', sex: 'M' }],
  ])('are kept apart, and the second is reported: %s', async (_, other) => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, ...anna }), created({ study: '1.2.4', ...anna, ...other }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 1 })
    expect(Object.keys(imagesOf(sole(world, 'ImagingStudy')))).toEqual(['1.2.3.1'])
    expect(sole(world, 'Patient')).toMatchObject({ birthDate: '1970-01-02', name: [{ family: 'Rivera' }] })
    expect(await world.failed()).toEqual({ FhirFailToStoreExceptionTable: ['2 DemographicsConflict'] })
  })

  it('are told from FHIR, too, in a later batch', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, ...anna }))
    await world.cast()
    world.dicom.control.append(created({ study: '1.2.4', ...bob, patientId: 'P1' }))
    await world.cast()
    const [row] = await world.rows('FhirFailToStoreExceptionTable')
    expect(row).toMatchObject({ Code: 'DemographicsConflict', StudyUid: '1.2.4', PartitionName: 'Microsoft.Default' })
    expect(row?.['Exception']).toContain(`Patient/${sole(world, 'Patient').id}`)
    expect(subjects(world)).toEqual(['P1'])
  })

  it('are one when Patient__MatchGuard is off', async () => {
    const world = await newWorld({ settings: { Patient__MatchGuard: 'false' } })
    world.dicom.control.append(created({ study, ...anna }), created({ study: '1.2.4', ...bob, patientId: 'P1' }))
    expect(await world.cast()).toMatchObject({ stored: 2, recorded: 0 })
    expect([subjects(world), sole(world, 'Patient').birthDate]).toEqual([['P1', 'P1'], '1951-06-07'])
  })
})

describe('an identifier', () => {
  it('that two Patients have is PatientAmbiguous, with their ids and no patient data', async () => {
    const world = await newWorld()
    const twin = (id: string) => ({ resourceType: 'Patient', id, identifier: [{ value: 'P1' }] })
    world.fhir.seed(twin('twin-a'))
    world.fhir.seed(twin('twin-b'))
    world.dicom.control.append(created({ study, ...anna }), created({ study: '1.2.4', ...bob }))
    expect(await world.cast()).toMatchObject({ stored: 1, recorded: 1 })
    const [row] = await world.rows('FhirFailToStoreExceptionTable')
    expect(row).toMatchObject({ Code: 'PatientAmbiguous', ChangeFeedSequence: 1n })
    expect(row?.['Exception']).toBe(
      'More than one Patient has this identifier: Patient/twin-a, Patient/twin-b. Merge them, then replay.',
    )
  })

  it.each(['p1', 'P1 ', 'P 1'])(
    'that the server takes for the same, though it is written %j, is PatientAmbiguous: no image goes to that person',
    async (value) => {
      const world = await newWorld({ fhir: { looseTokens: true } })
      const stranger = world.fhir.seed({ resourceType: 'Patient', id: 'x1', identifier: [{ value }] })
      world.dicom.control.append(created({ study, ...anna }), created({ study: '1.2.4', ...bob }))
      expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 1 })
      const [row] = await world.rows('FhirFailToStoreExceptionTable')
      expect(row).toMatchObject({ Code: 'PatientAmbiguous', ChangeFeedSequence: 1n })
      expect(row?.['Exception']).toContain('Patient/x1 for the same')
      expect(held(world, 'ImagingStudy').map(({ subject }) => subject.reference)).not.toContain('Patient/x1')
      expect(world.fhir.store.read('Patient', 'x1')).toEqual(stranger)
    },
  )

  it('that differs in case alone is another one, on a server that minds case', async () => {
    const world = await newWorld()
    world.fhir.seed({ resourceType: 'Patient', id: 'x1', identifier: [{ value: 'p1' }] })
    world.dicom.control.append(created({ study, ...anna }), created({ study: '1.2.4', ...bob, patientId: 'p1' }))
    expect(await world.cast()).toMatchObject({ stored: 2, recorded: 0 })
    expect(held(world, 'Patient')).toHaveLength(2)
  })

  it('of a merged Patient leads to the live one', async () => {
    const world = await newWorld()
    const link = [{ type: 'replaced-by', other: { reference: 'Patient/live' } }]
    world.fhir.seed({ resourceType: 'Patient', id: 'merged', active: false, identifier: [{ value: 'P1' }], link })
    const live = world.fhir.seed({ resourceType: 'Patient', id: 'live', identifier: [{ value: 'other' }] })
    world.dicom.control.append(created({ study, ...anna }))
    expect(await world.cast()).toMatchObject({ stored: 1, recorded: 0 })
    expect(sole(world, 'ImagingStudy').subject).toEqual({ reference: 'Patient/live' })
    expect(held(world, 'Patient')[1]?.identifier).toEqual(live['identifier'])
  })

  it('of an inactive Patient without a live target is reported', async () => {
    const world = await newWorld()
    world.fhir.seed({ resourceType: 'Patient', id: 'gone', active: false, identifier: [{ value: 'P1' }] })
    world.dicom.control.append(created({ study, ...anna }))
    expect(await world.cast()).toMatchObject({ stored: 0, recorded: 1 })
    expect(await world.failed()).toEqual({ FhirFailToStoreExceptionTable: ['1 PatientInactive'] })
  })
})

describe('the issuer of a PatientID', () => {
  const issuedBy = (issuer: string) => ({ elements: { '00100021': { vr: 'LO', Value: [issuer] } } })
  const settings = {
    Patient__IsIssuerIdUsed: 'true',
    Patient__PatientSystemId: 'urn:oid:1.2.3.4',
    Patient__IssuerSystems: '{"North":"http://north.example/mrn"}',
  }

  it('is mapped to its system, taken as it is when it is a URI, and never guessed', async () => {
    const world = await newWorld({ settings })
    world.dicom.control.append(
      created({ study: '1.2.1', ...issuedBy('North') }),
      created({ study: '1.2.2', ...issuedBy('http://south.example/mrn') }),
      created({ study: '1.2.3' }),
      created({ study: '1.2.4', ...issuedBy('West') }),
    )
    expect(await world.cast()).toMatchObject({ stored: 3, recorded: 1 })
    expect(held(world, 'Patient').map(({ identifier }) => identifier?.[0]?.system)).toEqual([
      'http://north.example/mrn',
      'http://south.example/mrn',
      'urn:oid:1.2.3.4',
    ])
    expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['4 IssuerUnknown'] })
  })
})

it('a PatientID of Patient__RejectedIds stands for nobody', async () => {
  const world = await newWorld({ settings: { Patient__RejectedIds: '0, unknown' } })
  world.dicom.control.append(created({ study, patientId: 'UNKNOWN' }), created({ study: '1.2.4', patientId: '00' }))
  expect(await world.cast()).toMatchObject({ stored: 1, recorded: 1 })
  expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['1 TagsRejected'] })
})
