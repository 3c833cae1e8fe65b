import type { Patient } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import { type InstanceKey, studyKeyText } from '../dicom/change-feed-entry'
import { createdReference } from '../fhir/bundle'
import { hasIdentifier, studyIdentifier } from '../fhir/identifiers'
import { carriesOurMark, ourMeta, sourceOf } from '../fhir/provenance'
import { type Applied, applyOnce } from '../mapping/mapped'
import { type StudyDraft, modeOf, openStudy, upsertInstance } from '../mapping/merge-study'
import { patientKeyText } from '../mapping/patient-identity'
import type { MappingSettings } from '../mapping/settings'
import type { LiveRow, UpsertRow } from './judge'
import type { ObservationIndex } from './observation-index'
import type { CastReport } from './plan-observations'
import { type Snapshot, findPatient, findStudy, referencedId } from './snapshot'

export interface PlanLimits {
  /** Of one bundle, the position's entry left out. */
  readonly entries: number
  readonly bytes: number
}

export interface PlanInput {
  readonly settings: MappingSettings
  readonly limits: PlanLimits
  readonly snapshot: Snapshot
  /** Studies that were read whole, by study key: the rows of their live instances. */
  readonly readings: ReadonlyMap<string, ReadonlyArray<UpsertRow>>
  /** Resources that the server refuses to delete, as references: they are emptied. */
  readonly keep: ReadonlySet<string>
  /**
   * The verdicts of an earlier plan of this batch whose transactions were sent: the Patient that its rows meet now is
   * their own doing, and no longer speaks for or against them.
   */
  readonly verdicts?: ReadonlyMap<string, boolean>
  /** The highest sequence that an earlier run's last transaction held. */
  readonly reached?: number
  /** The highest sequence of this batch that is stored already, by patient (patientKeyText): older rows only fill. */
  readonly newest?: ReadonlyMap<string, number>
  /** Write the Patients, and nothing that needs them. */
  readonly patientsAlone: boolean
  /**
   * A reading only says whose the study is: its other instances come with rows of their own. Else one that FHIR
   * refuses would take along every row that it is split from.
   */
  readonly rowsAlone?: boolean
  /**
   * Studies of which an entry was recorded because it named another patient (studyKeyText). They are read whole when a
   * row of theirs comes: the others may agree with it by now, and a run that died may have stored it already.
   */
  readonly mismatched?: ReadonlySet<string>
  /** Coalesced, in sequence order. */
  readonly rows: ReadonlyArray<LiveRow>
}

export interface PatientDraft {
  /** The reference to it, also while it is only about to be created. */
  readonly reference: string
  readonly key: string
  readonly base: Patient | undefined
  resource: Patient | undefined
  applied: Applied<Patient> | undefined
}

export interface Fold {
  readonly input: PlanInput
  readonly observations: ObservationIndex
  readonly patients: Map<string, PatientDraft | EntryError>
  readonly patientsById: Map<string, PatientDraft>
  /** Identifiers of merged Patients: they stay with those, and are not given to the target of the link. */
  readonly followed: Set<string>
  readonly studies: Map<string, StudyFold>
  /** Who changes a study of FHIR, by its id: two partitions may find one that is nobody's yet. */
  readonly owners: Map<string, StudyFold>
  readonly recorded: Array<{ row: LiveRow; error: EntryError }>
  readonly doubts: Map<string, Pick<InstanceKey, 'partition' | 'studyInstanceUid'>>
  readonly syncedInstances: Array<InstanceKey>
  readonly verdicts: Map<string, boolean>
}

export interface StudyFold {
  readonly partition: string
  readonly uid: string
  draft: StudyDraft
  /** The Patient of the study so far; none while only FHIR's own reference is known. */
  patient: PatientDraft | undefined
  readonly patients: Set<PatientDraft>
  readonly rows: Array<LiveRow>
  readonly reports: Map<string, CastReport>
  readonly deleted: Set<string>
  /** From a study read whole: on whom all its live instances agree, and the rows they make. */
  synced: boolean
}

