import type { Coding, Reference } from 'fhir/r4'
import { instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { doseUidOf } from '../mapping/dose/identity'
import type { DoseReport } from '../mapping/dose/report'
import type { Fold, StudyFold } from './fold'
import type { StudyDoses, WrittenStudy } from './held-doses'
import type { LiveRow } from './judge'
import { isOtherClass, isReportClass } from './observation-index'
import type { Snapshot } from './snapshot'

interface Instance {
  /** instanceKeyText */
  readonly text: string
  readonly sop: string
  readonly sopClass: string | undefined
}

const classOf = ({ sopClass }: { readonly sopClass?: Coding | undefined }): string | undefined => sopClass?.code

const isReport = ({ sopClass }: Instance): boolean => isReportClass(sopClass)

/** The instances that the study will have. */
const instancesOf = ({ draft, partition, uid }: StudyFold): ReadonlyArray<Instance> =>
  [...draft.series].flatMap(([seriesInstanceUid, { instances }]) =>
    [...instances].map(([sop, instance]) => ({
      text: instanceKeyText({ partition, studyInstanceUid: uid, seriesInstanceUid, sopInstanceUid: sop }),
      sop,
      sopClass: classOf(instance),
    })),
  )

const subjectOf = ({ studies }: Snapshot, id: string): Reference | undefined =>
  [...studies.values()].flat().find((each) => each.id === id)?.subject

/** What was read of the study beside the rows in hand. */
const readingOf = ({ input }: Fold, { partition, uid }: StudyFold): ReadonlyArray<LiveRow> =>
  input.rowsAlone === true ? [] : (input.readings.get(studyKeyText({ partition, studyInstanceUid: uid })) ?? [])

/** The study's doses in hand, and what must be known to write them. */
export const dosesOf = (fold: Fold, study: StudyFold, written: WrittenStudy | undefined): StudyDoses => {
  const { settings, snapshot, keep } = fold.input
  const { partition, uid, draft } = study
  const instances = instancesOf(study)
  const inStudy = new Set(instances.map(({ text }) => text))
  const live = new Set(instances.flatMap(({ sop, sopClass }) => (isOtherClass(sopClass) ? [] : [sop])))
  const reading = readingOf(fold, study)
  const told = new Set([...study.rows, ...reading].map(({ key }) => instanceKeyText(key)))
  const inHand = new Set(study.rows.map(({ key }) => instanceKeyText(key)))
  const read = reading.flatMap((row) => {
    const text = instanceKeyText(row.key)
    return row._tag === 'Upsert' && row.dose !== undefined && !inHand.has(text) ? [[text, row.dose] as const] : []
  })
  const reports = new Map<string, DoseReport>(
    [...read, ...study.reports].flatMap(([text, report]) =>
      inStudy.has(text) ? [[doseUidOf(report.summary, 'summary'), report] as const] : [],
    ),
  )
  const before = (draft.base?.series ?? []).flatMap(({ instance = [] }) => instance)
  const claimed = fold.observationOwners
  return {
    ...{ settings, partition, uid, index: fold.observations, base: draft.base, study: written, live, reports, keep },
    isWhole: instances.filter(isReport).every(({ text }) => told.has(text)),
    lostReports: before.some((each) => isReportClass(classOf(each)) && !live.has(each.uid)),
    claim: (id) => {
      const owner = claimed.get(id) ?? study
      claimed.set(id, owner)
      return owner === study
    },
    subjectOf: (id) => subjectOf(snapshot, id),
  }
}
