import { describe, expect, it } from '@jest/globals'
import { type Judgement, type RecordedRow, makeJudge, recordMalformed } from '../../../../lib/domain/batch/judge'
import type { TagIssue } from '../../../../lib/domain/cast-error'
import type { Keyword } from '../../../../lib/domain/dicom/tags'
import { type Values, dicomJson, required } from '../../../support/world/domain-dataset'
import { type EntryOptions, entryOf, wireEntry } from '../../../support/world/domain-feed'
import { invalid, missing, unmappable } from '../../../support/world/domain-mapping'
import { type SettingsChanges, settingsOf } from '../../../support/world/domain-settings'

const judgeOne = (options: EntryOptions, changes: SettingsChanges = {}, late = false): Judgement => {
  const judge = makeJudge(settingsOf(changes))
  return judge.judge(entryOf(judge, options), late)
}

const key = {
  partition: 'Microsoft.Default',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.1',
  sopInstanceUid: '1.2.3.1.1',
}

/** An entry of which it is not known whose it is goes on as a removal that is recorded: told as the row it gets. */
const told = (judgement: Judgement): Judgement => {
  if (judgement._tag !== 'Live' || judgement.row._tag === 'Upsert' || judgement.row.unowned === undefined)
    return judgement
  const { sequence, key, unowned } = judgement.row
  return { _tag: 'Recorded', row: { sequence, key, ...unowned } }
}

/** What becomes of an entry: its issues when it is live; the rows it gets when it is not. */
const outcome = (values: Values, changes: SettingsChanges = {}) => {
  const judgement = told(judgeOne({ values }, changes))
  if (judgement._tag === 'Superseded' || judgement._tag === 'Skipped') return judgement._tag
  if (judgement._tag === 'Recorded') return { recorded: judgement.row }
  return judgement.row._tag === 'Upsert' ? { live: judgement.row.issues } : 'Delete'
}

const rejected = (
  issues: ReadonlyArray<TagIssue>,
  tagRows: ReadonlyArray<TagIssue> = [],
): { recorded: RecordedRow } => ({
  recorded: { sequence: 1, key, error: { _tag: 'TagsRejected', issues }, issues: tagRows },
})

const enforced = { enforceValidation: true }

const requiredTags: ReadonlyArray<readonly [Keyword, unknown, string]> = [
  ['PatientID', 'a\u0001b', 'contains control characters'],
  ['StudyInstanceUID', 'x', 'not a UID'],
  ['SeriesInstanceUID', 'x', 'not a UID'],
  ['Modality', 'ct', 'not a code string (CS)'],
  ['SOPInstanceUID', 'x', 'not a UID'],
  ['SOPClassUID', 'x', 'not a UID'],
]

const optionalTags: ReadonlyArray<readonly [Keyword, unknown, string]> = [
  ['PatientName', 'a^b^c^d^e^f', 'more than five name components'],
  ['PatientSex', 'X', 'not M, F or O'],
  ['PatientBirthDate', '20201332', 'not a date (DA)'],
  ['StudyDate', 'soon', 'not a date (DA)'],
  ['StudyTime', '2400', 'not a time (TM)'],
  ['TimezoneOffsetFromUTC', 'here', 'not an offset from UTC'],
  ['StudyDescription', 'x'.repeat(65), 'longer than LO allows'],
  ['AccessionNumber', 'x'.repeat(17), 'longer than SH allows'],
  ['SeriesNumber', 'x', 'not a whole number (IS)'],
  ['SeriesDescription', 'a\u0001b', 'contains control characters'],
  ['SeriesDate', 'soon', 'not a date (DA)'],
  ['SeriesTime', '1060', 'not a time (TM)'],
  ['InstanceNumber', 1.5, 'not a whole number (IS)'],
]

/** The metadata of an entry whose own UIDs are those of the feed. */
const withMetadata = (values: Values, changes: SettingsChanges): Judgement => {
  const judge = makeJudge(settingsOf(changes))
  const element = { ...wireEntry(), metadata: dicomJson({ ...required, ...values }) }
  const decoded = judge.decode(element)
  if (decoded._tag === 'Left') throw new Error('malformed')
  return told(judge.judge(decoded.right, false))
}

