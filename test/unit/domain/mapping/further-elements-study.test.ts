import { describe, expect, it } from '@jest/globals'
import type { CodeableConcept, Identifier, Reference } from 'fhir/r4'
import type { StudyFields } from '../../../../lib/domain/mapping/fields'
import { element } from '../../../support/world/dose-sr'
import { acsnType, dcm, emptyStudy, mapStudy, uidType } from '../../../support/world/domain-mapping'

const map = mapStudy()
const uid = { type: uidType, system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }
const study = (parts: Partial<StudyFields> = {}): StudyFields => ({ ...emptyStudy, identifier: [uid], ...parts })
const clean = (resource: StudyFields) => ({ resource, issues: [] })

const hospital = 'urn:oid:1.2.840.99.1'
const accession = (value: string, system?: string, name?: string): Identifier => ({
  type: acsnType,
  ...(system === undefined ? {} : { system }),
  value,
  ...(name === undefined ? {} : { assigner: { display: name } }),
})
const order = (identifier: Identifier): Reference => ({ type: 'ServiceRequest', identifier })
const ordered = (...accessions: ReadonlyArray<Identifier>): StudyFields =>
  study({ identifier: [uid, ...accessions.slice(0, 1)], basedOn: accessions.map(order) })

/** Items of (0008,0051) and (0040,0275), in DICOM JSON. */
const issuer = (id?: string, type?: string, name?: string) => ({
  ...(name === undefined ? {} : { '00400031': element('UT', name) }),
  ...(id === undefined ? {} : { '00400032': element('UT', id) }),
  ...(type === undefined ? {} : { '00400033': element('CS', type) }),
})
const request = (number: string, of?: object) => ({
  '00080050': element('SH', number),
  ...(of === undefined ? {} : { '00080051': element('SQ', of) }),
})
const codeItem = (value: string, scheme: string, meaning?: string, tag = '00080100') => ({
  [tag]: element('SH', value),
  '00080102': element('SH', scheme),
  ...(meaning === undefined ? {} : { '00080104': element('LO', meaning) }),
})

