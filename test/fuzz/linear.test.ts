import { describe, expect, it } from '@jest/globals'
import { makeJudge } from '../../lib/domain/batch/judge'
import { readCodes } from '../../lib/domain/dicom/coded-entry'
import { isEmptied } from '../../lib/domain/dicom/dataset'
import { readValue, type ValueKeyword } from '../../lib/domain/dicom/read'
import { dictionary } from '../../lib/domain/dicom/tags'
import { trimPadding } from '../../lib/domain/dicom/vr'
import { isAbsoluteUri } from '../../lib/domain/fhir/identifiers'
import { dicomRoot, unversioned } from '../../lib/domain/fhir/provenance'
import { parseJson, writtenNumber } from '../../lib/domain/json'
import { datasetOf } from '../support/world/domain-dataset'
import { entryOf } from '../support/world/domain-feed'
import { settingsOf } from '../support/world/domain-settings'

/** Between two letters, so that nothing of it is padding; and alone. */
const inputs: Readonly<Record<string, (size: number) => string>> = {
  blanks: (size) => ` a${' '.repeat(size)}b`,
  carets: (size) => `a${'^'.repeat(size)}b`,
  backslashes: (size) => `a${'\\'.repeat(size)}b`,
  equals: (size) => `a${'='.repeat(size)}b`,
  digits: (size) => `${'1'.repeat(size)}b`,
  zeros: (size) => `${'0'.repeat(size)}b`,
  dots: (size) => `1${'.'.repeat(size)}b`,
  slashes: (size) => `http://a${'/'.repeat(size)}b`,
  'words and blanks': (size) => 'a '.repeat(size / 2),
}

// One of each reader: what is special has a reader of its own.
const ofEachVr = new Map(
  (Object.keys(dictionary) as ReadonlyArray<keyof typeof dictionary>)
    .filter((keyword): keyword is ValueKeyword => dictionary[keyword].vr !== 'SQ')
    .map((keyword) => [dictionary[keyword].vr, keyword]),
)
const keywords: ReadonlyArray<ValueKeyword> = [
  ...new Set<ValueKeyword>([
    ...ofEachVr.values(),
    ...([
      'StudyDescription',
      'PatientID',
      'PatientName',
      'PatientSex',
      'TimezoneOffsetFromUTC',
      'BodyPartExamined',
    ] as const),
  ]),
]

const judge = makeJudge(settingsOf())

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  ...Object.fromEntries(
    keywords.map((keyword) => [keyword, (text: string) => readValue(datasetOf({ [keyword]: text }), keyword)]),
  ),
  'a coded entry': (text) =>
    readCodes(datasetOf({ ProcedureCodeSequence: [{ '00080100': { Value: [text] } }] }), 'ProcedureCodeSequence'),
  'an emptied tag': (text) => isEmptied(datasetOf({ StudyDescription: text }), 'StudyDescription'),
  trimPadding,
  unversioned,
  dicomRoot: (text) => dicomRoot(`https://dicom.example/${encodeURI(text)}`, 'v2'),
  isAbsoluteUri,
  writtenNumber,
  parseJson: (text) => parseJson(JSON.stringify({ text })),
  'F5: a row with the description': (text) =>
    judge.judge(entryOf(judge, { values: { StudyDescription: text } }), false),
}

const shortest = (work: () => unknown): number => {
  const times = Array.from({ length: 3 }, () => {
    const from = performance.now()
    work()
    return performance.now() - from
  })
  return Math.min(...times)
}

// Ten times the input: ten times the work, or a hundred times where it goes back over it. To go back over 1 MB is 10^12
// steps, many minutes: in less than a quarter of a second nobody did, however busy the machine is.
const mostRatio = 40
const negligibleMs = 250

describe('the work for 1 MB is no more than a few times ten that for 100 KB', () => {
  const table: Array<string> = []

  it.each(Object.entries(readers))('%s', (name, read) => {
    const ratios = Object.entries(inputs).map(([input, make]) => {
      const [small, large] = [make(100_000), make(1_000_000)]
      read(small)
      const [before, after] = [shortest(() => read(small)), shortest(() => read(large))]
      const measured = `${input} ×${(after / before).toFixed(1)} (${after.toFixed(1)} ms)`
      return [input, after < negligibleMs ? 0 : after / Math.max(before, negligibleMs / 10), measured] as const
    })
    table.push(`${name}: ${ratios.map(([, , measured]) => measured).join(', ')}`)
    expect(ratios.filter(([, ratio]) => ratio > mostRatio)).toEqual([])
  })

  // The ratios as they were measured, those of a few microseconds, too: what is bounded is the work that somebody feels.
  it('prints the table', () => {
    console.log(table.join('\n'))
    expect(table).toHaveLength(Object.keys(readers).length)
  })
})
