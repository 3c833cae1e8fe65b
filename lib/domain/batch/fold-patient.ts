import { isDeepStrictEqual } from 'node:util'
import type { Meta, Patient } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { createdReference } from '../fhir/bundle'
import { hasIdentifier } from '../fhir/identifiers'
import { carriesOurMark, isOfService, ourMeta, sourceOf } from '../fhir/provenance'
import { type Judging, fillUnknown, keepKnown } from '../mapping/demographics'
import { modeOf } from '../mapping/merge-study'
import { keepStated, keeping } from '../mapping/stated'
import { hasInstances } from '../mapping/study-draft'
import { patientKeyText } from '../mapping/patient-identity'
import { isEmptied } from './emptied'
import { type Fold, type PatientDraft, type PlanInput, type StudyFold, askedOf } from './fold'
import type { UpsertRow } from './judge'
import { ageInHand, isNewestOf, isOvertaken, laterThan } from './newest-study'
import { findPatient, isShared, livePatient, referencedId } from './snapshot'
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
  compared: undefined,
  kept: new Set(),
  keptFor: new Set(),
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
  const asked = askedOf(fold)
  return isLive && isTarget(asked, targetOf(asked, study.draft.subject), row.identity)
    ? openPatient(fold, patientKeyText(row.identity), target)
    : patientOf(fold, row)
}

export const judgingOf = ({ input: { settings, today } }: Fold): Judging => ({ ...settings.patient, today })

/**
 * A Create of an older study only fills, and so does one of a study that others made: whoever writes, and in whatever
 * order, it ends the same.
 */
const isOfNewest = (fold: Fold, draft: PatientDraft, { partition, studyInstanceUid }: InstanceKey): boolean => {
  const { ages, settings, today } = fold.input
  const isTheirs = ({ patient, draft: { base, fields, subject, series } }: StudyFold): boolean =>
    fields !== undefined &&
    // One that stands emptied says nothing any more, as where it is not in hand.
    hasInstances({ series }) &&
    (base === undefined || isOfService(base.meta, settings.dicom)) &&
    (patient === undefined
      ? draft.base !== undefined && referencedId(settings.fhirBase, 'Patient', subject) === draft.base.id
      : patient === draft)
  const inHand = [...fold.studies.values()]
  const held = (ages?.get(draft.base?.id ?? '') ?? []).filter(
    (age) => !inHand.some((each) => each.partition === age.partition && `urn:oid:${each.uid}` === age.uid),
  )
  const theirs = [...held, ...inHand.filter(isTheirs).map((each) => ageInHand(each, today))]
  const own = theirs.find((each) => each.partition === partition && each.uid === `urn:oid:${studyInstanceUid}`)
  return own !== undefined && isNewestOf(own, theirs)
}

/** Of an Update, unless a later Create of the newest study is stored already; of a Create, when its study is the newest. */
const hasTheSay = (fold: Fold, draft: PatientDraft, row: UpsertRow, later: ReturnType<typeof laterThan>): boolean =>
  row.update ? !later.some(({ key }) => isOfNewest(fold, draft, key)) : isOfNewest(fold, draft, row.key)

// Elements with one value, on which images of one study may disagree.
const elements = ['name', 'gender', 'birthDate'] as const

/** In a rebuild all instances that name the Patient have a say, also those that are written apart. */
const keepStatedOf = ({ rebuilt }: PlanInput, draft: PatientDraft, key: string): void => {
  if (rebuilt === undefined || draft.keptFor.has(key)) return
  draft.keptFor.add(key)
  for (const each of rebuilt) {
    if (each._tag === 'Upsert' && patientKeyText(each.identity) === key) keepStated(elements, draft, each.patient)
  }
}

/** FHIR holds images of the study as this Patient's. A late row of any other is as new as its study. */
const isHeldOf = ({ input: { settings } }: Fold, { draft: { base } }: StudyFold, patient: PatientDraft): boolean =>
  base !== undefined &&
  !isEmptied(base) &&
  patient.base?.id !== undefined &&
  referencedId(settings.fhirBase, 'Patient', base.subject) === patient.base.id

/** The row has been applied to its study: that tells how new the study is. */
export const applyToPatient = (fold: Fold, draft: PatientDraft, study: StudyFold, row: UpsertRow): void => {
  const { followed, input } = fold
  const { settings, said } = input
  const { overwrite } = settings.patient
  const isOriginals = input.snapshot.ofOriginal?.has(draft.base?.id ?? '') === true && overwrite !== 'never'
  const ours = draft.base === undefined || carriesOurMark(draft.base.meta, settings.dicom) || isOriginals
  const follows = overwrite === 'always' || (overwrite === 'own' && ours)
  const later = laterThan(said?.get(patientKeyText(row.identity)) ?? [], row)
  const isFollowed = followed.has(patientKeyText(row.identity))
  const late = row.late && isHeldOf(fold, study, draft)
  const mode = follows && !isOvertaken(later, row) && !isFollowed ? modeOf({ ...row, late }, ours) : 'fill'
  const mark = (): Meta => ourMeta(sourceOf(settings.dicom, row.key.partition))
  const before: Patient =
    draft.resource === undefined
      ? { resourceType: 'Patient', meta: mark() }
      : isOriginals && !carriesOurMark(draft.resource.meta, settings.dicom)
        ? { ...draft.resource, meta: { ...draft.resource.meta, ...mark() } }
        : draft.resource
  const { applied } = draft
  // Images of a series say the same: what was applied already changes nothing.
  if (applied?.to === before && applied.change === row.patient && applied.mode === mode) return
  keepStatedOf(input, draft, patientKeyText(row.identity))
  const change = keeping(draft, row.patient)
  const judging = judgingOf(fold)
  const filled = fillUnknown(judging, before, change('fill'))
  const replaced = mode === 'fill' ? filled : keepKnown(judging, before, change(mode)(before))
  const isOpen = (!row.update || later.length > 0) && !isDeepStrictEqual(filled, replaced)
  if (isOpen && draft.base?.id !== undefined) fold.agesWanted.add(draft.base.id)
  const isHeldBack = isOpen && !hasTheSay(fold, draft, row, later)
  const after = isHeldBack ? filled : replaced
  // The target of a link has identifiers of its own; the merged one keeps this.
  draft.resource =
    after.identifier !== before.identifier && isFollowed ? { ...after, identifier: before.identifier ?? [] } : after
  // What is held back of one Update is not of the next.
  draft.applied = { change: row.patient, mode: isHeldBack && row.update ? 'fill' : mode, to: draft.resource }
}
