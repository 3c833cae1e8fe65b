import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { TagIssue } from '../cast-error'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { type DicomDataset, valuesOfKeyword } from '../dicom/dataset'
import { readUI } from '../dicom/vr'

/** What the feed says about itself must be what the dataset says: else one of them is another image. */
export const uidIssues = (key: InstanceKey, dataset: DicomDataset): ReadonlyArray<TagIssue> =>
  (
    [
      ['StudyInstanceUID', key.studyInstanceUid],
      ['SeriesInstanceUID', key.seriesInstanceUid],
      ['SOPInstanceUID', key.sopInstanceUid],
    ] as const
  ).flatMap(([keyword, uid]): ReadonlyArray<TagIssue> => {
    const values = valuesOfKeyword(dataset, keyword)
    if (values[0] === uid) return []
    const read = readUI(values)
    return E.isRight(read) && O.isSome(read.right) && read.right.value !== uid
      ? [{ _tag: 'TagInvalid', keyword, reason: 'differs from the change feed entry' }]
      : []
  })
