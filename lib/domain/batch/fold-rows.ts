import type { EntryError } from '../cast-error'
import { instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { deleteInstance } from '../mapping/merge-study'
import { hasInstances, holdsInstance, isOurs, openStudy } from '../mapping/study-draft'
import { patientKeyText } from '../mapping/patient-identity'
import { type Fold, type PatientDraft, type StudyFold, applyToStudy, askedOf, own, studyOf } from './fold'
import { applyToPatient, patientFor } from './fold-patient'
import { isSpelledOtherwise, leavesElsewhere } from './fold-elsewhere'
import { foldForeign, readmitForeign } from './fold-foreign'
import { countAgain } from './foreign-names'
import { conflicts } from './guard'
import type { DeleteRow, LiveRow, UpsertRow } from './judge'
import { type Said, isTarget, subjectSays, targetOf } from './subject'
import { instancesOf, takeOut, wasTakenIn } from './take-out'
import { agreed, atOdds, inTheirOrder, mismatchedOf, readingOf, witnessesOf } from './witnesses'

/** Whose the study is, as far as FHIR and the rows before this one say. */
const saidOf = (fold: Fold, study: StudyFold, row: UpsertRow, claimed: PatientDraft | EntryError): Said => {
  const { draft, patient } = study
  if (patient !== undefined) return patient === claimed ? 'Equal' : 'Different'
  if (draft.base === undefined || draft.fields === undefined) return 'Nobody'
  const ours = isOurs(draft, fold.input.settings, study.partition)
  // Kept without series, because others refer to it: it is a new study when it comes back.
  if (ours && !hasInstances(draft)) return 'Nobody'
  const patientId = '_tag' in claimed ? undefined : claimed.base?.id
  const said = subjectSays(askedOf(fold), draft.subject, draft.base.contained, { identity: row.identity, patientId })
  return said === 'NotComparable' && ours ? 'Nobody' : said
}

/** A row in a fail table is true: its instance stands in no study of ours. */
const record = (fold: Fold, study: StudyFold, row: LiveRow, error: EntryError): void => {
  ;(takeOut(fold, study, row.key) ? study.takenOut : study.recorded).push({ row, error })
  // Only who stands recorded because he names another person is a witness.
  if (error._tag === 'PatientMismatch') return
  study.told.delete(instanceKeyText(row.key))
  readmit(fold, study, row)
}

const recordConflict = (fold: Fold, study: StudyFold, { base }: PatientDraft, row: UpsertRow): void =>
  record(fold, study, row, { _tag: 'DemographicsConflict', patientId: base?.id })

/** The identifier cannot be used; when the subject of the study has it, there is no doubt whose the image is. */
const recordUnusable = (fold: Fold, study: StudyFold, row: UpsertRow, error: EntryError): void => {
  const asked = askedOf(fold)
  if (isTarget(asked, targetOf(asked, study.draft.subject), row.identity)) study.recorded.push({ row, error })
  else record(fold, study, row, error)
}

const take = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): void => {
  applyToStudy(fold, study, patient, row)
  applyToPatient(fold, patient, study, row)
  study.rows.push(row)
}

/**
 * Nobody can be told from the study in FHIR: its images are asked, and where there are none, the first row takes it. But
 * where some stand recorded as somebody else's, it was there, and all that there is must agree.
 */
const foldFirst = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): void => {
  const wasThere = !hasInstances(study.draft) && mismatchedOf(fold, row).size > 0
  if (fold.input.rebuilt !== undefined || hasInstances(study.draft) || wasThere) {
    const reading = readingOf(fold, row.key)
    if (reading === undefined) return
    if (agreed(fold, study, witnessesOf(fold, study, row, reading, wasThere)) !== patient) {
      return record(fold, study, row, { _tag: 'PatientMismatch' })
    }
  }
  if (conflicts(fold, patient, row, false)) return recordConflict(fold, study, patient, row)
  if (recall(fold, study, patient, row) === 'Stop') return
  take(fold, study, patient, row)
}

