import { describe, expect, it } from '@jest/globals'
import type { ImagingStudySeriesInstance, ImagingStudySeriesPerformer } from 'fhir/r4'
import { makeJudge } from '../../../../lib/domain/batch/judge'
import type { SeriesFields } from '../../../../lib/domain/mapping/fields'
import type { Values } from '../../../support/world/domain-dataset'
import { ctImage } from '../../../support/world/domain-dataset'
import { entryOf } from '../../../support/world/domain-feed'
import { dcm, invalid, mapInstance, mapSeries } from '../../../support/world/domain-mapping'
import { merge, image } from '../../../support/world/domain-merge'
import { settingsOf } from '../../../support/world/domain-settings'
import { element } from '../../../support/world/dose-sr'

const map = mapSeries()
const snomed = 'http://snomed.info/sct'
const series = (parts: Partial<SeriesFields> = {}): SeriesFields => ({
  uid: '1.2.3.1',
  modality: { system: dcm, code: 'CT', display: 'Computed Tomography' },
  ...parts,
})
const clean = (resource: SeriesFields) => ({ resource, issues: [] })
const codeItem = (value: string, scheme: string, meaning?: string) => ({
  '00080100': element('SH', value),
  '00080102': element('SH', scheme),
  ...(meaning === undefined ? {} : { '00080104': element('LO', meaning) }),
})

describe('ImagingStudy.series.bodySite: AnatomicRegionSequence, else BodyPartExamined', () => {
  const coded = { system: snomed, code: '816094009', display: 'Chest' }

  it.each<[string, Values, SeriesFields['bodySite']]>([
    [
      'the region',
      { AnatomicRegionSequence: [codeItem('816094009', 'SCT', 'Chest wall')] },
      { ...coded, display: 'Chest wall' },
    ],
    ['a region of SRT', { AnatomicRegionSequence: [codeItem('T-D3000', 'SRT')] }, coded],
    ['the body part', { BodyPartExamined: 'CHEST' }, coded],
    ['a body part in lower case', { BodyPartExamined: 'chest ' }, coded],
    [
      'a body part with blanks',
      { BodyPartExamined: 'Chest_Abdomen' },
      { system: snomed, code: '416550000', display: 'Chest and Abdomen' },
    ],
    ['any body part of Annex L', { BodyPartExamined: 'TIBIAFIBULA' }, { system: snomed, code: '110536004' }],
    [
      'a body part that begins with a digit',
      { BodyPartExamined: '3RDVENTRICLE' },
      { system: snomed, code: '49841001' },
    ],
    [
      'a region of SNM3, any of Annex L',
      { AnatomicRegionSequence: [codeItem('T-D9200', 'SNM3', 'Knee')] },
      { ...coded, code: '72696002', display: 'Knee' },
    ],
    [
      'the region before the body part',
      { AnatomicRegionSequence: [codeItem('816094009', 'SCT')], BodyPartExamined: 'HEAD' },
      coded,
    ],
    [
      'the body part when the region is private',
      { AnatomicRegionSequence: [codeItem('X', '99A')], BodyPartExamined: 'CHEST' },
      coded,
    ],
    ['nothing for an unknown term', { BodyPartExamined: 'TAIL' }, undefined],
    ['nothing for an unknown id of SRT', { AnatomicRegionSequence: [codeItem('T-99999', 'SRT')] }, undefined],
    ['nothing for what is no SNOMED CT id', { AnatomicRegionSequence: [codeItem('T-D3000', 'SCT')] }, undefined],
  ])('is %s', (_, values, bodySite) => {
    expect(map(values)).toEqual(clean(series(bodySite === undefined ? {} : { bodySite })))
  })

  it('keeps a display that somebody has added, and what FHIR holds beside an unknown term', () => {
    const before = series({ bodySite: { ...coded, display: 'Thorax' } })
    expect(map({ BodyPartExamined: 'CHEST' }, 'follow', before)).toEqual(clean(before))
    expect(map({ BodyPartExamined: 'TAIL' }, 'follow', before)).toEqual(clean(before))
    expect(map({ AnatomicRegionSequence: [] }, 'correct', before)).toEqual(clean(series()))
  })

  it('goes when a correction empties the body part, and stays beside an unknown term', () => {
    const before = series({ bodySite: coded })
    expect(map({ BodyPartExamined: [] }, 'correct', before)).toEqual(clean(series()))
    expect(map({ BodyPartExamined: 'TAIL' }, 'correct', before)).toEqual(clean(before))
  })
})

