import { describe, expect, it } from '@jest/globals'
import type { Endpoint, ImagingStudy, Patient } from 'fhir/r4'
import { findEndpoint, findPatient, findStudy, livePatient, referencedId } from '../../../../lib/domain/batch/snapshot'
import { dicomRoot, ourMeta } from '../../../../lib/domain/fhir/provenance'
import type { PatientIdentity } from '../../../../lib/domain/mapping/patient-identity'
import { mapEndpoint } from '../../../../lib/domain/mapping/endpoint'
import { snapshotOf } from '../../../support/fhir/domain-fhir'
import { fhirBase, root, settingsOf } from '../../../support/world/domain-settings'

const dicom = dicomRoot(root, 'v2')
const system = 'urn:oid:1.2.3.4'
const settings = settingsOf({ patient: { systemId: system } })
const identity: PatientIdentity = { system, value: 'P1', assigner: undefined }
const withoutSystem = { ...identity, system: undefined }
const person = (id: string, parts: Partial<Patient> = {}): Patient => ({
  resourceType: 'Patient',
  id,
  identifier: [{ system, value: 'P1' }],
  ...parts,
})
const mergedInto = (id: string, target: string): Patient =>
  person(id, { link: [{ type: 'replaced-by', other: { reference: target } }] })
const find = (patients: ReadonlyArray<Patient>, who = identity, ourSubjects: ReadonlyArray<string> = []) =>
  findPatient(snapshotOf({ patients, ourSubjects }), settings, who)
const found = (patient: Patient, rest: { followed?: boolean; takenOver?: boolean } = {}) => ({
  _tag: 'Found',
  patient,
  followed: false,
  takenOver: false,
  ...rest,
})

describe('finding a Patient', () => {
  it('finds none', () => {
    expect(find([])).toEqual({ _tag: 'None' })
  })

  it('finds the one with system and value', () => {
    expect(find([person('1')])).toEqual(found(person('1')))
  })

  it('finds |value only without a system; the original wrote an empty one', () => {
    const original = person('1', { identifier: [{ system: '', value: 'P1' }] })
    expect(find([person('2')], withoutSystem)).toEqual({ _tag: 'None' })
    expect(find([original, person('2')], withoutSystem)).toEqual(found(original))
  })

  it('T4: finds the raw issuer that the original wrote, exactly, after the mapped system', () => {
    const [raw, mapped] = [person('1', { identifier: [{ system: 'HospA', value: 'P1' }] }), person('2')]
    const issued = { ...identity, assigner: 'HospA' }
    expect(find([raw], issued)).toEqual(found(raw))
    expect(find([raw, mapped], issued)).toEqual(found(mapped))
    expect(find([raw], { ...issued, assigner: 'hospa' })).toEqual({ _tag: 'None' })
    expect(find([raw], identity)).toEqual({ _tag: 'None' })
  })

  it('is not taken in by a server that answers with everybody', () => {
    expect(find([person('1', { identifier: [{ system: 'http://other.example', value: 'P1' }] })])).toEqual({
      _tag: 'None',
    })
  })

  it('reports more than one, with their ids', () => {
    expect(find([person('1'), person('2')])).toEqual({
      _tag: 'Unusable',
      error: { _tag: 'PatientAmbiguous', patientIds: ['1', '2'] },
    })
  })
})

describe('taking over a Patient without a system', () => {
  const bare = person('1', { identifier: [{ value: 'P1' }] })

  it('takes a sole one that carries our mark', () => {
    const marked = { ...bare, meta: ourMeta(root) }
    expect(find([marked])).toEqual(found(marked, { takenOver: true }))
  })

  it('takes a sole one that is the subject of a study of ours', () => {
    expect(find([bare], identity, ['1'])).toEqual(found(bare, { takenOver: true }))
  })

  it("leaves somebody else's, and one of several", () => {
    expect(find([bare])).toEqual({ _tag: 'None' })
    expect(find([bare, { ...bare, id: '2' }], identity, ['1', '2'])).toEqual({ _tag: 'None' })
  })

  it("leaves another partition's: its P1 is another person, unless that partition has the same system", () => {
    const ofB = { ...bare, meta: ourMeta(`${root}/partitions/b`) }
    const findWith = (partitionSystems: Readonly<Record<string, string>>) =>
      findPatient(snapshotOf({ patients: [ofB] }), settingsOf({ patient: { partitionSystems } }), identity)
    expect(findWith({ a: system })).toEqual({ _tag: 'None' })
    expect(findWith({ a: system, b: system })).toEqual(found(ofB, { takenOver: true }))
  })

  it('leaves one of ours where images without an issuer get no system: it is theirs', () => {
    const marked = { ...bare, meta: ourMeta(root) }
    expect(findPatient(snapshotOf({ patients: [marked] }), settingsOf(), identity)).toEqual({ _tag: 'None' })
  })

  it('prefers the one with the system', () => {
    expect(find([bare, person('2')], identity, ['1'])).toEqual(found(person('2')))
  })
})

