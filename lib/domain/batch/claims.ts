import type { EntryError, TagIssue } from '../cast-error'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { type DicomDataset, valuesOfKeyword } from '../dicom/dataset'
import { valueOf } from '../dicom/read'

/** Whose it is cannot be told from it. */
export const isUnowned = (error: EntryError): boolean =>
  error._tag === 'IssuerUnknown' ||
  (error._tag === 'TagsRejected' && error.issues.some(({ keyword }) => keyword === 'PatientID'))

/** StudyDate, as FHIR writes it. */
export const dateOf = (dataset: DicomDataset): string | undefined => valueOf(dataset, 'StudyDate')

/** A test object: QualityControlSubject is YES. */
export const isPhantom = (dataset: DicomDataset): boolean => valueOf(dataset, 'QualityControlSubject') === 'YES'

/** Empty where it cannot be read. */
export const uidIn = (
  dataset: DicomDataset | undefined,
  keyword: 'StudyInstanceUID' | 'SeriesInstanceUID' | 'SOPInstanceUID',
): string => (dataset === undefined ? undefined : valueOf(dataset, keyword)) ?? ''

export const uidsIn = (dataset: DicomDataset | undefined) => ({
  seriesInstanceUid: uidIn(dataset, 'SeriesInstanceUID'),
  sopInstanceUid: uidIn(dataset, 'SOPInstanceUID'),
})

/** What the feed says about itself must be what the dataset says: else one of them is another image. */
export const uidIssues = (key: InstanceKey, dataset: DicomDataset): ReadonlyArray<TagIssue> =>
  (
    [
      ['StudyInstanceUID', key.studyInstanceUid],
      ['SeriesInstanceUID', key.seriesInstanceUid],
      ['SOPInstanceUID', key.sopInstanceUid],
    ] as const
  ).flatMap(([keyword, uid]): ReadonlyArray<TagIssue> => {
    if (valuesOfKeyword(dataset, keyword)[0] === uid) return []
    const read = valueOf(dataset, keyword)
    return read !== undefined && read !== uid
      ? [{ _tag: 'TagInvalid', keyword, reason: 'differs from the change feed entry' }]
      : []
  })