describe('ImagingStudy.identifier (accession) and .basedOn: AccessionNumber, its issuer, and grouped orders', () => {
  it.each([
    ['no issuer', [], accession('A1')],
    ['an ISO one', [issuer('1.2.840.99.1', 'ISO', 'St. Ana')], accession('A1', hospital, 'St. Ana')],
    ['a URI', [issuer('https://ris.example', 'URI')], accession('A1', 'https://ris.example')],
    ['a name alone', [issuer(undefined, undefined, 'St. Ana')], accession('A1', undefined, 'St. Ana')],
    ['an id that is no URI', [issuer('RIS 1', 'DNS', 'St. Ana')], accession('A1', undefined, 'St. Ana')],
  ])('are the number with %s', (_, IssuerOfAccessionNumberSequence, expected) => {
    expect(map({ AccessionNumber: ' A1 ', IssuerOfAccessionNumberSequence })).toEqual(clean(ordered(expected)))
  })

  it.each([
    ['its number', accession('A1', hospital), 'A2', [issuer('1.2.840.99.1', 'ISO')], accession('A2', hospital)],
    [
      'its issuer',
      accession('A1', hospital),
      'A1',
      [issuer('https://ris.example', 'URI')],
      accession('A1', 'https://ris.example'),
    ],
    ['to none', accession('A1', hospital), 'A1', [], accession('A1')],
    ['from none', accession('A1'), 'A1', [issuer('1.2.840.99.1', 'ISO')], accession('A1', hospital)],
  ])('are replaced when the accession changes %s', (_, before, AccessionNumber, sequence, after) => {
    const values = { AccessionNumber, IssuerOfAccessionNumberSequence: sequence }
    expect(map(values, 'follow', ordered(before))).toEqual(clean(ordered(after)))
  })

  it('stay when the tag is absent, and go when a correction empties it', () => {
    const before = ordered(accession('A1', hospital))
    expect(map({}, 'correct', before)).toEqual(clean(before))
    expect(map({ AccessionNumber: [] }, 'follow', before)).toEqual(clean(before))
    expect(map({ AccessionNumber: [] }, 'correct', before)).toEqual(clean(study()))
  })

  it('stay when a correction has a number that cannot be read', () => {
    const before = ordered(accession('A1', hospital))
    expect(map({ AccessionNumber: ['A2', 'A3'] }, 'correct', before).resource).toEqual(before)
  })

  it('name the order of the study with the issuer that it has, also when a request repeats it without', () => {
    const values = { AccessionNumber: 'A1', IssuerOfAccessionNumberSequence: [issuer(undefined, undefined, 'St. Ana')] }
    expect(map({ ...values, RequestAttributesSequence: [request('A1'), request('B1')] })).toEqual(
      clean(ordered(accession('A1', undefined, 'St. Ana'), accession('B1'))),
    )
  })

  it('keep the orders of a group beside an instance that names no requests, such as its dose report', () => {
    const grouped = ordered(accession('A1'), accession('B1'))
    expect(map({ AccessionNumber: 'A1' }, 'follow', grouped)).toEqual(clean(grouped))
    expect(map({ AccessionNumber: 'A2' }, 'follow', grouped)).toEqual(clean(ordered(accession('A2'))))
  })

  it('name the orders of a group once each', () => {
    const group = [request('A1'), request('B1'), request('B2', issuer('1.2.840.99.1', 'ISO')), request('B1')]
    expect(map({ AccessionNumber: 'A1', RequestAttributesSequence: group })).toEqual(
      clean(ordered(accession('A1'), accession('B1'), accession('B2', hospital))),
    )
  })

  it('name the orders of a group that has no accession number of its own', () => {
    expect(map({ RequestAttributesSequence: [request('B1')] })).toEqual(
      clean(study({ basedOn: [order(accession('B1'))] })),
    )
  })

  const foreign: Record<string, Reference> = {
    'a reference': { reference: 'ServiceRequest/77' },
    'a reference with an accession': { ...order(accession('A1')), reference: 'ServiceRequest/77' },
    'a care plan': { type: 'CarePlan', identifier: accession('C1') },
    'an order by another identifier': { type: 'ServiceRequest', identifier: { value: 'PLACER 1' } },
    'an order that has a display': { ...order(accession('Z1')), display: 'CT of the head' },
  }
  it.each(Object.entries(foreign))('leave %s of another system alone', (_, theirs) => {
    const before = study({ identifier: [uid, accession('A1')], basedOn: [theirs, order(accession('A1'))] })
    expect(map({ AccessionNumber: 'A2' }, 'follow', before)).toEqual(
      clean(study({ identifier: [uid, accession('A2')], basedOn: [theirs, order(accession('A2'))] })),
    )
    expect(map({ AccessionNumber: [] }, 'correct', before)).toEqual(clean(study({ basedOn: [theirs] })))
  })

  it("leave another system's accession number alone", () => {
    const theirs = accession('X9', 'https://other.example')
    const before = study({ identifier: [uid, theirs] })
    expect(map({ AccessionNumber: 'A1' }, 'follow', before)).toEqual(
      clean(study({ identifier: [uid, theirs, accession('A1')], basedOn: [order(accession('A1'))] })),
    )
  })

  it("take over the original's, which had no order", () => {
    const before = study({ identifier: [uid, { ...accession('A1'), system: '' }] })
    const mapped = map({ AccessionNumber: 'A2' }, 'follow', before)
    expect(mapped).toEqual(clean(ordered(accession('A2'))))
  })

  it('leave no old number of an issuer behind where the orders are not written', () => {
    const mapAlone = mapStudy(undefined, new Set(['ImagingStudy.basedOn']))
    const values = { AccessionNumber: 'A2', IssuerOfAccessionNumberSequence: [issuer('1.2.840.99.1', 'ISO')] }
    const holding = (...numbers: ReadonlyArray<Identifier>) => study({ identifier: [uid, ...numbers] })
    const [before, after] = [holding(accession('A1', hospital)), holding(accession('A2', hospital))]
    expect(mapAlone(values)).toEqual(clean(after))
    expect(mapAlone(values, 'follow', before)).toEqual(clean(after))
    // Of several it is not known which was ours.
    const several = [accession('B1', hospital), accession('B2', hospital)]
    expect(mapAlone(values, 'follow', holding(...several))).toEqual(
      clean(holding(...several, accession('A2', hospital))),
    )
  })

  it('are the same after the same values again', () => {
    const values = { AccessionNumber: 'A1', RequestAttributesSequence: [request('B1')] }
    const once = map(values).resource
    expect(map(values, 'follow', once)).toEqual({ resource: once, issues: [] })
  })
})

