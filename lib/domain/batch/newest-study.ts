import type { ImagingStudy } from 'fhir/r4'
import type { DicomRoot } from '../fhir/provenance'
import { partitionOf } from '../fhir/provenance'
import { studyKeyText } from '../dicom/change-feed-entry'
import { studyIdentifier } from '../fhir/identifiers'
import { patientKeyText } from '../mapping/patient-identity'
import type { StudyDraft } from '../mapping/study-draft'
import type { UpsertRow } from './judge'

// Whose values stand when the studies of a Patient disagree: those of the newest. So every writer ends the same, in
// whatever order it comes to them.

/** What studies of one Patient are put in order by. */
export interface StudyAge {
  /** ms; of one without a date, or of a day that is still to come, the oldest there is. */
  readonly started: number
  /** urn:oid:…, and then the partition: a UID may be used in two. */
  readonly uid: string
  readonly partition: string
}

const startedOf = (started: string | undefined, today: string | undefined): number => {
  if (started === undefined || (today !== undefined && started.slice(0, 10) > today)) return -Infinity
  const ms = Date.parse(started)
  return Number.isNaN(ms) ? -Infinity : ms
}

/** Of a study of ours that FHIR holds. */
export const ageOf = (
  dicom: DicomRoot,
  { started, identifier, meta }: ImagingStudy,
  today: string | undefined,
): StudyAge => ({
  started: startedOf(started, today),
  uid: (identifier ?? []).find(({ system }) => system === 'urn:dicom:uid')?.value ?? '',
  partition: partitionOf(dicom, meta),
})

/** Of a study in hand, with what its rows so far told. */
export const ageInHand = (
  { draft, uid, partition }: { readonly draft: StudyDraft; readonly uid: string; readonly partition: string },
  today: string | undefined,
): StudyAge => ({
  started: startedOf(draft.fields?.started, today),
  uid: studyIdentifier(uid).value ?? '',
  partition,
})

const isSame = (left: StudyAge, right: StudyAge): boolean =>
  left.uid === right.uid && left.partition === right.partition

const isNewer = (left: StudyAge, right: StudyAge): boolean => {
  if (left.started !== right.started) return left.started > right.started
  return left.uid === right.uid ? left.partition > right.partition : left.uid > right.uid
}

export const isNewestOf = (own: StudyAge, others: ReadonlyArray<StudyAge>): boolean =>
  others.every((other) => isSame(own, other) || !isNewer(other, own))

type Said = Pick<UpsertRow, 'sequence' | 'key' | 'update'>

/** What a batch has stored so far, by patient (patientKeyText): what came before it in the feed must not overwrite it. */
export type SaidOfPatients = ReadonlyMap<string, ReadonlyArray<Said>>

export const withSaid = (said: SaidOfPatients, rows: ReadonlyArray<UpsertRow>): SaidOfPatients => {
  const all = new Map(said)
  for (const row of rows) {
    const patient = patientKeyText(row.identity)
    const before = all.get(patient) ?? []
    const same = before.find(({ key, update }) => update === row.update && studyKeyText(key) === studyKeyText(row.key))
    if (same !== undefined && same.sequence > row.sequence) continue
    const { sequence, key, update } = row
    all.set(patient, [...before.filter((each) => each !== same), { sequence, key, update }])
  }
  return all
}

export const laterThan = (said: ReadonlyArray<Said>, { sequence }: Said): ReadonlyArray<Said> =>
  said.filter((each) => each.sequence > sequence)

/**
 * Has one of these later rows had the say that this one would have? An Update has, and of a Create's own study a Create.
 * Whether another Create has it over an Update is a question of whose study is the newest.
 */
export const isOvertaken = (later: ReadonlyArray<Said>, row: Said): boolean =>
  later.some((each) => each.update || (!row.update && studyKeyText(each.key) === studyKeyText(row.key)))
