import { describe, expect, it } from '@jest/globals'
import {
  confusableWith,
  escapeSearchValue,
  identifierToken,
  isAbsoluteUri,
  matches,
  studyIdentifier,
  uuidOf,
} from '../../../../lib/domain/fhir/identifiers'

describe('an absolute URI', () => {
  it.each([
    'http://hospital.example/mrn',
    'urn:oid:1.2.840.99',
    'urn:uuid:0f4e3c5a-1111-4222-8333-444455556666',
    'urn:x-issuer:north',
  ])('may be a system: %s', (text) => {
    expect(isAbsoluteUri(text)).toBe(true)
  })

  it.each([
    '',
    'North',
    '/mrn',
    'http://with blank.example',
    'urn:oid:1.2',
    'urn:oid:1.02.3.4',
    'urn:oid:3.1.1.1',
    'urn:uuid:0F4E3C5A-1111-4222-8333-444455556666',
    'urn:uuid:1',
    `http://hospital.example/${'x'.repeat(500)}`,
  ])('is not: %j', (text) => {
    expect(isAbsoluteUri(text)).toBe(false)
  })
})

describe('identifiers', () => {
  it('of a study', () => {
    expect(studyIdentifier('1.2.3')).toEqual({ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' })
  })

  it('match with an empty system as without one: the original wrote that', () => {
    expect([
      matches({ system: '', value: 'P1' }, undefined, 'P1'),
      matches({ value: 'P1' }, undefined, 'P1'),
      matches({ system: 'http://x.example', value: 'P1' }, undefined, 'P1'),
      matches({ value: 'P1' }, 'http://x.example', 'P1'),
    ]).toEqual([true, true, false, false])
  })

  it('are escaped for a search', () => {
    expect(escapeSearchValue('a\\b,c|d$e')).toBe('a\\\\b\\,c\\|d\\$e')
    expect([identifierToken('http://x.example', 'P|1'), identifierToken(undefined, 'P1')]).toEqual([
      'http://x.example|P\\|1',
      '|P1',
    ])
  })

  it('that some server may take for one are those with other characters, and plain ones beside their like', () => {
    const among = (odd: string, token: string): boolean => confusableWith([odd, 'urn:x|P2'])(token)
    expect([
      ...[among('urn:x|ab-1', 'urn:x|AB-1'), among('urn:x|ab-1', '|AB1'), among('urn:x|P\u00e91', 'urn:x|PE1')],
      ...[among('urn:x|stra\u00dfe', 'urn:x|STRASSE'), among('urn:x|0012\\|3', 'urn:x|0012'), among('', 'urn:x|ab')],
    ]).toEqual([true, true, true, true, true, true])
    expect([
      ...[among('urn:x|ab-1', 'urn:x|AB-2'), among('urn:x|ab-1', 'urn:x|P2'), among('urn:x|\u5c71', 'urn:x|P2')],
      confusableWith([])('urn:x|P2'),
    ]).toEqual([false, false, false, false])
  })

  it('that a bundle gives to what it creates are UUIDs, the same for the same text', () => {
    expect(uuidOf('Patient |P1')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect([uuidOf('a') === uuidOf('a'), uuidOf('a') === uuidOf('b')]).toEqual([true, false])
  })
})