describe('ImagingStudy.referrer: ReferringPhysicianName (0008,0090)', () => {
  const person = (...codes: ReadonlyArray<object>) => ({ '00401101': element('SQ', ...codes) })

  it.each([
    ['Who^Ann^B^Dr^MD', 'Dr Ann B Who MD'],
    ['Who', 'Who'],
    [' Who^Ann ', 'Ann Who'],
    [{ Ideographic: '山田^太郎' }, '山田 太郎'],
  ])('%j is displayed as %s', (ReferringPhysicianName, display) => {
    expect(map({ ReferringPhysicianName })).toEqual(clean(study({ referrer: { display } })))
  })

  it.each([
    ['with a known scheme', codeItem('123', 'SCT'), { system: 'http://snomed.info/sct', value: '123' }],
    ['of a private scheme', codeItem('D77', '99RIS'), { value: 'D77' }],
  ])('has an identifier %s', (_, code, identifier) => {
    const values = { ReferringPhysicianName: 'Who^Ann', ReferringPhysicianIdentificationSequence: [person(code)] }
    expect(map(values)).toEqual(clean(study({ referrer: { identifier, display: 'Ann Who' } })))
  })

  it('is an identifier alone where there is no name, which takes no name away', () => {
    const values = { ReferringPhysicianIdentificationSequence: [person(codeItem('D77', '99RIS'))] }
    const identified = study({ referrer: { identifier: { value: 'D77' } } })
    const named = study({ referrer: { display: 'Ann Who' } })
    expect(map(values)).toEqual(clean(identified))
    expect(map(values, 'follow', named)).toEqual(clean(named))
    expect(map(values, 'correct', named)).toEqual(clean(named))
    expect(map({ ...values, ReferringPhysicianName: [] }, 'correct', named)).toEqual(clean(identified))
  })

  it('that refers to a resource stays', () => {
    const before = study({ referrer: { reference: 'Practitioner/1' } })
    expect(map({ ReferringPhysicianName: 'Who^Ann' }, 'correct', before)).toEqual(clean(before))
    expect(map({ ReferringPhysicianName: [] }, 'correct', before)).toEqual(clean(before))
  })

  it('is reported when it is not a name, and goes when a correction empties it', () => {
    expect(map({ ReferringPhysicianName: [true] })).toMatchObject({
      resource: study(),
      issues: [{ _tag: 'TagInvalid' }],
    })
    const before = study({ referrer: { display: 'Ann Who' } })
    expect(map({ ReferringPhysicianName: [] }, 'correct', before)).toEqual(clean(study()))
  })
})

