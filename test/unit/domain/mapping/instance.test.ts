import { describe, expect, it } from '@jest/globals'
import { correctInstance } from '../../../../lib/domain/mapping/instance'
import { ctImage } from '../../../support/world/domain-dataset'
import { invalid, mapInstance as map, missing, unmappable } from '../../../support/world/domain-mapping'

const sopClass = { system: 'urn:ietf:rfc:3986', code: `urn:oid:${ctImage}` }
const instance = { uid: '1.2.3.1.1', sopClass }

describe('ImagingStudy.series.instance.uid: SOPInstanceUID (0008,0018), required', () => {
  it('is the bare UID', () => {
    expect(map({ SOPInstanceUID: '1.2.9 ' })).toEqual({ resource: { ...instance, uid: '1.2.9' }, issues: [] })
  })

  it.each([
    [undefined, missing('SOPInstanceUID')],
    [`1.${'2'.repeat(63)}`, invalid('SOPInstanceUID', 'not a UID')],
  ])('keeps the entry out when it is %j', (SOPInstanceUID, issue) => {
    expect(map({ SOPInstanceUID })).toEqual({ resource: undefined, issues: [issue] })
  })
})

describe('ImagingStudy.series.instance.sopClass: SOPClassUID (0008,0016), required', () => {
  it('has system urn:ietf:rfc:3986 and the code urn:oid:{uid}', () => {
    expect(map({})).toEqual({ resource: instance, issues: [] })
  })

  it('replaces another class', () => {
    expect(map({ SOPClassUID: '1.2.9' }, 'follow', instance).resource).toEqual({
      ...instance,
      sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.9' },
    })
  })

  it.each([
    [[], missing('SOPClassUID')],
    ['CT Image', invalid('SOPClassUID', 'not a UID')],
  ])('keeps the entry out when it is %j', (SOPClassUID, issue) => {
    expect(map({ SOPClassUID })).toEqual({ resource: undefined, issues: [issue] })
  })

  it.each([ctImage, `urn:oid:${ctImage}`])('is corrected where the original wrote %s without a system', (code) => {
    expect(correctInstance({ uid: '1.2', sopClass: { code } })).toEqual({ uid: '1.2', sopClass })
    expect(correctInstance({ uid: '1.2', sopClass: { system: '', code } })).toEqual({ uid: '1.2', sopClass })
  })

  it('is not corrected where it has a system', () => {
    const other = { uid: '1.2', sopClass: { system: 'http://other.example', code: 'x' } }
    expect(correctInstance(other)).toBe(other)
  })
})

describe('ImagingStudy.series.instance.number: InstanceNumber (0020,0013)', () => {
  it.each([
    ['7', 7],
    [7, 7],
    ['0', 0],
  ])('maps %j to %d', (InstanceNumber, number) => {
    expect(map({ InstanceNumber })).toEqual({ resource: { ...instance, number }, issues: [] })
  })

  it.each([
    ['-1', unmappable('InstanceNumber', 'negative')],
    ['999999999999', unmappable('InstanceNumber', 'larger than 2147483647')],
    ['1.5', invalid('InstanceNumber', 'not a whole number (IS)')],
    [{}, invalid('InstanceNumber', 'not a text')],
  ])('keeps the instance and reports the tag when it is %j', (InstanceNumber, issue) => {
    expect(map({ InstanceNumber })).toEqual({ resource: instance, issues: [issue] })
  })
})
