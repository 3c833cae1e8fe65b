import type { TagIssue } from '../cast-error'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { type DicomDataset, valuesOfKeyword } from '../dicom/dataset'
import { valueOf } from '../dicom/read'

const uids = [
  ['StudyInstanceUID', 'studyInstanceUid'],
  ['SeriesInstanceUID', 'seriesInstanceUid'],
  ['SOPInstanceUID', 'sopInstanceUid'],
] as const

/** What the feed says about itself must be what the dataset says: else one of them is another image. */
export const uidIssues = (key: InstanceKey, dataset: DicomDataset): ReadonlyArray<TagIssue> =>
  uids.flatMap(([keyword, member]): ReadonlyArray<TagIssue> => {
    const uid = key[member]
    if (valuesOfKeyword(dataset, keyword)[0] === uid) return []
    const read = valueOf(dataset, keyword)
    return read !== undefined && read !== uid
      ? [{ _tag: 'TagInvalid', keyword, reason: 'differs from the change feed entry' }]
      : []
  })
