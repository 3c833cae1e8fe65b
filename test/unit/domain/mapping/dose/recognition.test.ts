import { describe, expect, it } from '@jest/globals'
import * as TH from 'fp-ts/These'
import { tagOf } from '../../../../../lib/domain/dicom/tags'
import { summaryRows } from '../../../../../lib/domain/mapping/dose/concepts'
import { isDoseReport, mapDoseReport } from '../../../../../lib/domain/mapping/dose/report'
import { doseKeywords, doseRules } from '../../../../../lib/domain/mapping/dose/rules'
import { clean, mapValid } from '../../../../support/assert/dose-observations'
import {
  accumulated,
  administration,
  ctAcquisition,
  ctContent,
  xRayEvent,
} from '../../../../support/world/dose-samples'
import {
  type Json,
  coded,
  container,
  dateTime,
  datasetOf,
  dcm,
  element,
  num,
  report,
  sopClasses,
  text,
  ucum,
  uid,
} from '../../../../support/world/dose-sr'

const invalid = (keyword: string, reason: string) => ({ _tag: 'TagInvalid', keyword, reason })

describe('isDoseReport', () => {
  it.each([
    [true, { sopClass: sopClasses.xRay, root: dcm('126000') }],
    [true, { sopClass: sopClasses.radiopharmaceutical, root: dcm('126000') }],
    [true, { sopClass: sopClasses.comprehensive, root: dcm('113701', 'Dosisbericht') }],
    [true, { sopClass: sopClasses.comprehensive, root: dcm('113500', '') }],
    [true, { sopClass: ` ${sopClasses.xRay}\0`, root: dcm('126000') }],
    [false, { sopClass: sopClasses.comprehensive, root: dcm('126000', 'X-Ray Radiation Dose Report') }],
    [false, { sopClass: sopClasses.comprehensive, root: ['113701', '99ACME', 'X-Ray Radiation Dose Report'] as const }],
    [false, { sopClass: sopClasses.enhancedXRay, root: dcm('113701') }],
  ])('says %p for %j', (is, sample) => {
    expect(isDoseReport(report(sample))).toBe(is)
    expect(TH.isLeft(mapDoseReport({})(report(sample)))).toBe(!is)
  })

  it('says no for an instance that is no report at all', () => {
    expect(isDoseReport(datasetOf({}))).toBe(false)
  })

  it.each([
    [undefined, { _tag: 'TagMissing', keyword: 'SOPInstanceUID' }],
    ['1..2', invalid('SOPInstanceUID', 'not a UID')],
  ])('cannot map a report whose SOPInstanceUID is %p: it would have no identity', (value, issue) => {
    const elements = { '00080018': element('UI', value) }
    expect(mapDoseReport({})(report({ elements }))).toEqual(TH.left([issue]))
  })
})

describe('status', () => {
  const statusOf = (elements: Json) => {
    const { summary, events, issues } = mapValid(report({ content: [xRayEvent('1.2.3.7.1', '20260302')], elements }))
    return { status: [summary.status, ...events.map((event) => event.status)], issues }
  }
  const flags = (preliminary: unknown, completion: unknown) => ({
    '0040A496': element('CS', preliminary),
    '0040A491': element('CS', completion),
  })

  it.each([
    ['FINAL', 'PARTIAL', 'final'],
    ['PRELIMINARY', 'COMPLETE', 'preliminary'],
    [undefined, 'COMPLETE', 'final'],
    [undefined, 'PARTIAL ', 'preliminary'],
    ['', null, 'unknown'],
  ])('of a report that is %p and %p is %p, and so is that of its events', (preliminary, completion, status) => {
    expect(statusOf(flags(preliminary, completion))).toEqual({ status: [status, status], issues: [] })
  })

  it('passes over a flag that is none', () => {
    expect(statusOf(flags('DRAFT', 'PARTIAL'))).toEqual({
      status: ['preliminary', 'preliminary'],
      issues: [invalid('PreliminaryFlag', 'not PRELIMINARY or FINAL')],
    })
    expect(statusOf(flags(undefined, 7)).issues).toEqual([invalid('CompletionFlag', 'not COMPLETE or PARTIAL')])
  })
})

