import { type InstanceKey, instanceKeyText } from '../dicom/change-feed-entry'
import { isOriginalsInstance } from '../mapping/instance'
import { deleteInstance } from '../mapping/merge-study'
import { holdsInstance } from '../mapping/study-draft'
import { type Fold, type StudyFold, own } from './fold'
import type { UpsertRow } from './judge'

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

/**
 * It was judged when it was written: by a run that died before it could move the checkpoint, or, where a study is rebuilt, by
 * whichever run that was; its numbers are none of the feed. What the original wrote nobody here has judged.
 */
export const wasTakenIn = ({ input: { rebuilt, reached = 0 } }: Fold, { draft: { base } }: StudyFold, row: UpsertRow) =>
  (rebuilt !== undefined || row.sequence <= reached) &&
  (base?.series ?? []).some(
    ({ uid, instance = [] }) =>
      uid === row.key.seriesInstanceUid &&
      instance.some((each) => each.uid === row.key.sopInstanceUid && !isOriginalsInstance(each)),
  )