const foldOwn = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): void => {
  if (conflicts(fold, patient, row, holdsInstance(study.draft, row.key))) {
    if (!wasTakenIn(fold, study, row)) return recordConflict(fold, study, patient, row)
    // A later row has corrected the person since: that stays.
    applyToStudy(fold, study, patient, row)
    study.rows.push(row)
    return
  }
  if (recall(fold, study, patient, row) === 'Stop') return
  take(fold, study, patient, row)
}

/**
 * The PatientID of this row is not that of the study. Only when all witnesses agree does the study move: one misfiled
 * image must not take three thousand along.
 */
const foldStray = (fold: Fold, study: StudyFold, claimed: PatientDraft, row: UpsertRow): void => {
  const reading = readingOf(fold, row.key)
  if (reading === undefined) return
  // Another system says whose it is, and nothing of ours is in it yet: then all that there is must speak against it.
  const everybody = !hasInstances(study.draft)
  const patient = agreed(fold, study, witnessesOf(fold, study, row, reading, everybody))
  if (patient === undefined) return record(fold, study, row, { _tag: 'PatientMismatch' })
  const isTheirs = claimed === patient
  if (isTheirs && conflicts(fold, patient, row, false)) return recordConflict(fold, study, patient, row)
  const witnesses = witnessesOf(fold, study, row, reading)
  if (leavesBehind(fold, study, patient, witnesses)) return record(fold, study, row, { _tag: 'PatientMismatch' })
  sync(fold, study, patient, witnesses, row)
  if (isTheirs) return take(fold, study, patient, row)
  // The instance was corrected since its page was read: what was just synced is newer than this row.
  study.rows.push(row)
}

/**
 * Images of the study that this Patient does not fit. It does not move away under them: they would be in nobody's record,
 * and no row would tell.
 */
const leavesBehind = (
  fold: Fold,
  study: StudyFold,
  patient: PatientDraft,
  witnesses: ReadonlyArray<UpsertRow>,
): boolean => witnesses.some((each) => holdsInstance(study.draft, each.key) && conflicts(fold, patient, each, false))

/** Brings a study in step with these instances of it, which all are this person's; once. */
const sync = (
  fold: Fold,
  study: StudyFold,
  patient: PatientDraft,
  witnesses: ReadonlyArray<UpsertRow>,
  row: LiveRow,
): void => {
  if (study.syncedFor === patient) return
  study.syncedFor = patient
  // Another person's that is gone: its Delete row is still to come.
  const alive = fold.input.alive?.get(studyKeyText(row.key))
  if (alive !== undefined) {
    for (const key of instancesOf(study)) if (!alive.has(instanceKeyText(key))) takeOut(fold, study, key)
  }
  if (fold.input.rowsAlone === true) return
  for (const each of inTheirOrder(fold, row, witnesses)) syncOne(fold, study, patient, each, row.late)
}

const syncOne = (fold: Fold, study: StudyFold, patient: PatientDraft, read: UpsertRow, late: boolean): void => {
  // One that stands in the study of its Patient, whom another system has corrected since, stays as it is.
  if (conflicts(fold, patient, read, false)) return
  // What a late row makes us read is no newer than that row.
  const each = late ? { ...read, late } : read
  applyToStudy(fold, study, patient, each)
  applyToPatient(fold, patient, study, each)
  fold.syncedInstances.set(instanceKeyText(each.key), each.key)
}

/** The row is the study's own patient's. Was an entry on record wrong, is it still? */
const recall = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): 'Go on' | 'Stop' => {
  const mismatched = mismatchedOf(fold, row)
  if (mismatched.size === 0) return 'Go on'
  const self = instanceKeyText(row.key)
  const isOpen = (text: string): boolean => text !== self && !study.told.has(text)
  if (study.recalled || fold.input.rowsAlone === true || ![...mismatched.keys()].some(isOpen)) return 'Go on'
  const reading = readingOf(fold, row.key)
  if (reading === undefined) return 'Stop'
  study.recalled = true
  for (const each of inTheirOrder(fold, row, reading)) {
    const text = instanceKeyText(each.key)
    if (!mismatched.has(text) || !isOpen(text)) continue
    if (patientFor(fold, study, each) === patient) syncOne(fold, study, patient, each, row.late)
    else takeOut(fold, study, each.key)
  }
  return 'Go on'
}

