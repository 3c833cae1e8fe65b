import { describe, expect, it } from '@jest/globals'
import { writtenNumber } from '../../../../../lib/domain/json'
import { clean, inDcm, mapValid, quantityOf } from '../../../../support/assert/dose-observations'
import { accumulated, ctAcquisition, ctContent, procedure, xRayEvent } from '../../../../support/world/dose-samples'
import {
  type Code,
  type Json,
  coded,
  container,
  dcm,
  element,
  measured,
  num,
  report,
  ucum,
  uid,
  unmeasured,
} from '../../../../support/world/dose-sr'

const invalid = (keyword: string, reason: string) => ({ _tag: 'TagInvalid', keyword, reason })
const unmappable = (keyword: string, reason: string) => ({ _tag: 'TagUnmappable', keyword, reason })

const total = dcm('113725')
const totalOf = (...content: ReadonlyArray<Json>) => {
  const { summary, issues } = mapValid(report({ content: [accumulated(undefined, ...content)] }))
  return { component: summary.component, text: summary.valueString, issues }
}

describe('a unit', () => {
  const quantityIn = (unit: Code | undefined) => {
    const { component, issues } = totalOf(num(total, 1.5, unit))
    expect(issues).toEqual([])
    return component?.[0]?.valueQuantity
  }

  it.each([
    ['mGycm', 'mGy.cm'],
    ['Gym2', 'Gy.m2'],
    ['dGycm2', 'dGy.cm2'],
    ...['mGy', 'Gy', 'dGy', 'uGy.m2', 'cGy.cm2', 'mGy.cm', 's', 'ms', 'min', 'MBq', 'cm3', 'mL', 'mGy/s'].map(
      (code) => [code, code] as const,
    ),
  ])('%p is written as the UCUM code %p', (value, code) => {
    expect(quantityIn(ucum(value))).toEqual(quantityOf(1.5, code))
  })

  it('that is not known is written as text, without a code, and nothing is converted', () => {
    expect(quantityIn(ucum('mGy*cm'))).toEqual({ value: 1.5, unit: 'mGy*cm' })
    expect(quantityIn(['U7', '99ACME', 'rem'])).toEqual({ value: 1.5, unit: 'rem' })
    expect(quantityIn(['mGy', '99ACME'])).toEqual({ value: 1.5, unit: 'mGy' })
    expect(quantityIn(undefined)).toEqual({ value: 1.5 })
  })
})

