import type { Patient } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import { createdReference } from '../fhir/bundle'
import { hasIdentifier } from '../fhir/identifiers'
import { carriesOurMark, ourMeta, sourceOf } from '../fhir/provenance'
import { type Judging, fillUnknown, keepKnown } from '../mapping/demographics'
import { modeOf } from '../mapping/merge-study'
import { patientKeyText } from '../mapping/patient-identity'
import { type Fold, type PatientDraft, type StudyFold, askedOf } from './fold'
import type { UpsertRow } from './judge'
import { findPatient, isShared, livePatient } from './snapshot'
import { isTarget, targetOf } from './subject'

export const patientOf = (fold: Fold, row: UpsertRow): PatientDraft | EntryError => {
  const key = patientKeyText(row.identity)
  const { snapshot, settings, today } = fold.input
  const asked = isShared(snapshot, row.identity) ? `${row.studyDate ?? ''} ${key}` : key
  const known = fold.patients.get(asked)
  if (known !== undefined) return known
  const hit = findPatient(snapshot, settings, row.identity, { today, studyDate: row.studyDate })
  const create = (): PatientDraft => {
    const created = fold.created.get(key) ?? draftOf(key, undefined)
    fold.created.set(key, created)
    return created
  }
  const make = (): PatientDraft | EntryError => {
    if (hit._tag === 'Unusable') return hit.error
    if (hit._tag === 'None') return create()
    // Two identifiers may lead to one Patient, and a transaction may hold it only once.
    const { patient, followed, takenOver } = hit
    const id = patient.id ?? ''
    const same = fold.patientsById.get(id)
    if (same !== undefined && takenOver && !hasIdentifier(same.resource, undefined, row.identity.value)) return create()
    if (followed) fold.followed.add(key)
    if (same !== undefined) return same
    return openPatient(fold, key, patient)
  }
  const made = make()
  fold.patients.set(asked, made)
  return made
}

const draftOf = (key: string, base: Patient | undefined): PatientDraft => ({
  reference: base === undefined ? createdReference(`Patient ${key}`) : `Patient/${base.id}`,
  key,
  base,
  resource: base,
  applied: undefined,
})

const openPatient = (fold: Fold, key: string, patient: Patient): PatientDraft => {
  const id = patient.id ?? ''
  const draft = fold.patientsById.get(id) ?? draftOf(key, patient)
  fold.patientsById.set(id, draft)
  return draft
}

/**
 * Whose a row says its image is. Of several Patients with one identifier the one that is the subject of the study
 * already: another system's later twin must not stop a healthy study.
 */
export const patientFor = (fold: Fold, study: StudyFold, row: UpsertRow): PatientDraft | EntryError => {
  const { snapshot, settings } = fold.input
  const target = targetOf(fold.input, study.draft.subject)
  const isLive = target !== undefined && livePatient(snapshot.patients, settings.fhirBase, target) === target
  const now = targetOf(askedOf(fold), study.draft.subject)
  return isLive && isTarget(askedOf(fold), now, row.identity)
    ? openPatient(fold, patientKeyText(row.identity), target)
    : patientOf(fold, row)
}

export const judgingOf = ({ input: { settings, today } }: Fold): Judging => ({ ...settings.patient, today })

export const applyToPatient = (fold: Fold, draft: PatientDraft, row: UpsertRow): void => {
  const { followed, input } = fold
  const { settings, newest } = input
  const { overwrite } = settings.patient
  const ours = draft.base === undefined || carriesOurMark(draft.base.meta, settings.dicom)
  const follows = overwrite === 'always' || (overwrite === 'own' && ours)
  const isOlder = row.sequence < (newest?.get(patientKeyText(row.identity)) ?? 0)
  const isFollowed = followed.has(patientKeyText(row.identity))
  const mode = follows && !isOlder && !isFollowed ? modeOf(row, ours) : 'fill'
  const before: Patient = draft.resource ?? {
    resourceType: 'Patient',
    meta: ourMeta(sourceOf(settings.dicom, row.key.partition)),
  }
  const { applied } = draft
  // Images of a series say the same: what was applied already changes nothing.
  if (applied?.to === before && applied.change === row.patient && applied.mode === mode) return
  const judging = judgingOf(fold)
  const after =
    mode === 'fill'
      ? fillUnknown(judging, before, row.patient(mode))
      : keepKnown(judging, before, row.patient(mode)(before))
  // The target of a link has identifiers of its own; the merged one keeps this.
  draft.resource =
    after.identifier !== before.identifier && isFollowed ? { ...after, identifier: before.identifier ?? [] } : after
  draft.applied = { change: row.patient, mode, to: draft.resource }
}
