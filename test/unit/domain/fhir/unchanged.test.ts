import { describe, expect, it } from '@jest/globals'
import type { FhirResource, Patient } from 'fhir/r4'
import { unchanged, withoutFragment } from '../../../../lib/domain/fhir/unchanged'

const patient: Patient = { resourceType: 'Patient', id: '1', name: [{ family: 'Rivera', given: ['Ana', 'Maria'] }] }
const started = (text: string): FhirResource => ({
  resourceType: 'ImagingStudy',
  status: 'available',
  subject: {},
  started: text,
})

describe('unchanged', () => {
  it('looks past what the server sets and what is generated', () => {
    const held: Patient = {
      ...patient,
      meta: { versionId: '3', lastUpdated: '2026-11-23T10:00:00Z' },
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Ana</div>' },
    }
    expect(unchanged(held, patient)).toBe(true)
  })

  it('looks past the order of members, and at the order of lists', () => {
    const { name, ...rest } = patient
    expect(unchanged(patient, { name, ...rest } as Patient)).toBe(true)
    expect(unchanged(patient, { ...patient, name: [{ family: 'Rivera', given: ['Maria', 'Ana'] }] })).toBe(false)
  })

  it('takes undefined for absent', () => {
    expect(unchanged(patient, { ...patient, gender: undefined })).toBe(true)
  })

  it.each<[string, Partial<Patient>]>([
    ['another value', { id: '2' }],
    ['a further member', { gender: 'female' }],
    ['a shorter list', { name: [] }],
    ['another tag', { meta: { tag: [{ code: 'x' }] } }],
    ['another source', { meta: { source: 'https://other.example' } }],
  ])('sees %s', (_what, change) => {
    expect(unchanged(patient, { ...patient, ...change })).toBe(false)
    expect(unchanged({ ...patient, ...change }, patient)).toBe(false)
  })

  it('looks past the request that HAPI appends to the source', () => {
    const held: Patient = { ...patient, meta: { source: 'https://dicom.example.org#Xy12' } }
    expect(unchanged(held, { ...patient, meta: { source: 'https://dicom.example.org' } })).toBe(true)
    expect(withoutFragment('https://dicom.example.org#Xy12')).toBe('https://dicom.example.org')
  })

  it.each([
    ['2026-11-23T10:00:00+00:00', '2026-11-23T10:00:00Z', true],
    ['2026-11-23T10:00:00Z', '2026-11-23T11:00:00+01:00', true],
    ['2026-11-23T10:00:00.500Z', '2026-11-23T10:00:00.5Z', true],
    ['2026-11-23T10:00:00.1234Z', '2026-11-23T10:00:00.123Z', false],
    ['2026-11-23T10:00:00Z', '2026-11-23T10:00:01Z', false],
    ['2026-11-23', '2026-11-23T00:00:00Z', false],
  ])('compares instants as instants: %s, %s → %s', (left, right, same) => {
    expect(unchanged(started(left), started(right))).toBe(same)
  })
})
