import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { Identifier, Patient } from 'fhir/r4'
import { patientKeyText, readPatientIdentity } from '../../../../lib/domain/mapping/patient-identity'
import { type Values, datasetOf } from '../../../support/world/domain-dataset'
import { invalid, mapPatient, missing, mrType } from '../../../support/world/domain-mapping'
import { type SettingsChanges, settingsOf } from '../../../support/world/domain-settings'

const read = (patient: NonNullable<SettingsChanges['patient']>, values: Values, partition = 'Microsoft.Default') =>
  readPatientIdentity(settingsOf({ patient }), partition)(datasetOf({ PatientID: '12345', ...values }))

const issuer = { isIssuerIdUsed: true, systemId: 'urn:oid:1.2.3.4', issuerSystems: { North: 'http://north.example' } }
const qualifier = (UniversalEntityID: unknown, UniversalEntityIDType: unknown): Values => ({
  IssuerOfPatientIDQualifiersSequence: {
    '00400032': { vr: 'UT', Value: [UniversalEntityID] },
    '00400033': { vr: 'CS', Value: [UniversalEntityIDType] },
  },
})

const found = (system: string | undefined, assigner?: string) => E.right({ system, value: '12345', assigner })
const unknown = E.left({ _tag: 'IssuerUnknown' })

describe('Patient.identifier: PatientID (0010,0020), required', () => {
  it('is trimmed, and has no system when none is configured', () => {
    expect(read({}, { PatientID: ' 12345 \0' })).toEqual(found(undefined))
  })

  it.each([[[]], [''], [' \0'], [undefined], [null]])('is missing when it is %j', (PatientID) => {
    expect(read({}, { PatientID })).toEqual(E.left(missing('PatientID')))
  })

  it('is invalid when it is longer than any identifier', () => {
    expect(read({}, { PatientID: 'x'.repeat(257) })).toEqual(E.left(invalid('PatientID', 'longer than 256 characters')))
  })

  it.each(['UNKNOWN', 'unknown', ' Unknown '])('is invalid when it is the placeholder %j', (PatientID) => {
    expect(read({ rejectedIds: new Set(['UNKNOWN', '0']) }, { PatientID })).toEqual(
      E.left(invalid('PatientID', 'a placeholder (Patient__RejectedIds)')),
    )
  })
})

describe('the system of a PatientID', () => {
  it('is the configured one', () => {
    expect(read({ systemId: 'urn:oid:1.2.3.4' }, {})).toEqual(found('urn:oid:1.2.3.4'))
  })

  it('is that of the partition where it has one', () => {
    const patient = { systemId: 'urn:oid:1.2.3.4', partitionSystems: { research: 'http://research.example' } }
    expect(read(patient, {}, 'research')).toEqual(found('http://research.example'))
    expect(read(patient, {}, 'Research')).toEqual(found('http://research.example'))
    expect(read(patient, {}, 'Microsoft.Default')).toEqual(found('urn:oid:1.2.3.4'))
    expect(read(patient, {}, 'constructor')).toEqual(E.left({ _tag: 'IssuerUnknown' }))
    const rest = { ...patient.partitionSystems, '*': 'http://rest.example' }
    expect(read({ ...patient, partitionSystems: rest }, {}, 'clinic')).toEqual(found('http://rest.example'))
    expect(read({ ...patient, partitionSystems: rest }, {}, 'Microsoft.Default')).toEqual(found('urn:oid:1.2.3.4'))
  })

  it('is not that of the issuer unless Patient__IsIssuerIdUsed', () => {
    expect(read({ ...issuer, isIssuerIdUsed: false }, { IssuerOfPatientID: 'North' })).toEqual(found('urn:oid:1.2.3.4'))
  })
})