describe('ImagingStudy.series.laterality: Laterality (0020,0060)', () => {
  it.each([
    ['R', '24028007', 'Right'],
    ['L ', '7771000', 'Left'],
    ['B', '51440002', 'Bilateral'],
  ])('maps %j to %s', (Laterality, code, display) => {
    expect(map({ Laterality })).toEqual(clean(series({ laterality: { system: snomed, code, display } })))
  })

  it('is reported when it is none, and FHIR keeps what it holds', () => {
    const before = series({ laterality: { system: snomed, code: '7771000' } })
    expect(map({ Laterality: 'U' }, 'follow', before)).toEqual({
      resource: before,
      issues: [invalid('Laterality', 'not R or L')],
    })
    expect(map({ Laterality: [] }, 'follow', before)).toEqual(clean(before))
    expect(map({ Laterality: [] }, 'correct', before)).toEqual(clean(series()))
  })
})

describe('ImagingStudy.series.performer: OperatorsName, PerformingPhysicianName', () => {
  const performer = (code: 'SPRF' | 'PRF', display: string): ImagingStudySeriesPerformer => ({
    function: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code }] },
    actor: { display },
  })
  const [ann, bob, eve] = [performer('SPRF', 'Ann Op'), performer('SPRF', 'Bob Op'), performer('PRF', 'Dr Eve Doc')]
  const theirs: ImagingStudySeriesPerformer = { function: ann.function, actor: { reference: 'Practitioner/1' } }
  const both = {
    OperatorsName: ['Op^Ann', 'Op^Bob'].map((Alphabetic) => ({ Alphabetic })),
    PerformingPhysicianName: 'Doc^Eve^^Dr',
  }

  it('are the operators, then the physicians', () => {
    expect(map(both)).toEqual(clean(series({ performer: [ann, bob, eve] })))
  })

  it('of one tag stay when only the other one is there', () => {
    const before = series({ performer: [ann, eve] })
    expect(map({ OperatorsName: 'Op^Bob' }, 'follow', before)).toEqual(clean(series({ performer: [bob, eve] })))
    expect(map({ OperatorsName: 'Op^Ann' }, 'follow', before)).toEqual(clean(before))
  })

  it('of a tag that a correction empties go, and no others', () => {
    const before = series({ performer: [ann, eve, theirs] })
    expect(map({ PerformingPhysicianName: [] }, 'correct', before)).toEqual(clean(series({ performer: [ann, theirs] })))
    expect(map({ OperatorsName: [] }, 'correct', before)).toEqual(clean(series({ performer: [eve, theirs] })))
  })

  it('that refer to a resource stay', () => {
    expect(map(both, 'follow', series({ performer: [theirs] }))).toEqual(
      clean(series({ performer: [theirs, ann, bob, eve] })),
    )
  })

  it('are those that are names, and the others are reported', () => {
    const { resource, issues } = map({
      OperatorsName: [{ Alphabetic: 'Op^Ann' }, true],
      PerformingPhysicianName: 'Doc^Eve^^Dr',
    })
    expect([resource, issues.map(({ _tag, keyword }) => [_tag, keyword])]).toEqual([
      series({ performer: [ann, eve] }),
      [['TagInvalid', 'OperatorsName']],
    ])
  })
})