describe.each([
  ['false', {}],
  ['true', enforced],
])('EnforceValidationOfTagValues=%s', (_value, changes) => {
  it.each(requiredTags)('a required tag that is missing rejects the entry: one row of its own: %s', (keyword) => {
    for (const value of [undefined, []]) {
      const judgement = withMetadata({ [keyword]: value }, changes)
      expect(judgement).toEqual({ _tag: 'Recorded', row: rejected([missing(keyword)]).recorded })
    }
  })

  it.each(requiredTags)('a required tag that is invalid rejects the entry: one row: %s', (keyword, value, reason) => {
    const judgement = withMetadata({ [keyword]: value }, changes)
    expect(judgement).toEqual({ _tag: 'Recorded', row: rejected([invalid(keyword, reason)]).recorded })
  })

  it('an optional tag that is absent or empty is no issue', () => {
    const none = Object.fromEntries(optionalTags.map(([keyword]) => [keyword, []]))
    expect([outcome({}, changes), outcome(none, changes)]).toEqual([{ live: [] }, { live: [] }])
  })

  it.each<[string, Values]>([
    ['yyyy', { PatientBirthDate: '1970' }],
    ['yyyymm', { PatientBirthDate: '197001' }],
    ['yyyy.mm.dd', { StudyDate: '1995.06.26' }],
    ['hh:mm:ss', { StudyTime: '11:20:00' }],
    ['±HH:MM', { TimezoneOffsetFromUTC: '+01:00' }],
    ['second 60', { SeriesTime: '235960' }],
  ])('the readable variant %s is valid', (_variant, values) => {
    expect(outcome(values, changes)).toEqual({ live: [] })
  })

  it('what FHIR cannot express is left out with a row, and never rejects', () => {
    expect(outcome({ SeriesNumber: -1, InstanceNumber: 3_000_000_000 }, changes)).toEqual({
      live: [unmappable('SeriesNumber', 'negative'), unmappable('InstanceNumber', 'larger than 2147483647')],
    })
  })

  it('a Delete row is exempt: it has no tags', () => {
    expect(judgeOne({ action: 'delete' }, changes)).toEqual({
      _tag: 'Live',
      row: { _tag: 'Delete', sequence: 1, key, late: false },
    })
  })
})

describe('EnforceValidationOfTagValues=false, an optional tag that is invalid', () => {
  it.each(optionalTags)('is left out with a row in InvalidDicomTag: %s', (keyword, value, reason) => {
    expect(outcome({ StudyDate: '20261123', SeriesDate: '20261123', [keyword]: value })).toEqual({
      live: [invalid(keyword, reason)],
    })
  })

  it('gets one row, however many elements are made of it', () => {
    expect(outcome({ StudyDescription: 'x'.repeat(65), TimezoneOffsetFromUTC: 'here' })).toEqual({
      live: [
        invalid('StudyDescription', 'longer than LO allows'),
        invalid('TimezoneOffsetFromUTC', 'not an offset from UTC'),
      ].sort((left, right) => right.keyword.localeCompare(left.keyword)),
    })
  })
})

describe('EnforceValidationOfTagValues=true, an optional tag that is invalid', () => {
  it.each(optionalTags)('rejects the entry, with a row of its own in InvalidDicomTag: %s', (keyword, value, reason) => {
    const issue = invalid(keyword, reason)
    expect(outcome({ [keyword]: value }, enforced)).toEqual(rejected([issue], [issue]))
  })

  it('has a row beside a required tag that is missing', () => {
    const sex = invalid('PatientSex', 'not M, F or O')
    expect(outcome({ PatientID: [], PatientSex: 'X' }, enforced)).toEqual(rejected([missing('PatientID'), sex], [sex]))
    expect(outcome({ PatientID: [], PatientSex: 'X' })).toEqual(rejected([missing('PatientID'), sex]))
  })
})

