import { describe, expect, it } from '@jest/globals'
import { ourTag } from '../../lib/domain/fhir/provenance'
import { held, sole } from '../support/fhir/cast-fhir'
import { created, updated } from '../support/world/cast-images'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { reported } from '../support/world/dose-feed'
import { accountIds, accountReport, seedAccount } from '../support/world/original-account'
import { originalFinds } from '../support/world/original-looks'

const newWorld = useCastWorld()
const [oid, issuerOid] = ['urn:oid:1.2.3.4', 'urn:oid:1.2.3.5']
const study = accountReport.study ?? ''
const y = { study, patientId: 'PATY', name: 'Y^Ypsilon', birthDate: null, sex: null }
const issuedBy = (issuer: string) => ({ elements: { '00100021': { vr: 'LO', Value: [issuer] } } })
const typed = (system: string) => ({
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] },
  ...{ system, value: 'PATY' },
})

/** The account, whose Patient may have another identifier, or more in it. */
const withAccount = async (settings: Overrides, patient: object = {}): Promise<CastWorld> => {
  // A server that has taken the issuer's name for a system takes it again.
  const fhir = { validate: settings['Patient__IsIssuerIdUsed'] === undefined }
  const world = await newWorld({ settings, fhir })
  seedAccount(world)
  world.fhir.seed({ ...sole(world, 'Patient'), ...patient } as never)
  return world
}

describe('T3: the original still finds what it wrote, and no other,', () => {
  const expectFound = async (world: CastWorld, patient: string): Promise<void> =>
    expect(await originalFinds(world, { patient, study })).toEqual({
      ...{ endpoints: [accountIds.endpoint], address: `${world.dicom.url}/` },
      ...{ patients: [accountIds.patient], studies: [accountIds.study] },
    })

  it.each<readonly [string, Overrides]>([
    ['no system', {}],
    ['a system', { Patient__PatientSystemId: oid }],
  ])('after images were cast here with %s', async (_, settings) => {
    const world = await withAccount(settings)
    await expectFound(world, '|PATY')
    world.dicom.control.append(created(y), updated({ ...y, instance: 2 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, failed: {} })
    await expectFound(world, '|PATY')
    world.dicom.control.append(created({ ...y, study: '1.2.9' }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
    await expectFound(world, '|PATY')
    expect(held(world, 'Patient')).toHaveLength(1)
  })

  it('after images were cast here with issuers', async () => {
    const settings = { Patient__IsIssuerIdUsed: 'true', Patient__IssuerSystems: JSON.stringify({ HospA: issuerOid }) }
    const world = await withAccount(settings, { identifier: [{ system: 'HospA', value: 'PATY' }] })
    world.dicom.control.append(created({ ...y, ...issuedBy('HospA') }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
    await expectFound(world, 'HospA|PATY')
  })
})

describe('T4: an account with issuers', () => {
  const settings = { Patient__IsIssuerIdUsed: 'true', Patient__IssuerSystems: JSON.stringify({ HospA: issuerOid }) }
  const byIssuer = { identifier: [{ system: 'HospA', value: 'PATY' }] }

  it('goes on with its Patients, found by the raw issuer; ours stands beside', async () => {
    const world = await withAccount(settings, byIssuer)
    const next = { ...y, ...issuedBy('HospA') }
    world.dicom.control.append(created(next), created({ ...next, study: '1.2.9' }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, failed: {} })
    expect(sole(world, 'Patient').identifier).toEqual([
      ...byIssuer.identifier,
      { ...typed(issuerOid), assigner: { display: 'HospA' } },
    ])
    expect(held(world, 'ImagingStudy').map(({ subject }) => subject)).toEqual(
      [1, 2].map(() => ({ reference: `Patient/${accountIds.patient}` })),
    )
  })

  it('takes no image of another issuer into the study of the first', async () => {
    const world = await withAccount(
      { ...settings, Patient__IssuerSystems: JSON.stringify({ HospA: issuerOid, HospB: oid }) },
      byIssuer,
    )
    const elements = { ...accountReport.elements, ...issuedBy('HospA').elements }
    world.dicom.control.append(reported({ ...accountReport, elements }), created({ ...y, ...issuedBy('HospB') }))
    await world.writeSyncState({ SyncedSequence: 1n })
    await world.cast()
    expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['2 PatientMismatch'] })
    expect(sole(world, 'Patient').identifier).toEqual(byIssuer.identifier)
  })
})

describe('T5: a Patient of the original', () => {
  const corrected = { ...y, name: 'Y^Yvonne', sex: 'F' }
  const known = { gender: 'other' }

  it.each([
    ['its study', study],
    ['a new study', '1.2.9'],
  ])('follows the feed with an image of %s, and is ours from then on', async (_, uid) => {
    const world = await withAccount({}, known)
    world.dicom.control.append(created({ ...corrected, study: uid, elements: { '00080020': undefined } }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
    world.dicom.control.append(created({ ...corrected, study: uid, instance: 2 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
    expect(sole(world, 'Patient')).toMatchObject({
      id: accountIds.patient,
      meta: { source: world.dicom.url, tag: [ourTag] },
      name: [{ use: 'usual', family: 'Y', given: ['Yvonne'] }],
      gender: 'female',
    })
  })

  it.each<readonly [string, Overrides, object]>([
    ['with Patient__Overwrite=never', { Patient__Overwrite: 'never' }, {}],
    ['that somebody has added to', {}, { telecom: [{ system: 'phone', value: '1' }] }],
    ['that somebody has tagged', {}, { meta: { tag: [{ system: 'https://ehr.example', code: 'own' }] } }],
  ])('stays as it is %s', async (_, settings, parts) => {
    const world = await withAccount(settings, { ...known, ...parts })
    world.dicom.control.append(created(corrected))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
    expect(sole(world, 'Patient')).toMatchObject({ name: [{ given: ['Ypsilon'] }], gender: 'other' })
    expect(sole(world, 'Patient').meta?.source).toBeUndefined()
  })

  it('stays as it is when it only looks like one: no study of the original has it as its subject', async () => {
    const world = await withAccount({}, known)
    world.fhir.seed({ ...sole(world, 'Patient'), id: 'ehr', identifier: [{ value: 'PATZ' }] } as never)
    world.dicom.control.append(created({ ...corrected, study: '1.2.9', patientId: 'PATZ' }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
    expect(held(world, 'Patient').find(({ id }) => id === 'ehr')).toMatchObject({ gender: 'other' })
  })
})

it('T9: values that end in a NUL are no other person’s, and stop nothing', async () => {
  const world = await withAccount({}, { identifier: [{ value: 'PATY\u0000' }] })
  world.fhir.seed({ ...sole(world, 'ImagingStudy'), note: [{ text: 'Specials\u0000' }] } as never)
  world.dicom.control.append(created(y))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, failed: {} })
  expect(sole(world, 'Patient')).toMatchObject({ id: accountIds.patient, identifier: [{ value: 'PATY' }] })
  expect(sole(world, 'ImagingStudy')).toMatchObject({ note: [{ text: 'Specials' }], numberOfInstances: 2 })
})
