import { describe, expect, it } from '@jest/globals'
import { isDicomModality } from '../../../../lib/domain/fhir/code-systems'
import { correctModality } from '../../../../lib/domain/mapping/series'
import { dcm, invalid, mapSeries, missing, unmappable } from '../../../support/world/domain-mapping'

const map = mapSeries()
const series = { uid: '1.2.3.1', modality: { system: dcm, code: 'CT', display: 'Computed Tomography' } }

describe('ImagingStudy.series.uid: SeriesInstanceUID (0020,000E), required', () => {
  it('is the bare UID', () => {
    expect(map({ SeriesInstanceUID: '1.2.9' })).toEqual({ resource: { ...series, uid: '1.2.9' }, issues: [] })
  })

  it.each([
    [undefined, missing('SeriesInstanceUID')],
    [`1.${'2'.repeat(63)}`, invalid('SeriesInstanceUID', 'not a UID')],
  ])('keeps the entry out when it is %j', (SeriesInstanceUID, issue) => {
    expect(map({ SeriesInstanceUID })).toEqual({ resource: undefined, issues: [issue] })
  })
})

describe('ImagingStudy.series.number: SeriesNumber (0020,0011)', () => {
  it.each([
    [3, 3],
    ['3 ', 3],
    ['0', 0],
    [0, 0],
    ['-0', 0],
    [2_147_483_647, 2_147_483_647],
  ])('maps %j to %d', (SeriesNumber, number) => {
    expect(map({ SeriesNumber })).toEqual({ resource: { ...series, number }, issues: [] })
  })

  it.each([
    [-3, unmappable('SeriesNumber', 'negative')],
    [2_147_483_648, unmappable('SeriesNumber', 'larger than 2147483647')],
    [1.5, invalid('SeriesNumber', 'not a whole number (IS)')],
    ['three', invalid('SeriesNumber', 'not a whole number (IS)')],
  ])('keeps the series and reports the tag when it is %j', (SeriesNumber, issue) => {
    expect(map({ SeriesNumber })).toEqual({ resource: series, issues: [issue] })
  })
})

describe('ImagingStudy.series.modality: Modality (0008,0060), required', () => {
  it.each([
    ['CT', 'Computed Tomography'],
    ['SR', 'Structured Report Document'],
    ['KO', 'Key Object Selection'],
    ['RTSTRUCT', 'Radiotherapy Structure Set'],
    ['CS', 'Cystoscopy'],
    ['DF', 'Digital fluoroscopy'],
  ])('has the system DCM, and its display, for the DICOM code %s', (code, display) => {
    expect(map({ Modality: ` ${code} ` })).toEqual({
      resource: { ...series, modality: { system: dcm, code, display } },
      issues: [],
    })
  })

  it.each(['ZZ', 'MY_OWN 1', 'RTINTENT'])('has no system for %s, a legal CS: defined terms are extensible', (code) => {
    expect(map({ Modality: code })).toEqual({ resource: { ...series, modality: { code } }, issues: [] })
  })

  it("has single blanks, as FHIR's codes have", () => {
    expect(map({ Modality: 'MY  OWN' })).toEqual({ resource: { ...series, modality: { code: 'MY OWN' } }, issues: [] })
  })

  it.each([
    [undefined, missing('Modality')],
    [[], missing('Modality')],
    ['ct', invalid('Modality', 'not a code string (CS)')],
    ['C-T', invalid('Modality', 'not a code string (CS)')],
  ])('keeps the entry out when it is %j', (Modality, issue) => {
    expect(map({ Modality })).toEqual({ resource: undefined, issues: [issue] })
  })

  it('keeps a display that somebody added to the same code', () => {
    const shown = { ...series, modality: { system: dcm, code: 'CT', display: 'Computed Tomography' } }
    expect(map({}, 'follow', shown).resource).toEqual(shown)
  })

  it('corrects the system that the original wrote', () => {
    expect(correctModality({ system: 'DCM', code: 'CT' })).toEqual({
      ...{ system: dcm, code: 'CT', display: 'Computed Tomography' },
    })
    expect(correctModality({ system: 'http://other.example', code: 'x' })).toEqual({
      system: 'http://other.example',
      code: 'x',
    })
  })

  it('knows the modalities that acquire, those that do not, and the retired ones', () => {
    expect(['CT', 'MR', 'SR', 'SEG', 'ST', 'ZZ', ''].map(isDicomModality)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ])
  })
})

describe('ImagingStudy.series.description: SeriesDescription (0008,103E)', () => {
  it('is the text', () => {
    expect(map({ SeriesDescription: ' AX T1 ' })).toEqual({ resource: { ...series, description: 'AX T1' }, issues: [] })
  })

  it('is left out, and the tag reported, when it is not an LO', () => {
    expect(map({ SeriesDescription: 'a\u0001b' })).toEqual({
      resource: series,
      issues: [invalid('SeriesDescription', 'contains control characters')],
    })
  })
})

describe('ImagingStudy.series.started: SeriesDate, SeriesTime, TimezoneOffsetFromUTC', () => {
  it('is built of the three', () => {
    const values = { SeriesDate: '20261123', SeriesTime: '1015', TimezoneOffsetFromUTC: '+0100' }
    expect(map(values)).toEqual({ resource: { ...series, started: '2026-11-23T10:15:00+01:00' }, issues: [] })
  })

  it('is the date alone without an offset, and takes the configured zone', () => {
    const values = { SeriesDate: '20261123', SeriesTime: '1015' }
    expect(map(values).resource).toEqual({ ...series, started: '2026-11-23' })
    expect(mapSeries('America/New_York')(values).resource).toEqual({ ...series, started: '2026-11-23T10:15:00-05:00' })
  })

  it('replaces the UTC that the original invented', () => {
    const base = { ...series, started: '2026-11-23T10:15:00Z' }
    expect(map({ SeriesDate: '20261123', SeriesTime: '1015' }, 'adopt', base).resource).toEqual({
      ...series,
      started: '2026-11-23',
    })
  })
})