describe('a value', () => {
  it('that was not measured is skipped, and the report stands', () => {
    const empty = { ...num(total, 1), '0040A300': element('SQ', measured(undefined)) }
    const nothing = { ...num(total, 1), '0040A300': element('SQ', {}) }
    expect(totalOf(unmeasured(total), empty, nothing, num(dcm('113722'), 2, ucum('Gy.m2')))).toEqual({
      component: [{ code: inDcm('113722', 'Dose Area Product Total'), valueQuantity: quantityOf(2, 'Gy.m2') }],
      text: 'X-ray radiation dose: Dose Area Product Total 2 Gy.m2',
      issues: [],
    })
  })

  it('of zero is a value, with the digits that it has', () => {
    const count = dcm('113731')
    for (const [zero, text] of [
      [0, '0'] as const,
      ['0', '0'] as const,
      [' 0.00 ', '0.00'] as const,
      [-0, '0'] as const,
    ]) {
      expect(totalOf(num(total, zero, ucum('mGy')), num(count, zero, ucum('1')))).toEqual({
        component: [
          { code: inDcm('113725', 'Dose (RP) Total'), valueQuantity: quantityOf(writtenNumber(text) as number, 'mGy') },
          { code: inDcm('113731', 'Total Number of Radiographic Frames'), valueInteger: 0 },
        ],
        text: `X-ray radiation dose: Dose (RP) Total ${text} mGy; Total Number of Radiographic Frames 0`,
        issues: [],
      })
    }
  })

  it.each([undefined, ucum('{events}'), ucum('{frames}'), ucum('1'), ['x', '99ACME'] as const])(
    'that counts is an integer, whatever its unit is: %j',
    (unit) => {
      const code = inDcm('113812', 'Total Number of Irradiation Events')
      expect(totalOf(num(dcm('113812'), '17', unit)).component).toEqual([{ code, valueInteger: 17 }])
    },
  )

  it.each([
    [total, 'much', invalid('NumericValue', 'not a decimal (DS)')],
    [total, '1e999', invalid('NumericValue', 'not a decimal (DS)')],
    [total, [1], invalid('NumericValue', 'not a text')],
    [total, { value: 1 }, invalid('NumericValue', 'not a text')],
    [total, 1e30, unmappable('NumericValue', 'too large')],
    [dcm('113812'), 1.5, invalid('NumericValue', 'not a count')],
    [dcm('113812'), -1, invalid('NumericValue', 'not a count')],
    [dcm('113812'), 4e9, unmappable('NumericValue', 'larger than 2147483647')],
  ])('of %j that is %p is left out and reported', (concept, value, issue) => {
    const { component, issues } = totalOf(num(concept, value, ucum('mGy')), num(concept, value, ucum('mGy')))
    expect({ component, issues }).toEqual({ component: undefined, issues: [issue] })
  })

  it('is read as a float where there is no decimal', () => {
    const item = { ...num(total, 1), '0040A300': element('SQ', { '0040A161': element('FD', 1.25) }) }
    expect(totalOf(item).component?.[0]?.valueQuantity).toEqual({ value: 1.25 })
  })
})

