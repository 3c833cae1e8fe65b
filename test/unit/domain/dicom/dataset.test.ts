import { describe, expect, it } from '@jest/globals'
import { isEmptied, itemsOf, projectDataset, valuesOfKeyword } from '../../../../lib/domain/dicom/dataset'
import { dictionary, tagOf } from '../../../../lib/domain/dicom/tags'

const project = projectDataset(new Set(['00100010', '00100024', '0008103E']))

describe('projectDataset', () => {
  it('keeps the wanted tags and forgets the others', () => {
    const json = { '00100010': { vr: 'PN', Value: ['x'] }, '00100020': { vr: 'LO', Value: ['y'] } }
    expect(project(json)).toEqual(new Map([['00100010', ['x']]]))
  })

  it('reads tags in lower case', () => {
    expect(project({ '0008103e': { vr: 'LO', Value: ['x'] } })).toEqual(new Map([['0008103E', ['x']]]))
  })

  it.each([
    ['no Value', { vr: 'PN' }],
    ['a Value that is no list', { vr: 'PN', Value: 'x' }],
    ['bulk data', { vr: 'PN', BulkDataURI: 'https://dicom.example.org/bulk' }],
    ['null', null],
    ['text', 'x'],
    ['a list', ['x']],
  ])('keeps an element with %s, empty', (_what, element) => {
    expect(project({ '00100010': element })).toEqual(new Map([['00100010', []]]))
  })

  it.each([undefined, null, 7, 'x', []])('takes %j for no dataset', (json) => {
    expect(project(json)).toBeUndefined()
  })

  it('keeps whatever stands in a value slot', () => {
    const values = [null, 1, 'x', { Alphabetic: 'y' }, Number.NaN]
    expect(project({ '00100010': { vr: 'PN', Value: values } })).toEqual(new Map([['00100010', values]]))
  })
})

describe('a dataset', () => {
  const dataset = new Map<string, ReadonlyArray<unknown>>([
    ['00100010', []],
    ['00100024', [{ '00400032': { vr: 'UT', Value: ['1.2'] }, '00400033': null }, null, 'x', ['y']]],
  ])

  it('tells a tag that is present but empty from one that is absent', () => {
    expect([isEmptied(dataset, 'PatientName'), isEmptied(dataset, 'PatientSex')]).toEqual([true, false])
    expect([valuesOfKeyword(dataset, 'PatientName'), valuesOfKeyword(dataset, 'PatientSex')]).toEqual([[], []])
  })

  it.each<[unknown, boolean]>([
    [[], true],
    [[null], true],
    [[' \0'], true],
    [[{ Alphabetic: '' }], true],
    [[{}], true],
    [['x'], false],
    [[0], false],
    [['', 'x'], false],
    [[{ Alphabetic: 'x' }], false],
    [[{ '00080104': { vr: 'LO', Value: ['x'] } }], false],
  ])('is emptied of a tag with the values %j: %j', (values, isEmpty) => {
    expect(isEmptied(new Map([['00100010', values as ReadonlyArray<unknown>]]), 'PatientName')).toBe(isEmpty)
  })

  it('passes over what is no item of a sequence', () => {
    expect(itemsOf(dataset, 'IssuerOfPatientIDQualifiersSequence')).toEqual([
      new Map<string, ReadonlyArray<unknown>>([
        ['00400032', ['1.2']],
        ['00400033', []],
      ]),
    ])
  })
})

describe('the dictionary', () => {
  it.each(Object.keys(dictionary) as ReadonlyArray<keyof typeof dictionary>)(
    'has a tag in DICOM JSON form: %s',
    (key) => {
      expect(tagOf(key)).toMatch(/^[0-9A-F]{8}$/)
    },
  )
})
