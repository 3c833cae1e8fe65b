import { describe, expect, it } from '@jest/globals'
import type { FhirResource } from 'fhir/r4'
import { positionResource, positionSequence } from '../../../../lib/domain/fhir/position'
import { isBottomless, wellFormed } from '../../../../lib/domain/fhir/well-formed'
import { residents } from '../../../support/world/domain-residents'

const read = (resource: object): unknown => wellFormed(resource as unknown as FhirResource)

describe('what FHIR holds', () => {
  it('is left alone, to the very object, when it is what R4 says', () => {
    for (const resource of residents.flat()) expect(wellFormed(resource)).toBe(resource)
  })

  it('counts as absent where it is of another type', () => {
    const patient = {
      resourceType: 'Patient',
      id: '1',
      meta: 'text',
      identifier: { value: 'P1' },
      name: [null, 'Doe', { family: 7, given: ['Ana'] }, { family: 'Doe', given: 7 }],
      birthDate: 19700102,
      link: [{ type: 'replaced-by', other: null }, 7],
    }
    expect(read(patient)).toEqual({
      resourceType: 'Patient',
      id: '1',
      name: [{ given: ['Ana'] }, { family: 'Doe' }],
      link: [{ type: 'replaced-by', other: {} }],
    })
    const study = { resourceType: 'ImagingStudy', id: '2', series: [{ uid: '1.2', instance: null }], endpoint: {} }
    expect(read(study)).toEqual({ resourceType: 'ImagingStudy', id: '2', series: [{ uid: '1.2', modality: {} }] })
  })

  it('keeps what nobody here reads, whatever it is', () => {
    const patient = { resourceType: 'Patient', id: '1', photo: 7, extension: null, maritalStatus: [] }
    expect(read(patient)).toBe(patient)
    expect(read({ resourceType: 'Basic', id: '1', identifier: null })).toEqual({
      resourceType: 'Basic',
      id: '1',
      identifier: null,
    })
  })

  it('T9: is read without the characters that no server would take again', () => {
    const padded = { text: 'CHEST\u0000', time: '2026' }
    const study = { resourceType: 'ImagingStudy', id: '1', note: [padded], identifier: [{ value: '\u0000A1\u0000' }] }
    expect(read(study)).toEqual({
      ...{ resourceType: 'ImagingStudy', id: '1', note: [{ text: 'CHEST', time: '2026' }] },
      identifier: [{ value: 'A1' }],
    })
    const lines = { resourceType: 'ImagingStudy', id: '1', note: [{ text: 'one\r\n\ttwo' }] }
    expect(read(lines)).toBe(lines)
  })

  it('is bottomless only where nothing of R4 is', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 'core' : { extension: [nested(depth - 1)] })
    expect([isBottomless(nested(20)), isBottomless(nested(2_000))]).toEqual([false, true])
  })
})

const dicom = { root: 'https://dicom.example.org', version: 'v2' }

describe('our position', () => {
  it.each([
    [7, positionResource({ dicom, sequence: 7 })],
    [undefined, positionResource({ dicom })],
    [undefined, { resourceType: 'Basic', code: {}, identifier: 'text' }],
    [undefined, { resourceType: 'Basic', code: {}, identifier: [null, 7, { type: { text: 'sequence' }, value: 'x' }] }],
  ])('tells the highest sequence of its last transaction, if any: %s', (sequence, position) => {
    expect(positionSequence(position as FhirResource)).toBe(sequence)
  })
})
