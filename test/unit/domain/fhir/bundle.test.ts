import { describe, expect, it } from '@jest/globals'
import type { Patient } from 'fhir/r4'
import {
  asIfMatch,
  createEntry,
  createdReference,
  deleteEntry,
  transactionText,
  updateEntry,
} from '../../../../lib/domain/fhir/bundle'

const base = 'https://fhir.example.org'
const patient: Patient = {
  resourceType: 'Patient',
  id: '1',
  meta: { versionId: '3', lastUpdated: '2026-11-23T10:00:00Z', source: 'https://dicom.example.org' },
  name: [{ family: 'Müller' }],
}
const parsed = ({ text }: { readonly text: string }): unknown => JSON.parse(text)

describe('a transaction', () => {
  it('creates on condition', () => {
    const { id: _id, ...created } = patient
    const entry = createEntry('Patient |P1', created, 'identifier=%7CP1')
    expect([parsed(entry), entry.creates]).toEqual([
      {
        fullUrl: createdReference('Patient |P1'),
        resource: created,
        request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=%7CP1' },
      },
      'Patient |P1',
    ])
  })

  it('updates with the version it was read at, without what the server sets', () => {
    const entry = updateEntry(base, patient, '3')
    expect([parsed(entry), entry.creates]).toEqual([
      {
        fullUrl: `${base}/Patient/1`,
        resource: { ...patient, meta: { source: 'https://dicom.example.org' } },
        request: { method: 'PUT', url: 'Patient/1', ifMatch: 'W/"3"' },
      },
      undefined,
    ])
  })

  it('updates without a version where the server gives none, and without an empty meta', () => {
    expect(parsed(updateEntry(base, { ...patient, meta: { versionId: '3' } }, undefined))).toEqual({
      fullUrl: `${base}/Patient/1`,
      resource: { resourceType: 'Patient', id: '1', name: patient.name },
      request: { method: 'PUT', url: 'Patient/1' },
    })
  })

  it('deletes under the version it was read at', () => {
    expect(parsed(deleteEntry(base, patient))).toEqual({
      fullUrl: `${base}/Patient/1`,
      request: { method: 'DELETE', url: 'Patient/1', ifMatch: 'W/"3"' },
    })
  })

  it('counts bytes, not characters', () => {
    const entry = updateEntry(base, patient, '3')
    expect([entry.bytes, entry.bytes - entry.text.length]).toEqual([Buffer.byteLength(entry.text), 1])
  })

  it('is sent as its entries were serialized', () => {
    const entries = [updateEntry(base, patient, '3'), deleteEntry(base, patient)]
    expect(JSON.parse(transactionText(entries))).toEqual({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: entries.map(parsed),
    })
  })

  it.each([
    ['3', 'W/"3"'],
    ['"3"', 'W/"3"'],
    ['W/"3"', 'W/"3"'],
  ])('takes the version %s in whatever form the server gives it', (version, ifMatch) => {
    expect(asIfMatch(version)).toBe(ifMatch)
  })
})