describe('ImagingStudy.procedureCode: ProcedureCodeSequence (0008,1032)', () => {
  const coding = (system: string | undefined, code: string, display?: string): CodeableConcept => ({
    coding: [{ ...(system === undefined ? {} : { system }), code, ...(display === undefined ? {} : { display }) }],
    ...(display === undefined ? {} : { text: display }),
  })

  it.each([
    ['SCT', codeItem('77477000', 'SCT', 'CT'), coding('http://snomed.info/sct', '77477000', 'CT')],
    ['DCM', codeItem('113014', 'DCM', 'Study'), coding(dcm, '113014', 'Study')],
    ['LN', codeItem('24627-2', 'LN', 'CT Chest'), coding('http://loinc.org', '24627-2', 'CT Chest')],
    ['RADLEX', codeItem('RPID16', 'RADLEX', 'CT'), coding('http://www.radlex.org', 'RPID16', 'CT')],
    ['C4', codeItem('71250', 'C4', 'CT'), coding('http://www.ama-assn.org/go/cpt', '71250', 'CT')],
    ['SRT that is known', codeItem('P5-08000', 'SRT', 'CT'), coding('http://snomed.info/sct', '77477000', 'CT')],
    ['SRT that is not', codeItem('P5-99999', 'SRT', 'Odd CT'), { text: 'Odd CT' }],
    ['SRT without a meaning', codeItem('P5-99999', 'SRT'), { text: 'P5-99999' }],
    ['99SDM', codeItem('P5-08000', '99SDM', 'CT'), coding('http://snomed.info/sct', '77477000', 'CT')],
    ['a private scheme', codeItem('CTHD', '99RIS', 'CT head'), coding(undefined, 'CTHD', 'CT head')],
    ['a long code', codeItem('77477000', 'SCT', 'CT', '00080119'), coding('http://snomed.info/sct', '77477000', 'CT')],
    ['no meaning', codeItem('113014', 'DCM'), coding(dcm, '113014')],
    [
      'a URN',
      { '00080120': element('UR', 'urn:oid:1.2.840.99.1') },
      coding('urn:ietf:rfc:3986', 'urn:oid:1.2.840.99.1'),
    ],
    [
      'a URL',
      { '00080120': element('UR', 'https://codes.example/ct') },
      coding('urn:ietf:rfc:3986', 'https://codes.example/ct'),
    ],
    ['an unknown scheme', codeItem('CT 1', 'MYCODES', 'CT'), coding(undefined, 'CT 1', 'CT')],
  ])('of %s', (_, item, expected) => {
    expect(map({ ProcedureCodeSequence: [item] })).toEqual(clean(study({ procedureCode: [expected] })))
  })

  it('is each coded item; those without a code are passed over', () => {
    const items = [codeItem('113014', 'DCM'), { '00080104': element('LO', 'No code') }, codeItem('CTHD', '99RIS')]
    expect(map({ ProcedureCodeSequence: items })).toEqual(
      clean(study({ procedureCode: [coding(dcm, '113014'), coding(undefined, 'CTHD')] })),
    )
  })

  it('is replaced when it changes, and goes when a correction empties it', () => {
    const before = study({ procedureCode: [coding(dcm, '113014')] })
    expect(map({ ProcedureCodeSequence: [codeItem('CTHD', '99RIS')] }, 'follow', before)).toEqual(
      clean(study({ procedureCode: [coding(undefined, 'CTHD')] })),
    )
    expect(map({ ProcedureCodeSequence: [codeItem('CTHD', '99RIS')] }, 'fill', before)).toEqual(clean(before))
    expect(map({}, 'correct', before)).toEqual(clean(before))
    expect(map({ ProcedureCodeSequence: [] }, 'correct', before)).toEqual(clean(study()))
  })

  it('stays when a correction has items without a code', () => {
    const before = study({ procedureCode: [coding(dcm, '113014')] })
    const items = [{ '00080104': element('LO', 'No code') }]
    expect(map({ ProcedureCodeSequence: items }, 'correct', before)).toEqual(clean(before))
  })
})

it('an accession number that is two is reported, and what FHIR holds stays', () => {
  const before = ordered(accession('A1'))
  const { resource, issues } = map({ AccessionNumber: ['A2', 'A3'] }, 'follow', before)
  expect([resource, issues.map(({ _tag, keyword }) => [_tag, keyword])]).toEqual([
    before,
    [['TagInvalid', 'AccessionNumber']],
  ])
})