describe('the issuer, with Patient__IsIssuerIdUsed', () => {
  it.each([
    ['URI', 'http://hospital.example/mrn', 'http://hospital.example/mrn'],
    ['ISO', '1.2.840.99', 'urn:oid:1.2.840.99'],
    ['UUID', '0F4E3C5A-1111-4222-8333-444455556666', 'urn:uuid:0f4e3c5a-1111-4222-8333-444455556666'],
  ])('is the universal entity of type %s', (type, id, system) => {
    expect(read(issuer, { ...qualifier(id, type), IssuerOfPatientID: 'South' })).toEqual(found(system, 'South'))
    expect(read(issuer, qualifier(id, type))).toEqual(found(system))
  })

  it('is mapped to its system', () => {
    expect(read(issuer, { IssuerOfPatientID: ' North ' })).toEqual(found('http://north.example', 'North'))
  })

  it('stands as it is when it is an absolute URI', () => {
    expect(read(issuer, { IssuerOfPatientID: 'urn:oid:1.2.3.9' })).toEqual(found('urn:oid:1.2.3.9', 'urn:oid:1.2.3.9'))
  })

  it('is read from its name when the universal entity says nothing that FHIR knows', () => {
    const values = { ...qualifier('hospital.example', 'DNS'), IssuerOfPatientID: 'North' }
    expect(read(issuer, values)).toEqual(found('http://north.example', 'North'))
  })

  it.each<[string, Values]>([
    ['a name that is not mapped', { IssuerOfPatientID: 'South' }],
    ['a name of the prototype', { IssuerOfPatientID: 'constructor' }],
    ['a relative URI', { IssuerOfPatientID: '/south' }],
    ['an unreadable name', { IssuerOfPatientID: 'a\u0001b' }],
    ['a universal entity of another type', qualifier('hospital.example', 'DNS')],
    ['an OID that is none', qualifier('1.x', 'ISO')],
    ['a universal entity without type', qualifier('1.2.840.99', null)],
  ])('is unknown when it is %s, and never falls back to another system', (_what, values) => {
    expect(read(issuer, values)).toEqual(unknown)
  })

  it.each<[string, Values]>([
    ['absent', {}],
    ['empty', { IssuerOfPatientID: '' }],
    ['an empty item', { IssuerOfPatientIDQualifiersSequence: {} }],
    ['no item', { IssuerOfPatientIDQualifiersSequence: [] }],
  ])('leaves the configured system when it is %s', (_what, values) => {
    expect(read(issuer, values)).toEqual(found('urn:oid:1.2.3.4'))
  })
})

describe('the search key', () => {
  it('is system|value, FHIR-escaped; |value without a system', () => {
    expect(patientKeyText({ system: 'http://a.example', value: 'a|b,c$d\\e' })).toBe(
      'http://a.example|a\\|b\\,c\\$d\\\\e',
    )
    expect(patientKeyText({ system: undefined, value: '12345' })).toBe('|12345')
  })
})

describe('Patient.identifier in the resource', () => {
  const identifiers = (base: ReadonlyArray<Identifier>, changes: SettingsChanges = {}, values: Values = {}) => {
    const patient: Patient = { resourceType: 'Patient', identifier: [...base] }
    return mapPatient(changes)({ PatientID: '12345', ...values }, 'follow', patient).resource?.identifier
  }
  const configured = { patient: { systemId: 'urn:oid:1.2.3.4' } }

  it('has type MR, the system, and the issuer as its assigner', () => {
    expect(identifiers([], { patient: issuer }, { IssuerOfPatientID: 'North' })).toEqual([
      { type: mrType, system: 'http://north.example', value: '12345', assigner: { display: 'North' } },
    ])
  })

  it('corrects the empty system that the original wrote', () => {
    expect(identifiers([{ system: '', value: '12345' }])).toEqual([{ type: mrType, value: '12345' }])
  })

  it('gives the configured system to one of ours that has none', () => {
    expect(identifiers([{ type: mrType, value: '12345' }], configured)).toEqual([
      { type: mrType, system: 'urn:oid:1.2.3.4', value: '12345' },
    ])
  })

  it('T3: stands beside what the original looks up without a system', () => {
    const ours = { type: mrType, system: 'urn:oid:1.2.3.4', value: '12345' }
    expect(identifiers([{ system: '', value: '12345' }], configured)).toEqual([{ value: '12345' }, ours])
    expect(identifiers([{ value: '12345' }, ours], configured)).toEqual([{ value: '12345' }, ours])
  })

  it('leaves the other identifiers, and the same value of another system, as they stand', () => {
    const others = [
      { system: 'http://other.example', value: '12345' },
      { system: 'urn:oid:1.2.3.4', value: '99' },
    ]
    expect(identifiers(others, configured)).toEqual([
      ...others,
      { type: mrType, system: 'urn:oid:1.2.3.4', value: '12345' },
    ])
  })

  it('leaves an identifier that is complete as it stands', () => {
    const complete = { use: 'official', type: { text: 'chart' }, system: 'urn:oid:1.2.3.4', value: '12345' } as const
    expect(identifiers([complete], configured)).toEqual([complete])
  })
})