const foldUpsert = (fold: Fold, row: UpsertRow): void => {
  const study = studyOf(fold, row)
  study.told.set(instanceKeyText(row.key), patientKeyText(row.identity))
  const patient = patientFor(fold, study, row)
  const said = saidOf(fold, study, row, patient)
  if (said === 'NotComparable') return foldForeign(fold, study, row)
  // A test object in a study is nobody's, and an image whose study says so itself needs no Patient.
  if (said === 'EqualInside' || (row.isPhantom && said !== 'Nobody')) {
    applyToStudy(fold, study, undefined, row)
    countAgain(study, instanceKeyText(row.key))
    study.rows.push(row)
    return
  }
  study.foreign = undefined
  if ('_tag' in patient) return recordUnusable(fold, study, row, patient)
  switch (said) {
    case 'Nobody':
      return foldFirst(fold, study, patient, row)
    case 'Equal':
      return foldOwn(fold, study, patient, row)
    case 'Different':
      return foldStray(fold, study, patient, row)
  }
}

const foldDelete = (fold: Fold, row: DeleteRow): void => {
  const study = studyOf(fold, row)
  const text = instanceKeyText(row.key)
  study.told.delete(text)
  if (row.unowned !== undefined) {
    // With the unit, also when nothing of it is there: what it was at odds with may come in.
    takeOut(fold, study, row.key)
    study.takenOut.push({ row, error: row.unowned.error })
  } else {
    deleteInstance(study.draft, fold.input.settings, row.key)
    study.reports.delete(text)
    own(fold, study)
    // Whoever the study belonged to: when it comes back, it is a new one.
    if (study.draft.fields === undefined) study.patient = undefined
    study.rows.push(row)
  }
  countAgain(study, text)
  readmit(fold, study, row)
}

/** What is gone may have been what the others were at odds with. */
const readmit = (fold: Fold, study: StudyFold, row: LiveRow): void => {
  const gone = instanceKeyText(row.key)
  const mismatched = atOdds(fold, study, row)
  mismatched.delete(gone)
  if (mismatched.size === 0 || fold.input.rebuilt !== undefined) return
  const reading = readingOf(fold, row.key)
  if (reading === undefined) return
  const witnesses = witnessesOf(fold, study, row, reading).filter(({ key }) => instanceKeyText(key) !== gone)
  const [first] = witnesses
  // An earlier part of this batch, or a run that died, may have brought them in: that is to be told all the same.
  // What its own row of this batch brought in is told by that, and said when it came.
  const isTold = (text: string): boolean => !mismatched.has(text) || study.told.has(text)
  const isIn = ({ key }: UpsertRow): boolean => holdsInstance(study.draft, key) && isTold(instanceKeyText(key))
  if (first === undefined || witnesses.every(isIn)) return
  const said = saidOf(fold, study, first, patientFor(fold, study, first))
  if (said === 'NotComparable') return readmitForeign(fold, study, witnesses)
  // A study that is not there, though some stand recorded of it, may have been lost: it is not given to a stray.
  const isLost = said === 'Nobody' && !hasInstances(openStudy(study.draft.base))
  const everybody = !hasInstances(study.draft) && (said === 'Different' || isLost)
  const patient = agreed(fold, study, everybody ? witnessesOf(fold, study, row, reading, true) : witnesses)
  if (patient === undefined || (said !== 'Equal' && leavesBehind(fold, study, patient, witnesses))) return
  study.syncedFor = undefined
  study.foreign = undefined
  sync(fold, study, patient, witnesses, row)
}

export const foldRow = (fold: Fold, row: LiveRow): void => {
  if (isSpelledOtherwise(fold, row) || leavesElsewhere(fold, row)) return
  return row._tag === 'Upsert' ? foldUpsert(fold, row) : foldDelete(fold, row)
}