export const patientOf = (fold: Fold, row: UpsertRow): PatientDraft | EntryError => {
  const key = patientKeyText(row.identity)
  const known = fold.patients.get(key)
  if (known !== undefined) return known
  const { snapshot, settings } = fold.input
  const hit = findPatient(snapshot, settings, row.identity)
  const created: PatientDraft = {
    reference: createdReference(`Patient ${key}`),
    key,
    base: undefined,
    resource: undefined,
    applied: undefined,
  }
  const make = (): PatientDraft | EntryError => {
    if (hit._tag === 'Unusable') return hit.error
    if (hit._tag === 'None') return created
    // Two identifiers may lead to one Patient, and a transaction may hold it only once.
    const { patient, followed, takenOver } = hit
    const id = patient.id ?? ''
    const same = fold.patientsById.get(id)
    if (same !== undefined && takenOver && !hasIdentifier(same.resource, undefined, row.identity.value)) return created
    if (followed) fold.followed.add(key)
    if (same !== undefined) return same
    const draft: PatientDraft = {
      reference: `Patient/${id}`,
      key,
      base: patient,
      resource: patient,
      applied: undefined,
    }
    fold.patientsById.set(id, draft)
    return draft
  }
  const made = make()
  fold.patients.set(key, made)
  return made
}

export const applyToPatient = (
  { input: { settings, newest }, followed }: Fold,
  draft: PatientDraft,
  row: UpsertRow,
): void => {
  const { overwrite } = settings.patient
  const ours = draft.base === undefined || carriesOurMark(draft.base.meta, settings.dicom)
  const follows = overwrite === 'always' || (overwrite === 'own' && ours)
  const isOlder = row.sequence < (newest?.get(patientKeyText(row.identity)) ?? 0)
  const mode = follows && !isOlder ? modeOf(row, ours) : 'fill'
  const before: Patient = draft.resource ?? {
    resourceType: 'Patient',
    meta: ourMeta(sourceOf(settings.dicom, row.key.partition)),
  }
  draft.applied = applyOnce(draft.applied, row.patient, mode, before)
  const { to: after } = draft.applied
  // The target of a link has identifiers of its own; the merged one keeps this.
  draft.resource =
    after.identifier !== before.identifier && followed.has(patientKeyText(row.identity))
      ? { ...after, identifier: before.identifier ?? [] }
      : after
}

export const studyOf = (fold: Fold, row: Pick<LiveRow, 'key'>): StudyFold => {
  const key = studyKeyText(row.key)
  const known = fold.studies.get(key)
  const owner = fold.owners.get(known?.draft.base?.id ?? '')
  if (known !== undefined && owner !== undefined && owner !== known) known.draft = openStudy(undefined)
  if (known !== undefined) return known
  const { snapshot, settings } = fold.input
  const { partition, studyInstanceUid: uid } = row.key
  const base = findStudy(snapshot, settings, partition, studyIdentifier(uid).value ?? '')
  const study: StudyFold = {
    partition,
    uid,
    draft: openStudy(fold.owners.has(base?.id ?? '') ? undefined : base),
    patient: undefined,
    patients: new Set(),
    rows: [],
    reports: new Map(),
    deleted: new Set(),
    synced: false,
  }
  fold.studies.set(key, study)
  return study
}

export const applyToStudy = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): void => {
  study.patient = patient
  study.patients.add(patient)
  const { settings } = fold.input
  const subject = referencedId(settings.fhirBase, 'Patient', study.draft.subject)
  // A reference that is right already stays as it stands: others may have added a display to it.
  if (subject === undefined || subject !== patient.base?.id) study.draft.subject = { reference: patient.reference }
  upsertInstance(study.draft, settings, row.key, row, row.change)
  study.deleted.delete(row.key.sopInstanceUid)
  // The last row of an instance is also the last word on what reports share.
  study.reports.delete(row.key.sopInstanceUid)
  if (row.dose !== undefined) {
    study.reports.set(row.key.sopInstanceUid, { ...row.dose, late: row.late && !row.update })
  }
  own(fold, study)
}

export const own = (fold: Fold, study: StudyFold): void => {
  const { base, touched } = study.draft
  if (touched && base?.id !== undefined) fold.owners.set(base.id, study)
}