describe('effectiveDateTime', () => {
  const started = (content: ReadonlyArray<Json>, elements: Json = {}, zone?: string) =>
    mapValid(report({ content, elements }), zone).summary.effectiveDateTime
  const none = { '00080021': element('DA'), '00080201': element('SH') }

  it('of a CT is the start of its irradiation, not that of an event', () => {
    const event = ctAcquisition('1.2.3.7.1', 1, 2, dateTime(dcm('111526'), '20260302070000'))
    expect(started(ctContent(event))).toBe('2026-03-02T08:01:02.5+01:00')
    expect(started([event])).toBe('2026-03-02T08:09:10+01:00')
  })

  it('of a radiopharmaceutical is the start of its administration', () => {
    expect(started([administration('1.2.3.7.1')], { '0040A043': element('SQ') })).toBe('2026-03-02T08:09:10+01:00')
    const sample = { sopClass: sopClasses.radiopharmaceutical, content: [administration('1.2.3.7.1')] }
    expect(clean(report(sample)).summary.effectiveDateTime).toBe('2026-03-02T07:30:00+01:00')
  })

  it.each([
    [{}, '2026-03-02T08:09:10+01:00'],
    [{ '00080021': element('DA'), '00080023': element('DA', '20260303') }, '2026-03-03'],
    [{ '00080021': element('DA') }, '2026-03-01T07:00:00+01:00'],
    [{ '00080021': element('DA'), '00080020': element('DA') }, undefined],
  ])('else is the time of the series, the content, the study: %j', (elements, time) => {
    expect(started([], elements)).toBe(time)
  })

  it.each([
    ['20260302080102.123456-0500', 'Europe/Berlin', '2026-03-02T08:01:02.123456-05:00'],
    ['20260302080102', 'Europe/Berlin', '2026-03-02T08:01:02+01:00'],
    ['20260702080102', 'Europe/Berlin', '2026-07-02T08:01:02+02:00'],
    ['2026030208', 'Europe/Berlin', '2026-03-02T08:00:00+01:00'],
    ['20260302080160+0000', undefined, '2026-03-02T08:01:59+00:00'],
    ['20260302080102', undefined, '2026-03-02'],
    ['202603', 'Europe/Berlin', '2026-03'],
    ['2026', 'Europe/Berlin', '2026'],
  ])('reads the DT %p', (value, zone, time) => {
    expect(started([xRayEvent('1.2.3.7.1', value)], none, zone)).toBe(time)
  })

  it.each([
    ['20260302080102+9900', '2026-03-02', 'not an offset from UTC'],
    ['20260302250000', '2026-03-02', 'not a time (TM)'],
    ['20261302', undefined, 'not a date and time (DT)'],
    ['today', undefined, 'not a date and time (DT)'],
    [{}, undefined, 'not a text'],
  ])('writes what can be read of %p, and reports it', (value, time, reason) => {
    const content = [container(dcm('113706'), uid(dcm('113769'), '1.2.3.7.1'), dateTime(dcm('111526'), value))]
    const { summary, events, issues } = mapValid(report({ content, elements: none }), 'Europe/Berlin')
    expect(events.map((event) => event.effectiveDateTime)).toEqual([time])
    expect(summary.effectiveDateTime).toBe(time ?? '2026-03-01T07:00:00+01:00')
    expect(issues).toEqual([invalid('DateTime', reason)])
  })

  it('never gives the zone to a time whose offset cannot be read', () => {
    const elements = { '00080201': element('SH', 'CET') }
    expect(started([xRayEvent('1.2.3.7.1', '20260302080102')], elements, 'Europe/Berlin')).toBe('2026-03-02')
  })
})

describe('device', () => {
  const deviceOf = (...content: ReadonlyArray<Json>) => clean(report({ content })).summary.device
  const name = text(dcm('121013'), 'XA 3')
  const make = [text(dcm('121014'), 'Maker'), text(dcm('121015'), 'Model 7')]
  const person = [coded(dcm('121005'), dcm('121006', 'Person')), text(dcm('121008'), 'Doe^Jane')]

  it('is named, else described by its make, else by its serial number', () => {
    expect(deviceOf(...make, name)).toEqual({ display: 'XA 3' })
    expect(deviceOf(...make)).toEqual({ display: 'Maker Model 7' })
    expect(deviceOf(text(dcm('121016'), 4711))).toEqual({ display: '4711' })
    expect(deviceOf(text(dcm('121013'), '  '))).toBeUndefined()
  })

  it('is the observer that is a device, the first of several, also where it is nested', () => {
    const first = coded(dcm('121005'), dcm('121007', 'Device'), ...make)
    expect(deviceOf(...person, first, coded(dcm('121005'), dcm('121007', 'Device')), name)).toEqual({
      display: 'Maker Model 7',
    })
    expect(deviceOf(...person)).toBeUndefined()
  })
})

it('projects to the tags that it reads, and describes every component', () => {
  expect(doseKeywords.map(tagOf)).toContain('0040A730')
  expect(
    doseRules.filter(({ of, element: path }) => of === 'summary' && path === 'Observation.component'),
  ).toHaveLength(summaryRows.length)
  const { summary } = clean(report({ content: [accumulated(undefined, num(dcm('113725'), 1, ucum('mGy')))] }))
  const described = new Set(doseRules.map(({ element: path }) => path.replace(/ .*/, '').slice('Observation.'.length)))
  const fixed = new Set(['resourceType', 'code', 'category'])
  expect(Object.keys(summary).filter((key) => !fixed.has(key) && !described.has(key))).toEqual([])
})
