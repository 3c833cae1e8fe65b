import { type InstanceKey, instanceKeyText } from '../dicom/change-feed-entry'
import { deleteInstance } from '../mapping/merge-study'
import { holdsInstance } from '../mapping/study-draft'
import { type Fold, type StudyFold, own } from './fold'

/**
 * What an earlier row of the instance stored goes, its dose Observations with it; as a Delete row takes it. False when
 * there is nothing of it.
 */
export const takeOut = (fold: Fold, study: StudyFold, key: InstanceKey): boolean => {
  if (!holdsInstance(study.draft, key)) return false
  deleteInstance(study.draft, fold.input.settings, key)
  study.lost = true
  const text = instanceKeyText(key)
  study.reports.delete(text)
  fold.syncedInstances.delete(text)
  own(fold, study)
  if (study.draft.fields === undefined) study.patient = undefined
  return true
}

export const instancesOf = ({ partition, uid, draft }: StudyFold): ReadonlyArray<InstanceKey> =>
  [...draft.series].flatMap(([seriesInstanceUid, { instances }]) =>
    [...instances.keys()].map((sopInstanceUid) => ({
      ...{ partition, studyInstanceUid: uid },
      ...{ seriesInstanceUid, sopInstanceUid },
    })),
  )