describe('ImagingStudy.series.instance.title', () => {
  const instance = (parts: Partial<ImagingStudySeriesInstance> = {}): ImagingStudySeriesInstance => ({
    uid: '1.2.3.1.1',
    sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${ctImage}` },
    ...parts,
  })

  const meaning = (text: string) => ({ '00080104': element('LO', text) })

  it.each<[string, Values, string | undefined]>([
    [
      'the meaning of the concept',
      { ConceptNameCodeSequence: [codeItem('113701', 'DCM', 'Dose')], DocumentTitle: 'T' },
      'Dose',
    ],
    ['the document title', { DocumentTitle: 'Letter', ContentLabel: 'KEY' }, 'Letter'],
    [
      'the document title when the concept has no meaning',
      { ConceptNameCodeSequence: [codeItem('1', 'DCM')], DocumentTitle: 'T' },
      'T',
    ],
    ['the content label', { ContentLabel: 'KEY' }, 'KEY'],
    ['the meaning of a concept without a code', { ConceptNameCodeSequence: [meaning('Key images')] }, 'Key images'],
    ['a document title of two lines as one', { DocumentTitle: 'Operation\r\nreport ' }, 'Operation report'],
    ['none', {}, undefined],
  ])('is %s', (_, values, title) => {
    expect(mapInstance(values)).toEqual({ resource: instance(title === undefined ? {} : { title }), issues: [] })
  })

  it('changes with a new value, and stays without one', () => {
    const before = instance({ title: 'Old' })
    expect(mapInstance({ ContentLabel: 'NEW' }, 'follow', before).resource).toEqual(instance({ title: 'NEW' }))
    expect(mapInstance({}, 'correct', before).resource).toEqual(before)
    expect(mapInstance({ ContentLabel: [] }, 'correct', before).resource).toEqual(instance())
  })
})

const furtherTags: Values = {
  ReferringPhysicianName: [true],
  OperatorsName: [true],
  PerformingPhysicianName: [true],
  Laterality: 'U',
  BodyPartExamined: [5],
  ContentLabel: 'not a cs!',
  ProcedureCodeSequence: ['x'],
  AnatomicRegionSequence: ['x'],
  RequestAttributesSequence: ['x'],
  IssuerOfAccessionNumberSequence: ['x'],
  ConceptNameCodeSequence: ['x'],
}

describe('the tags of further elements', () => {
  it.each([false, true])('never reject an entry, EnforceValidationOfTagValues being %j', (enforceValidation) => {
    const judge = makeJudge(settingsOf({ enforceValidation }))
    const judged = judge.judge(entryOf(judge, { values: furtherTags }), false)
    expect(judged._tag).toBe('Live')
    const issues = judged._tag === 'Live' && judged.row._tag === 'Upsert' ? judged.row.issues : []
    expect(issues.map(({ keyword }) => keyword).sort()).toEqual([
      'ContentLabel',
      'Laterality',
      'OperatorsName',
      'PerformingPhysicianName',
      'ReferringPhysicianName',
    ])
  })

  it.each([
    ['ImagingStudy.identifier:accession', { AccessionNumber: 'A1' }],
    ['ImagingStudy.basedOn', { RequestAttributesSequence: [{ '00080050': element('SH', 'B1') }] }],
    ['ImagingStudy.referrer', { ReferringPhysicianName: 'Who^Ann' }],
    ['ImagingStudy.procedureCode', { ProcedureCodeSequence: [codeItem('113014', 'DCM')] }],
    ['ImagingStudy.series.bodySite', { BodyPartExamined: 'CHEST' }],
    ['ImagingStudy.series.laterality', { Laterality: 'R' }],
    ['ImagingStudy.series.performer', { OperatorsName: 'Op^Ann', PerformingPhysicianName: 'Doc^Eve' }],
    ['ImagingStudy.series.instance.title', { ContentLabel: 'KEY' }],
  ])('are not read for %s where it is excluded', (name, values: Values) => {
    const rowOf = (excluded: ReadonlyArray<string>, given: Values) => {
      const judge = makeJudge(settingsOf({ excludedElements: new Set(excluded) }))
      const judged = judge.judge(entryOf(judge, { values: given }), false)
      if (judged._tag !== 'Live' || judged.row._tag !== 'Upsert') throw new Error(judged._tag)
      const { study, series: ofSeries, instance } = judged.row.change
      return JSON.stringify([
        study('follow')({ resourceType: 'ImagingStudy', status: 'available', subject: {} }),
        ofSeries('follow')({ uid: '', modality: {} }),
        instance('follow')({ uid: '', sopClass: {} }),
      ])
    }
    const excluded = name === 'ImagingStudy.identifier:accession' ? [name, 'ImagingStudy.basedOn'] : [name]
    expect(rowOf(excluded, values)).toBe(rowOf([], {}))
    expect(rowOf([], values)).not.toBe(rowOf([], {}))
  })

  it("enrich the original's study in place: found by the same identifiers, nothing doubled", () => {
    const original = {
      resourceType: 'ImagingStudy' as const,
      id: '7',
      identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
      status: 'available' as const,
      modality: [{ system: 'DCM', code: 'CT' }],
      subject: { reference: 'Patient/1' },
      series: [
        {
          uid: '1.2.3.1',
          modality: { system: 'DCM', code: 'CT' },
          instance: [{ uid: '1.2.3.1.1', sopClass: { code: ctImage } }],
        },
      ],
    }
    const values = { AccessionNumber: 'A1', Laterality: 'R', ContentLabel: 'KEY' }
    const once = merge(original, [image(1, 1, values)])
    expect(once).toMatchObject({
      _tag: 'Study',
      resource: {
        id: '7',
        identifier: [{ value: 'urn:oid:1.2.3' }, { value: 'A1' }],
        basedOn: [{ identifier: { value: 'A1' } }],
        numberOfSeries: 1,
        numberOfInstances: 1,
        series: [{ uid: '1.2.3.1', laterality: { code: '24028007' }, instance: [{ uid: '1.2.3.1.1', title: 'KEY' }] }],
      },
    })
    expect(once._tag === 'Study' && merge(once.resource, [image(1, 1, values)])).toEqual(once)
  })
})
