import { describe, expect, it } from '@jest/globals'
import * as TH from 'fp-ts/These'
import { makeJudge } from '../../../../lib/domain/batch/judge'
import { mapDoseReport } from '../../../../lib/domain/mapping/dose/report'
import { doseRules } from '../../../../lib/domain/mapping/dose/rules'
import type { StudyFields } from '../../../../lib/domain/mapping/fields'
import { allRuleTexts } from '../../../../lib/domain/mapping/rules'
import { type SeriesOfStudy, withOrders, withReasons } from '../../../../lib/domain/mapping/series-orders'
import type { Values } from '../../../support/world/domain-dataset'
import { entryOf } from '../../../support/world/domain-feed'
import { settingsOf } from '../../../support/world/domain-settings'
import { expectValid } from '../../../support/assert/dose-observations'
import { administration, plane, accumulated } from '../../../support/world/dose-samples'
import { codeItem, coded, dcm, element, num, report, sct, sopClasses, text, ucum } from '../../../support/world/dose-sr'

const optionalOf = (rules: ReadonlyArray<{ readonly element: string; readonly required: boolean }>) => [
  ...new Set(rules.flatMap(({ element: name, required }) => (required ? [] : [name]))),
]

const everything: Values = {
  PatientName: 'Rivera^Ana',
  PatientSex: 'F',
  PatientBirthDate: '19700102',
  AccessionNumber: 'A1',
  StudyDate: '20260301',
  StudyDescription: 'Head',
  ReasonForStudy: 'headache',
  ReferringPhysicianName: 'Who^Ann',
  ProcedureCodeSequence: [codeItem(dcm('113014'))],
  SeriesNumber: 1,
  SeriesDescription: 'AX',
  SeriesDate: '20260301',
  BodyPartExamined: 'KNEE',
  Laterality: 'R',
  OperatorsName: 'Op^Eve',
  PerformingPhysicianName: 'Doc^Eve',
  InstanceNumber: 1,
  ContentLabel: 'KEY',
}

const withOrdersUnless = (excluded: ReadonlyArray<string>, study: StudyFields, said: SeriesOfStudy): StudyFields =>
  excluded.includes('ImagingStudy.basedOn')
    ? study
    : withOrders(study, said, !excluded.includes('ImagingStudy.identifier:accession'))

const resourcesWithout = (...excluded: ReadonlyArray<string>) => {
  const judge = makeJudge(settingsOf({ excludedElements: new Set(excluded) }))
  const judged = judge.judge(entryOf(judge, { values: everything }), false)
  if (judged._tag !== 'Live' || judged.row._tag !== 'Upsert') throw new Error(judged._tag)
  const { patient, change } = judged.row
  const instance = change.instance('follow')({ uid: '', sopClass: {} })
  const said = change.series('follow')({ uid: '', modality: {} })
  // What the series says of orders and reasons is the study's.
  const { extension: _said, ...series } = said
  const study = change.study('follow')({ resourceType: 'ImagingStudy', status: 'available', subject: {} })
  const ofSeries = { live: [said], gone: [] }
  const closed = withReasons(withOrdersUnless(excluded, study, ofSeries), ofSeries, true)
  return {
    Patient: patient('follow')({ resourceType: 'Patient' }),
    ImagingStudy: { ...closed, series: { ...series, instance } },
  }
}

/** The same without what stands at the path; `identifier:accession` is the identifier of that name. */
const cut = (value: unknown, [step = '', ...rest]: ReadonlyArray<string>): unknown =>
  Object.fromEntries(
    Object.entries(value as object).flatMap(([key, inner]: [string, unknown]) => {
      if (step === 'identifier:accession' && key === 'identifier') return [[key, (inner as unknown[]).slice(0, 1)]]
      if (key !== step) return [[key, inner]]
      return rest.length === 0 ? [] : [[key, cut(inner, rest)]]
    }),
  )

describe('DicomCast__Mapping__Exclude', () => {
  it.each(optionalOf(allRuleTexts))('leaves out %s, and nothing else', (name) => {
    const whole = resourcesWithout()
    expect(resourcesWithout(name)).toEqual(cut(whole, name.split('.')))
    expect(resourcesWithout(name)).not.toEqual(whole)
  })

  it.each(optionalOf(doseRules))('leaves %s out of summaries and events, and nothing else', (name) => {
    const dataset = report({
      sopClass: sopClasses.radiopharmaceutical,
      root: dcm('113500'),
      content: [
        text(dcm('121013'), 'PET1'),
        accumulated(plane('113622'), num(dcm('113722'), 1, ucum('Gy.m2'))),
        administration('1.2.3.7.1', coded(dcm('123014'), sct('816094009')), num(dcm('122130'), 1, ucum('Gy.m2'))),
      ],
      elements: { '00080050': element('SH', 'A1') },
    })
    const mapped = (excludedElements: ReadonlySet<string>) => {
      const result = mapDoseReport({ excludedElements })(dataset)
      if (!TH.isRight(result)) throw new Error(result._tag)
      expectValid(result.right)
      return [result.right.summary, ...result.right.events]
    }
    const whole = mapped(new Set())
    const path = name.split('.').slice(1)
    expect(mapped(new Set([name]))).toEqual(whole.map((body) => cut(body, path)))
    expect(mapped(new Set([name]))).not.toEqual(whole)
  })
})