describe('a coded value', () => {
  const reported = (code: Code) => {
    const [value, scheme, meaning = 'M'] = code
    return clean(report({ content: [procedure([value, scheme, meaning])] })).summary.component?.[0]
      ?.valueCodeableConcept
  }

  it.each([
    ['DCM', 'http://dicom.nema.org/resources/ontology/DCM'],
    ['SCT', 'http://snomed.info/sct'],
    ['LN', 'http://loinc.org'],
    ['RADLEX', 'http://www.radlex.org'],
    ['FMA', 'http://purl.org/sig/ont/fma'],
    ['I10', 'http://hl7.org/fhir/sid/icd-10'],
    ['C4', 'http://www.ama-assn.org/go/cpt'],
  ])('of the scheme %s has the system of its own scheme', (scheme, system) => {
    expect(reported(['X1', scheme, 'Meaning'])).toEqual({
      coding: [{ system, code: 'X1', display: 'Meaning' }],
      text: 'Meaning',
    })
  })

  it('of a private scheme has no system', () => {
    expect(reported(['X  1', '99ACME', 'Meaning'])).toEqual({
      coding: [{ code: 'X 1', display: 'Meaning' }],
      text: 'Meaning',
    })
  })

  it('of a legacy scheme is translated, else it is text: its id is no SNOMED CT code', () => {
    expect(reported(['P5-08000', 'SRT', 'CT'])).toEqual({
      coding: [{ system: 'http://snomed.info/sct', code: '77477000', display: 'CT' }],
      text: 'CT',
    })
    expect(reported(['P5-99999', '99SDM', 'Something else'])).toEqual({ text: 'Something else' })
  })

  it('may have a long code, or a URN', () => {
    const site = (...[keyword, value]: readonly [string, string]) => {
      const target = {
        ...coded(dcm('123014'), dcm('0')),
        '0040A168': element('SQ', { [keyword]: element('UC', value) }),
      }
      return clean(report({ content: [xRayEvent('1.2.3.7.1', '20260302', target)] })).events[0]?.bodySite
    }
    expect(site('00080119', 'longer-than-sixteen-characters')).toEqual({
      coding: [{ code: 'longer-than-sixteen-characters' }],
    })
    expect(site('00080120', 'urn:oid:1.2.840.10008.1')).toEqual({
      coding: [{ system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.1' }],
    })
  })
})

it('names the order as the study does, with the issuer of its accession number', () => {
  const issuer = {
    '00400031': element('UT', 'RIS'),
    '00400032': element('UT', '1.2.840.99'),
    '00400033': element('CS', 'ISO'),
  }
  const elements = { '00080050': element('SH', 'A77'), '00080051': element('SQ', issuer) }
  expect(clean(report({ elements })).summary.basedOn).toEqual([
    {
      type: 'ServiceRequest',
      identifier: {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' }] },
        system: 'urn:oid:1.2.840.99',
        value: 'A77',
        assigner: { display: 'RIS' },
      },
    },
  ])
})

describe('an irradiation event', () => {
  it('repeated in a later cumulative report is the same Observation', () => {
    const first = ctAcquisition('1.2.3.7.1', 1, 2)
    const later = [first, ctAcquisition('1.2.3.7.2', 3, 4)]
    const one = clean(report({ content: ctContent(first) }))
    const two = clean(report({ sop: '1.2.3.9.2', content: ctContent(...later) }))
    expect(two.events[0]).toEqual(one.events[0])
    expect(two.events).toHaveLength(2)
    expect(two.summary.identifier[0]).not.toEqual(one.summary.identifier[0])
  })

  it('repeated in one report is one Observation', () => {
    const acquisition = ctAcquisition('1.2.3.7.1', 1, 2)
    expect(clean(report({ content: [acquisition, acquisition] })).events).toEqual(
      clean(report({ content: [acquisition] })).events,
    )
  })

  it('is the same, whatever number of times it is mapped', () => {
    const content = ctContent(ctAcquisition('1.2.3.7.1', 1, 2))
    const dataset = report({ content })
    expect(clean(dataset)).toEqual(clean(dataset))
    expect(JSON.stringify(clean(report({ content })))).toBe(JSON.stringify(clean(dataset)))
  })

  it('without a UID has no identity: it is passed over and reported, and the others stand', () => {
    const content = [
      container(dcm('113706'), num(dcm('122130'), 1, ucum('Gy.m2'))),
      container(dcm('113706'), uid(dcm('113769'), 'one')),
      xRayEvent('1.2.3.7.1', '20260302080102'),
    ]
    const { events, issues } = mapValid(report({ content }))
    expect(events.map(({ identifier: [own] }) => own.value)).toEqual(['urn:oid:1.2.3.7.1'])
    expect(issues).toEqual([{ _tag: 'TagMissing', keyword: 'UID' }, invalid('UID', 'not a UID')])
  })

  it('takes nothing from the report, and gives it nothing', () => {
    const stray = num(total, 7, ucum('Gy'))
    const content = [xRayEvent('1.2.3.7.1', '20260302080102', stray), num(dcm('122130'), 1, ucum('Gy.m2'))]
    const { summary, events } = clean(report({ content }))
    expect([summary.component, events[0]?.component]).toEqual([undefined, undefined])
  })

  it('does not take what its own values were inferred from', () => {
    const from = { ...num(dcm('113738'), 9, ucum('Gy')), '0040A010': element('CS', 'INFERRED FROM') }
    const dose = num(dcm('113738'), 1, ucum('Gy'), from)
    const { events } = clean(report({ content: [xRayEvent('1.2.3.7.1', '20260302', dose)] }))
    expect(events[0]?.component?.map(({ valueQuantity }) => valueQuantity?.value)).toEqual([1])
  })

  it('has the target region of older files as a SNOMED CT code', () => {
    const target = coded(dcm('123014'), ['T-D3000', 'SRT', 'Chest'])
    expect(clean(report({ content: [xRayEvent('1.2.3.7.1', '20260302', target)] })).events[0]?.bodySite).toEqual({
      coding: [{ system: 'http://snomed.info/sct', code: '816094009', display: 'Chest' }],
      text: 'Chest',
    })
  })
})
