import { instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { deleteInstance } from '../mapping/merge-study'
import { demographicsConflict } from '../mapping/patient'
import {
  type Fold,
  type PatientDraft,
  type StudyFold,
  applyToPatient,
  applyToStudy,
  own,
  patientOf,
  studyOf,
} from './fold'
import type { LiveRow, UpsertRow } from './judge'
import { livePatient, referencedId } from './snapshot'

/** Whether the study is this person's already, as far as FHIR and the rows before this one say. */
const isSubject = (fold: Fold, { draft, patient }: StudyFold, claimed: PatientDraft): boolean => {
  if (patient !== undefined) return patient === claimed
  if (draft.base === undefined || draft.fields === undefined) return true
  const { snapshot, settings } = fold.input
  const id = referencedId(settings.fhirBase, 'Patient', draft.subject)
  if (id === undefined) return draft.subject?.reference === undefined
  if (claimed.base?.id === id) return true
  // The subject was merged into the person that the identifier finds.
  const subject = snapshot.patients.get(id)
  const live = subject === undefined ? undefined : livePatient(snapshot.patients, settings.fhirBase, subject)
  return live?.id !== undefined && live.id === claimed.base?.id
}

/** Another person under a known PatientID. An Update row is a deliberate correction. */
const conflicts = ({ input, verdicts }: Fold, { resource }: PatientDraft, row: UpsertRow): boolean => {
  if (!input.settings.patient.matchGuard || row.update) return false
  // A row of the feed and the reading of its instance meet the Patient at different times.
  const key = `${row.sequence} ${instanceKeyText(row.key)}`
  const verdict = input.verdicts?.get(key) ?? (resource !== undefined && demographicsConflict(resource, row.claimed))
  verdicts.set(key, verdict)
  return verdict
}

const recordConflict = (fold: Fold, { base }: PatientDraft, row: UpsertRow): void => {
  fold.recorded.push({ row, error: { _tag: 'DemographicsConflict', patientId: base?.id } })
}

/** On whom all live instances of a study agree, as far as they name anybody. */
const agreed = (fold: Fold, reading: ReadonlyArray<UpsertRow>): PatientDraft | undefined => {
  const patients = new Set(reading.map((each) => patientOf(fold, each)))
  const [sole] = patients
  return patients.size === 1 && sole !== undefined && !('_tag' in sole) ? sole : undefined
}

/**
 * The PatientID of this row is not that of the study. Only when the DICOM service says that all its live instances
 * agree does the study move: one misfiled image must not take three thousand along.
 */
const settleDoubt = (fold: Fold, study: StudyFold, row: UpsertRow): 'Go on' | 'Stop' => {
  const key = studyKeyText(row.key)
  const reading = fold.input.readings.get(key)
  if (reading === undefined) {
    fold.doubts.set(key, { partition: row.key.partition, studyInstanceUid: row.key.studyInstanceUid })
    return 'Stop'
  }
  const patient = agreed(fold, reading)
  if (patient === undefined) {
    fold.recorded.push({ row, error: { _tag: 'PatientMismatch' } })
    return 'Stop'
  }
  const isTheirs = patientOf(fold, row) === patient
  if (isTheirs && conflicts(fold, patient, row)) {
    recordConflict(fold, patient, row)
    return 'Stop'
  }
  sync(fold, study, patient, reading, row)
  if (isTheirs) return 'Go on'
  // The instance was corrected since its page was read: what was just synced is newer than this row.
  study.rows.push(row)
  return 'Stop'
}

/** Brings a study in step with all its live instances; once. */
const sync = (
  fold: Fold,
  study: StudyFold,
  patient: PatientDraft,
  reading: ReadonlyArray<UpsertRow>,
  row: UpsertRow,
): void => {
  if (study.synced) return
  study.synced = true
  for (const read of fold.input.rowsAlone === true ? [] : reading) {
    // What a late row makes us read is no newer than that row.
    const each = row.late ? { ...read, late: true } : read
    if (!row.update && conflicts(fold, patient, each)) continue
    applyToPatient(fold, patient, each)
    applyToStudy(fold, study, patient, each)
    fold.syncedInstances.push(each.key)
  }
}

/** The row is the study's own patient's. Was an entry on record wrong, is it still? */
const recallMismatch = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): 'Go on' | 'Stop' => {
  const key = studyKeyText(row.key)
  const { mismatched, rowsAlone, readings } = fold.input
  if (study.synced || rowsAlone === true || mismatched?.has(key) !== true) return 'Go on'
  const reading = readings.get(key)
  if (reading === undefined) {
    fold.doubts.set(key, { partition: row.key.partition, studyInstanceUid: row.key.studyInstanceUid })
    return 'Stop'
  }
  if (agreed(fold, reading) === patient) sync(fold, study, patient, reading, row)
  return 'Go on'
}

const foldUpsert = (fold: Fold, row: UpsertRow): void => {
  const study = studyOf(fold, row)
  const patient = patientOf(fold, row)
  if ('_tag' in patient) {
    fold.recorded.push({ row, error: patient })
    return
  }
  if (!isSubject(fold, study, patient)) {
    if (settleDoubt(fold, study, row) === 'Stop') return
  } else if (conflicts(fold, patient, row)) {
    if (!wasTakenIn(fold, study, row)) return recordConflict(fold, patient, row)
    // A later row has corrected the person since: that stays.
    applyToStudy(fold, study, patient, row)
    study.rows.push(row)
    return
  } else if (recallMismatch(fold, study, patient, row) === 'Stop') return
  applyToPatient(fold, patient, row)
  applyToStudy(fold, study, patient, row)
  study.rows.push(row)
}

/** By a run that died before it could move the checkpoint: it was judged when it was written. */
const wasTakenIn = ({ input: { reached = 0 } }: Fold, { draft: { base } }: StudyFold, { sequence, key }: UpsertRow) =>
  sequence <= reached &&
  (base?.series ?? []).some(
    ({ uid, instance = [] }) =>
      uid === key.seriesInstanceUid && instance.some((each) => each.uid === key.sopInstanceUid),
  )

export const foldRow = (fold: Fold, row: LiveRow): void => {
  if (row._tag === 'Upsert') return foldUpsert(fold, row)
  const study = studyOf(fold, row)
  deleteInstance(study.draft, fold.input.settings, row.key)
  study.deleted.add(row.key.sopInstanceUid)
  study.reports.delete(row.key.sopInstanceUid)
  own(fold, study)
  // Whoever the study belonged to: when it comes back, it is a new one.
  if (study.draft.fields === undefined) study.patient = undefined
  study.rows.push(row)
}
