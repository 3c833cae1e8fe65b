import { describe, expect, it } from '@jest/globals'
import { projectDataset } from '../../../../lib/domain/dicom/dataset'
import { noteKeywords, readRejectionNote, takesOut } from '../../../../lib/domain/dicom/rejection-note'
import { tagOf } from '../../../../lib/domain/dicom/tags'
import { noteElements } from '../../../simulation/rejection-note'

const project = projectDataset(new Set(noteKeywords.map(tagOf)))
const read = (json: object) => {
  const dataset = project(json)
  return dataset === undefined ? undefined : readRejectionNote(dataset)
}

const [image, report] = [
  { study: '1.2', series: '1.2.1', instance: '1.2.1.1' },
  { study: '1.3', series: '1.3.1', instance: '1.3.1.1', sopClass: '1.2.840.10008.5.1.4.1.1.88.67' },
]
const note = noteElements({ code: '113037', lists: [image, report] })

describe('a rejection note', () => {
  it('lists instances, of its own study and of others, and knows reports', () => {
    expect(read(note)).toEqual({
      code: '113037',
      instances: [
        { studyInstanceUid: '1.2', seriesInstanceUid: '1.2.1', sopInstanceUid: '1.2.1.1', isReport: false },
        { studyInstanceUid: '1.3', seriesInstanceUid: '1.3.1', sopInstanceUid: '1.3.1.1', isReport: true },
      ],
    })
  })

  it.each([
    ['an image with such a title', { '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] } }],
    ['a selection for another purpose', noteElements({ code: '113000', lists: [] })],
    [
      'a title of another scheme',
      { '0040A043': { vr: 'SQ', Value: [{ '00080100': { vr: 'SH', Value: ['113037'] } }] } },
    ],
    ['no title', { '0040A043': { vr: 'SQ' } }],
  ])('is not %s', (_, elements) => {
    expect(read({ ...note, ...elements })).toBeUndefined()
  })

  it.each([
    ['nothing', undefined],
    ['no sequence', { vr: 'SQ', Value: 'everything' }],
    ['items that are none', { vr: 'SQ', Value: [null, 7, 'x', []] }],
    ['a UID that is none', { vr: 'SQ', Value: [{ '0020000D': { vr: 'UI', Value: ['all of it'] } }] }],
  ])('that lists %s withdraws nothing', (_, evidence) => {
    expect(read({ ...note, '0040A375': evidence })).toEqual({ code: '113037', instances: [] })
  })
})

describe('what a note lists', () => {
  it.each([
    ['113037', false, true],
    ['113038', true, true],
    ['113039', false, true],
    ['113039', true, false],
    ['113001', false, false],
  ] as const)('by DCM %s, a report: %s, leaves FHIR: %s', (code, isReport, leaves) => {
    expect(takesOut(code, isReport, false)).toBe(leaves)
  })

  it('leaves it for quality reasons where a setting says so, and no report: the patient was irradiated all the same', () => {
    expect([takesOut('113001', false, true), takesOut('113001', true, true)]).toEqual([true, false])
  })
})
