import type { Coding, Reference } from 'fhir/r4'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { doseUidOf } from '../mapping/dose/identity'
import type { DoseReport } from '../mapping/dose/report'
import { holdsInstance } from '../mapping/study-draft'
import { type Fold, type StudyFold, hasDose } from './fold'
import type { StudyDoses, WrittenStudy } from './held-doses'
import type { LiveRow } from './judge'
import { isOtherClass, isReportClass } from './observation-index'
import type { Snapshot } from './snapshot'

interface Instance {
  readonly key: InstanceKey
  readonly sopClass: string | undefined
}

const classOf = ({ sopClass }: { readonly sopClass?: Coding | undefined }): string | undefined => sopClass?.code

/** Of the instances that the study will have, those that may be reports: a study of thousands may have none. */
const mayBeReports = ({ draft, partition, uid }: StudyFold): ReadonlyArray<Instance> => {
  const found: Array<Instance> = []
  for (const [seriesInstanceUid, { instances }] of draft.series) {
    for (const [sopInstanceUid, instance] of instances) {
      const sopClass = classOf(instance)
      if (isOtherClass(sopClass)) continue
      found.push({ key: { partition, studyInstanceUid: uid, seriesInstanceUid, sopInstanceUid }, sopClass })
    }
  }
  return found
}

/** SOPInstanceUIDs of reports that FHIR holds where the study will have none. */
const lostOf = ({ draft, partition, uid }: StudyFold, instances: ReadonlyArray<Instance>): ReadonlyArray<string> => {
  const before = (draft.base?.series ?? []).flatMap(({ uid: seriesInstanceUid, instance = [] }) =>
    instance.flatMap((each): ReadonlyArray<InstanceKey> =>
      isReportClass(classOf(each))
        ? [{ partition, studyInstanceUid: uid, seriesInstanceUid, sopInstanceUid: each.uid }]
        : [],
    ),
  )
  const stays = before.length === 0 ? new Set() : textsOf(instances)
  return before.filter((key) => !stays.has(instanceKeyText(key))).map(({ sopInstanceUid }) => sopInstanceUid)
}

const textsOf = (rows: ReadonlyArray<Pick<LiveRow, 'key'>>): ReadonlySet<string> =>
  new Set(rows.map(({ key }) => instanceKeyText(key)))

const subjectOf = ({ studies }: Snapshot, id: string): Reference | undefined =>
  [...studies.values()].flat().find((each) => each.id === id)?.subject

/** What was read of the study beside the rows in hand. */
const readingOf = ({ input }: Fold, { partition, uid }: StudyFold): ReadonlyArray<LiveRow> =>
  input.rowsAlone === true ? [] : (input.readings.get(studyKeyText({ partition, studyInstanceUid: uid })) ?? [])

/** The study's doses in hand, and what must be known to write them. */
export const dosesOf = (fold: Fold, study: StudyFold, written: WrittenStudy | undefined): StudyDoses => {
  const { settings, snapshot, keep } = fold.input
  const { partition, uid, draft } = study
  const instances = mayBeReports(study)
  const live = new Set(instances.map(({ key }) => key.sopInstanceUid))
  const reading = readingOf(fold, study)
  const dosed = reading.filter(hasDose)
  const inHand = textsOf(dosed.length === 0 ? [] : study.rows)
  const read = dosed.filter(({ key }) => !inHand.has(instanceKeyText(key)))
  const reports = new Map<string, DoseReport>(
    [...read, ...study.reports.values()].flatMap(({ key, dose }) =>
      holdsInstance(draft, key) ? [[doseUidOf(dose.summary, 'summary'), dose] as const] : [],
    ),
  )
  const ofReports = instances.filter(({ sopClass }) => isReportClass(sopClass))
  const told = textsOf(ofReports.length === 0 ? [] : [...study.rows, ...reading])
  const lost = lostOf(study, instances)
  const claimed = fold.observationOwners
  return {
    ...{ settings, partition, uid, index: fold.observations, base: draft.base, study: written, live, reports, keep },
    isWhole: ofReports.every(({ key }) => told.has(instanceKeyText(key))),
    lostReports: lost.some((uid) => !live.has(uid)),
    lostCopies: lost.some((uid) => live.has(uid) && !reports.has(uid)),
    claim: (id) => {
      const owner = claimed.get(id) ?? study
      claimed.set(id, owner)
      return owner === study
    },
    subjectOf: (id) => subjectOf(snapshot, id),
  }
}
