import { type DicomDataset, projectDataset } from '../../../lib/domain/dicom/dataset'
import { tagOf } from '../../../lib/domain/dicom/tags'
import { doseKeywords } from '../../../lib/domain/mapping/dose/rules'

/** DICOM JSON of structured reports, built by hand: what a test does not say is not there. */
export type Json = Readonly<Record<string, unknown>>

export const element = (vr: string, ...values: ReadonlyArray<unknown>): Json => ({ vr, Value: values })

/** [code value, coding scheme designator, code meaning] */
export type Code = readonly [value: string, scheme: string, meaning?: string]

export const dcm = (value: string, meaning = 'said otherwise by this file'): Code => [value, 'DCM', meaning]
export const sct = (value: string, meaning?: string): Code =>
  meaning === undefined ? [value, 'SCT'] : [value, 'SCT', meaning]
export const ucum = (value: string): Code => [value, 'UCUM', value]

export const codeItem = ([value, scheme, meaning]: Code): Json => ({
  '00080100': element('SH', value),
  '00080102': element('SH', scheme),
  ...(meaning === undefined ? {} : { '00080104': element('LO', meaning) }),
})

const item = (
  relationship: string,
  valueType: string,
  concept: Code,
  value: Json,
  children: ReadonlyArray<Json> = [],
): Json => ({
  '0040A010': element('CS', relationship),
  '0040A040': element('CS', valueType),
  '0040A043': element('SQ', codeItem(concept)),
  ...value,
  ...(children.length === 0 ? {} : { '0040A730': element('SQ', ...children) }),
})

export const container = (concept: Code, ...children: ReadonlyArray<Json>): Json =>
  item('CONTAINS', 'CONTAINER', concept, { '0040A050': element('CS', 'SEPARATE') }, children)

export const measured = (value: unknown, unit?: Code): Json => ({
  '0040A30A': element('DS', value),
  ...(unit === undefined ? {} : { '004008EA': element('SQ', codeItem(unit)) }),
})

export const num = (concept: Code, value: unknown, unit?: Code, ...children: ReadonlyArray<Json>): Json =>
  item('CONTAINS', 'NUM', concept, { '0040A300': element('SQ', measured(value, unit)) }, children)

/** Legal: no value was measured. */
export const unmeasured = (concept: Code): Json => item('CONTAINS', 'NUM', concept, { '0040A300': { vr: 'SQ' } })

export const coded = (concept: Code, value: Code, ...children: ReadonlyArray<Json>): Json =>
  item('CONTAINS', 'CODE', concept, { '0040A168': element('SQ', codeItem(value)) }, children)

export const modifier = (concept: Code, value: Code, ...children: ReadonlyArray<Json>): Json => ({
  ...coded(concept, value, ...children),
  '0040A010': element('CS', 'HAS CONCEPT MOD'),
})

export const property = (concept: Code, value: Code): Json => ({
  ...coded(concept, value),
  '0040A010': element('CS', 'HAS PROPERTIES'),
})

export const text = (concept: Code, value: unknown): Json =>
  item('HAS OBS CONTEXT', 'TEXT', concept, { '0040A160': element('UT', value) })

export const uid = (concept: Code, value: unknown): Json =>
  item('CONTAINS', 'UIDREF', concept, { '0040A124': element('UI', value) })

export const dateTime = (concept: Code, value: unknown): Json =>
  item('CONTAINS', 'DATETIME', concept, { '0040A120': element('DT', value) })

export const sopClasses = {
  xRay: '1.2.840.10008.5.1.4.1.1.88.67',
  radiopharmaceutical: '1.2.840.10008.5.1.4.1.1.88.68',
  enhancedXRay: '1.2.840.10008.5.1.4.1.1.88.76',
  comprehensive: '1.2.840.10008.5.1.4.1.1.88.33',
} as const

export interface SampleReport {
  readonly sopClass?: string
  readonly sop?: string
  readonly root?: Code
  readonly content?: ReadonlyArray<Json>
  /** Further elements, or other ones in the place of those below. */
  readonly elements?: Json
}

/** The DICOM JSON of a complete X-ray report of 2026-03-02. */
export const reportJson = ({ sopClass, sop, root, content = [], elements }: SampleReport = {}): Json => ({
  '00080016': element('UI', sopClass ?? sopClasses.xRay),
  '00080018': element('UI', sop ?? '1.2.3.9.1'),
  '00080020': element('DA', '20260301'),
  '00080021': element('DA', '20260302'),
  '00080030': element('TM', '070000'),
  '00080031': element('TM', '080910'),
  '00080060': element('CS', 'SR'),
  '00080201': element('SH', '+0100'),
  '00100010': element('PN', { Alphabetic: 'Rivera^Ana' }),
  '00100020': element('LO', 'P1'),
  '0020000D': element('UI', '1.2.3'),
  '0020000E': element('UI', '1.2.3.9'),
  '0040A043': element('SQ', codeItem(root ?? dcm('113701'))),
  '0040A491': element('CS', 'COMPLETE'),
  '0040A730': element('SQ', ...content),
  ...elements,
})

const project = projectDataset(new Set(doseKeywords.map(tagOf)))

/** As the mapping gets it: what is not asked for is gone. */
export const datasetOf = (json: Json): DicomDataset => project(json) ?? new Map()

export const report = (sample: SampleReport = {}): DicomDataset => datasetOf(reportJson(sample))

/** The same content as an older file writes it: SNOMED RT ids in the place of SNOMED CT codes. */
export const inSrt = (content: Json, ids: Readonly<Record<string, string>>): Json =>
  JSON.parse(
    Object.entries(ids).reduce(
      (json, [code, id]) =>
        json.replaceAll(JSON.stringify(codeItem(sct(code))).slice(1, -1), () =>
          JSON.stringify(codeItem([id, 'SRT'])).slice(1, -1),
        ),
      JSON.stringify(content),
    ),
  ) as Json
