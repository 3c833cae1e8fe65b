import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import * as TH from 'fp-ts/These'
import { rememberAlike } from '../../../../lib/domain/batch/alike'
import type { DicomDataset } from '../../../../lib/domain/dicom/dataset'
import { type MergeMode, type Rule, applyRules } from '../../../../lib/domain/mapping/mapped'
import { mappingRules } from '../../../../lib/domain/mapping/rules'
import { datasetOf, required } from '../../../support/world/domain-dataset'
import { settingsOf } from '../../../support/world/domain-settings'
import { elementValues } from '../../../support/world/domain-world'

const dataset = (elements: Readonly<Record<string, ReadonlyArray<unknown>>>): DicomDataset =>
  new Map(Object.entries(elements))

const counting = () => {
  let made = 0
  const remember = rememberAlike(['00100010', '00100020'], () => (made += 1))
  return { remember, made: () => made }
}

describe('what the images of a place say alike', () => {
  it('is made once for equal values, whatever else they say', () => {
    const { remember, made } = counting()
    remember('series', dataset({ '00100010': [{ Alphabetic: 'Rivera^Ana' }], '00200013': [1] }))
    remember('series', dataset({ '00100010': [{ Alphabetic: 'Rivera^Ana' }], '00200013': [2] }))
    expect(made()).toBe(1)
  })

  it.each<[string, Readonly<Record<string, ReadonlyArray<unknown>>>]>([
    ['has another value', { '00100010': [{ Alphabetic: 'Rivera^Anna' }] }],
    ['has the value as another type', { '00100010': ['Rivera^Ana'] }],
    ['has one value more', { '00100010': [{ Alphabetic: 'Rivera^Ana' }, null] }],
    ['is there, and empty', { '00100010': [] }],
    ['is not there', {}],
    ['is joined by another one', { '00100010': [{ Alphabetic: 'Rivera^Ana' }], '00100020': [] }],
  ])('is made anew when a tag %s', (_what, elements) => {
    const { remember, made } = counting()
    remember('series', dataset({ '00100010': [{ Alphabetic: 'Rivera^Ana' }] }))
    remember('series', dataset(elements))
    expect(made()).toBe(2)
  })

  it('is remembered for several places at a time, and for no more than some', () => {
    const { remember, made } = counting()
    const ask = (place: number): unknown => remember(`series ${place}`, dataset({}))
    const places = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)
    ;[...places(20), ...places(20)].forEach(ask)
    expect(made()).toBe(20)
    places(1_000).forEach(ask)
    const all = made()
    ask(0)
    expect(made()).toBe(all + 1)
  })
})

const modes: ReadonlyArray<MergeMode> = ['follow', 'fill', 'replace', 'correct']

describe('a change', () => {
  // Why the change of a series is applied once, and not again for each of its images.
  it('that is applied twice is applied once, in every mode and to everything that FHIR may hold', () => {
    const twiceIsOnce = <R>(rules: ReadonlyArray<Rule<R>>, empty: R, held: DicomDataset, next: DicomDataset): void => {
      const before = applyRules(rules)(held)
      const base = TH.isLeft(before) ? empty : before.right('follow')(empty)
      const change = applyRules(rules)(next)
      if (TH.isLeft(change)) return
      for (const mode of modes) {
        const once = change.right(mode)(base)
        expect(change.right(mode)(once)).toEqual(once)
      }
    }
    const dataset = elementValues.map((values) => datasetOf({ ...required, ...values }))
    const zone = fc.constantFrom(undefined, 'UTC', 'Europe/Berlin')
    fc.assert(
      fc.property(dataset, dataset, zone, (held, next, defaultTimeZone) => {
        const rules = mappingRules(settingsOf({ defaultTimeZone }), '')
        twiceIsOnce(rules.patient, { resourceType: 'Patient' }, held, next)
        twiceIsOnce(rules.study, { resourceType: 'ImagingStudy', status: 'available', subject: {} }, held, next)
        twiceIsOnce(rules.series, { uid: '1.2', modality: {} }, held, next)
        twiceIsOnce(rules.instance, { uid: '1.2.3', sopClass: {} }, held, next)
      }),
      { seed: 20261125, numRuns: 2_000 },
    )
  })
})