describe('an entry', () => {
  it('is superseded when it is not the last of its instance, or its partition is not synced', () => {
    const superseded = { _tag: 'Superseded' }
    expect(judgeOne({ state: 'replaced' })).toMatchObject(superseded)
    expect(judgeOne({ action: 'delete', state: 'replaced' })).toMatchObject(superseded)
    expect(judgeOne({ partition: 'research' }, { partitions: new Set(['clinic']) })._tag).toBe('Skipped')
    expect(judgeOne({ partition: 'Clinic' }, { partitions: new Set(['clinic']) })._tag).toBe('Live')
    expect(judgeOne({ partition: 'clinic' }, { partitions: new Set(['clinic']) })._tag).toBe('Live')
  })

  it('is recorded when it is live and has no metadata', () => {
    const judge = makeJudge(settingsOf())
    const entry = { ...entryOf(judge), metadata: undefined }
    expect(judge.judge(entry, false)).toEqual({
      _tag: 'Recorded',
      row: { sequence: 1, key, error: { _tag: 'EntryMalformed', paths: ['metadata'] }, issues: [] },
    })
  })

  it('is recorded when its issuer is not known, and never falls back to another system', () => {
    expect(outcome({ IssuerOfPatientID: 'South' }, { patient: { isIssuerIdUsed: true } })).toEqual({
      recorded: { sequence: 1, key, error: { _tag: 'IssuerUnknown' }, issues: [] },
    })
  })

  it('is rejected when its PatientID is a placeholder', () => {
    expect(outcome({ PatientID: 'unknown' }, { patient: { rejectedIds: new Set(['UNKNOWN']) } })).toEqual(
      rejected([invalid('PatientID', 'a placeholder (Patient__RejectedIds)')]),
    )
  })

  it.each<[Keyword, unknown]>([
    ['StudyInstanceUID', '1.9'],
    ['SeriesInstanceUID', '1.9'],
    ['SOPInstanceUID', '1.9'],
    ['StudyInstanceUID', 1.9],
  ])('is rejected when the %s of its metadata is another: %j', (keyword, value) => {
    expect(withMetadata({ [keyword]: value }, {})).toEqual({
      _tag: 'Recorded',
      row: rejected([invalid(keyword, 'differs from the change feed entry')]).recorded,
    })
  })

  it('tells late from timely, and Update from Create', () => {
    const kinds = (['create', 'update'] as const).flatMap((action) =>
      [false, true].map((late) => judgeOne({ action }, {}, late)),
    )
    expect(kinds).toEqual([
      expect.objectContaining({ row: expect.objectContaining({ update: false, late: false }) }),
      expect.objectContaining({ row: expect.objectContaining({ update: false, late: true }) }),
      expect.objectContaining({ row: expect.objectContaining({ update: true, late: false }) }),
      expect.objectContaining({ row: expect.objectContaining({ update: true, late: true }) }),
    ])
  })

  it('claims what it says about the person, on its own', () => {
    const judgement = judgeOne({ values: { PatientSex: 'F', PatientBirthDate: '1970' } })
    expect(judgement._tag === 'Live' && judgement.row._tag === 'Upsert' && judgement.row.claimed).toMatchObject({
      resourceType: 'Patient',
      gender: 'female',
      birthDate: '1970',
    })
  })
})

describe('an element that cannot be read', () => {
  it('is recorded with its paths under the sequence where it stood', () => {
    expect(recordMalformed({ sequence: undefined, key: { studyInstanceUid: '1.2' }, paths: ['sequence'] }, 9)).toEqual({
      sequence: 9,
      key: { studyInstanceUid: '1.2' },
      error: { _tag: 'EntryMalformed', paths: ['sequence'] },
      issues: [],
    })
  })
})

describe('an instance of a study that is read whole', () => {
  const judge = makeJudge(settingsOf())

  it('becomes the row that its entry would make, its key out of its own UIDs', () => {
    expect(judge.judgeDataset(dicomJson(required), 'research')).toMatchObject({
      _tag: 'Upsert',
      key: { ...key, partition: 'research' },
      identity: { value: 'P1' },
      late: false,
      update: false,
    })
  })

  it.each([
    undefined,
    null,
    'x',
    {},
    dicomJson({ ...required, PatientID: [] }),
    dicomJson({ ...required, Modality: '?' }),
  ])('is passed over when it cannot be mapped: %j', (json) => {
    expect(judge.judgeDataset(json, 'Microsoft.Default')).toBeUndefined()
  })
})

describe('issues that stand once a study', () => {
  it('are those of patient and study', () => {
    const { studyKeywords } = makeJudge(settingsOf())
    expect(
      ['PatientName', 'PatientID', 'StudyDate', 'AccessionNumber'].map((each) => studyKeywords.has(each as Keyword)),
    ).toEqual([true, true, true, true])
    expect(['SeriesNumber', 'Modality', 'InstanceNumber'].some((each) => studyKeywords.has(each as Keyword))).toBe(
      false,
    )
  })
})

describe('an entry of which it is not known whose it is', () => {
  it.each<readonly [string, Values, SettingsChanges]>([
    ['a PatientID that is missing', { PatientID: [] }, {}],
    [
      'a PatientID that stands for nobody',
      { PatientID: 'UNKNOWN' },
      { patient: { rejectedIds: new Set(['UNKNOWN']) } },
    ],
    ['an unknown issuer', { IssuerOfPatientID: 'South' }, { patient: { isIssuerIdUsed: true } }],
  ])('takes out of FHIR what an earlier one stored: %s', (_what, values, changes) => {
    expect(judgeOne({ values }, changes)).toMatchObject({ _tag: 'Live', row: { _tag: 'Delete', key, unowned: {} } })
  })

  it('leaves it when another tag is to blame', () => {
    expect(judgeOne({ values: { Modality: [] } })._tag).toBe('Recorded')
  })
})