describe('merged Patients', () => {
  it('are followed to their target, over five hops', () => {
    const chain = [1, 2, 3, 4, 5].map((n) => mergedInto(`m${n}`, n === 5 ? 'Patient/target' : `Patient/m${n + 1}`))
    const target = person('target', { identifier: [{ system, value: 'P9' }] })
    const [first, ...rest] = chain
    const others = rest.map((each) => ({ ...each, identifier: [{ value: 'other' }] }))
    expect(find([...(first === undefined ? [] : [first]), ...others, target])).toEqual(
      found(target, { followed: true }),
    )
  })

  it('are found once when both the merged one and its target have the identifier', () => {
    expect(find([mergedInto('1', 'Patient/2'), person('2')])).toEqual(found(person('2')))
    expect(find([person('2'), mergedInto('3', 'Patient/2')])).toEqual(found(person('2')))
  })

  const inactive = (patientId: string) => ({ _tag: 'Unusable', error: { _tag: 'PatientInactive', patientId } })

  it.each<[string, ReadonlyArray<Patient>]>([
    ['an inactive Patient', [person('1', { active: false })]],
    ['a link to nobody', [mergedInto('1', 'Patient/404')]],
    ['a link to another server', [mergedInto('1', 'https://other.example/Patient/1')]],
    ['a cycle', [mergedInto('1', 'Patient/2'), { ...mergedInto('2', 'Patient/1'), identifier: [] }]],
    ['an inactive target', [mergedInto('1', 'Patient/2'), { ...person('2', { active: false }), identifier: [] }]],
  ])('that end in %s are a dead end', (_what, patients) => {
    expect(find(patients)).toEqual(inactive('1'))
  })

  it('that are live beside a dead end are taken', () => {
    expect(find([person('1', { active: false }), person('2', { active: true })])).toEqual(
      found(person('2', { active: true })),
    )
  })

  it('give up after five hops', () => {
    const chain = Array.from({ length: 8 }, (_, n) => mergedInto(`m${n}`, `Patient/m${n + 1}`))
    const patients = new Map([...chain, person('m8')].map((each) => [each.id ?? '', each]))
    expect(livePatient(patients, fhirBase, chain[0] ?? person(''))).toBeUndefined()
    expect(livePatient(patients, fhirBase, chain[4] ?? person(''))?.id).toBe('m8')
  })
})

describe('the Endpoint of a partition', () => {
  it('is the one with the lowest id, numbers in order of number', () => {
    const ours = mapEndpoint(dicom, 'Microsoft.Default')
    const endpoints = ['10', '9', '11'].map((id): Endpoint => ({ ...ours, id }))
    expect(findEndpoint(snapshotOf({ endpoints }), settings, 'Microsoft.Default')?.id).toBe('9')
    expect(findEndpoint(snapshotOf({ endpoints }), settings, 'research')).toBeUndefined()
  })
})

describe('finding a study: its identifier and our Endpoint', () => {
  const endpoints = [
    { ...mapEndpoint(dicom, 'Microsoft.Default'), id: 'e1' },
    { ...mapEndpoint(dicom, 'research'), id: 'e2' },
    { ...mapEndpoint(dicomRoot('https://elsewhere.example', 'v2'), 'Microsoft.Default'), id: 'e3' },
  ]
  const study = (id: string, ...refs: ReadonlyArray<string>): ImagingStudy => ({
    resourceType: 'ImagingStudy',
    id,
    identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
    status: 'available',
    subject: { reference: 'Patient/1' },
    ...(refs.length === 0 ? {} : { endpoint: refs.map((reference) => ({ reference })) }),
  })
  const findId = (studies: ReadonlyArray<ImagingStudy>, partition = 'Microsoft.Default') =>
    findStudy(snapshotOf({ endpoints, studies }), settings, partition, 'urn:oid:1.2.3')?.id

  it('takes the hit with the Endpoint of our partition, however it is referred to', () => {
    const twins = [study('1', 'Endpoint/e2'), study('2', `${fhirBase}/Endpoint/e1`)]
    expect([findId(twins), findId(twins, 'research'), findId(twins, 'phantom')]).toEqual(['2', '1', undefined])
  })

  it('adopts a sole hit without any DICOM Endpoint', () => {
    expect(findId([study('1', 'Endpoint/pdf')])).toBe('1')
    expect(findId([study('1'), study('2')])).toBeUndefined()
  })

  it('leaves the hit of another partition or service alone', () => {
    expect([findId([study('1', 'Endpoint/e2')]), findId([study('1', 'Endpoint/e3')])]).toEqual([undefined, undefined])
  })

  it('leaves a study that another partition kept without its Endpoint', () => {
    const kept = { ...study('1'), meta: ourMeta(`${root}/partitions/research`) }
    expect([findId([kept]), findId([kept], 'research')]).toEqual([undefined, '1'])
  })
})

describe('referencedId', () => {
  it.each([
    ['Patient/1', '1'],
    [`${fhirBase}/Patient/1`, '1'],
    ['Patient/1/_history/3', '1'],
    ['https://other.example/Patient/1', undefined],
    ['Group/1', undefined],
    ['#contained', undefined],
    ['urn:uuid:0f4e3c5a-1111-4222-8333-444455556666', undefined],
    [undefined, undefined],
  ])('reads %j as %j', (reference, id) => {
    expect(referencedId(fhirBase, 'Patient', reference === undefined ? {} : { reference })).toBe(id)
  })
})
