import type { EntryError } from '../cast-error'
import { type InstanceKey, instanceKeyText, keptKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { holdsInstance } from '../mapping/study-draft'
import { patientKeyText } from '../mapping/patient-identity'
import { type Fold, type StudyFold, applyToStudy } from './fold'
import { count, countAgain, foreignOf, isOfAll, nameOf, uncount, type ForeignStudy } from './foreign-names'
import type { UpsertRow } from './judge'
import { instancesOf, takeOut, wasTakenIn } from './take-out'
import { atOdds, inHandOf, mismatchedOf, readingOf } from './witnesses'

const nothingSeen: ReadonlyArray<UpsertRow> = []

/**
 * A study of another system whose subject cannot be compared with ours: it is never touched. Images come in as long as
 * they name one identifier, that of the images already in it.
 */
export const foldForeign = (fold: Fold, study: StudyFold, row: UpsertRow): void => {
  const own = instanceKeyText(row.key)
  const mismatched = mismatchedOf(fold, row)
  const isStray = ({ error }: { readonly error: EntryError }): boolean => error._tag === 'PatientMismatch'
  const areWaiting = mismatched.size > 0 || study.recorded.some(isStray) || study.takenOut.some(isStray)
  const isHeldInFhir = (study.draft.base?.series ?? []).some(({ instance = [] }) => instance.length > 0)
  const isAsked = isHeldInFhir || areWaiting
  const reading = isAsked ? readingOf(fold, row.key) : nothingSeen
  if (reading === undefined) return
  const isUnread = isAsked && reading.length === 0
  const seen = isUnread ? inHandOf(fold, row.key) : reading
  const foreign = foreignOf(study, seen)
  uncount(foreign, own)
  const mine = patientKeyText(row.identity)
  const isOpen = isUnread && !wasTakenIn(fold, study, row) && isUnseen(fold, study, seen, mismatched)
  // The only image in it is at odds with no other: those that stand recorded were refused because of it.
  const isAlone = holdsInstance(study.draft, row.key) && !mismatched.has(own)
  const others = isAlone ? [] : [mismatched.keys(), study.told.keys()]
  const isTheirs = !isOpen && isOfAll(study, foreign, others, mine)
  if (row.isPhantom || isTheirs) {
    study.joined.add(own)
    applyToStudy(fold, study, undefined, row)
    count(study, foreign, own)
    study.rows.push(row)
    const areAsked = foreign.asked.get(mine) === mismatched.size
    if (row.isPhantom || !areWaiting || isUnread || areAsked || fold.input.rowsAlone === true) return
    foreign.asked.set(mine, mismatched.size)
    return joinForeign(fold, study, recordedAlike(fold, study, foreign, row))
  }
  study.joined.delete(own)
  const isOut = takeOut(fold, study, row.key)
  foreign.asked.delete(mine)
  ;(isOut ? study.takenOut : study.recorded).push({ row, error: { _tag: 'PatientMismatch' } })
}

/** A correction may have made it the study of those that stood against it: of what was seen, who names the same as this row. */
const recordedAlike = (
  fold: Fold,
  study: StudyFold,
  foreign: ForeignStudy,
  row: UpsertRow,
): ReadonlyArray<UpsertRow> => {
  const waiting = atOdds(fold, study, row)
  const mine = patientKeyText(row.identity)
  return foreign.seen.filter((each) => {
    const text = keptKeyText(each.key)
    return waiting.has(text) && patientKeyText(each.identity) === mine && nameOf(study, foreign, text) === mine
  })
}

/** An image that may be alive is in it, or recorded of it, and nobody can be asked whom that names. `seen`: rows in hand. */
const isUnseen = (
  { input }: Fold,
  study: StudyFold,
  seen: ReadonlyArray<UpsertRow>,
  recorded: ReadonlyMap<string, InstanceKey>,
): boolean => {
  const alive = input.alive?.get(studyKeyText({ partition: study.partition, studyInstanceUid: study.uid }))
  const known = new Set(seen.map(({ key }) => instanceKeyText(key)))
  const there = [...instancesOf(study).map(instanceKeyText), ...recorded.keys()]
  return there.some((text) => alive?.has(text) === true && !known.has(text))
}

/** The same for those that stand recorded, when what they were at odds with is gone. */
export const readmitForeign = (fold: Fold, study: StudyFold, witnesses: ReadonlyArray<UpsertRow>): void => {
  if (new Set(witnesses.map(({ identity }) => patientKeyText(identity))).size === 1) joinForeign(fold, study, witnesses)
}

const joinForeign = (fold: Fold, study: StudyFold, witnesses: ReadonlyArray<UpsertRow>): void => {
  for (const each of witnesses) {
    const text = instanceKeyText(each.key)
    fold.syncedInstances.set(text, each.key)
    if (holdsInstance(study.draft, each.key)) continue
    study.joined.add(text)
    applyToStudy(fold, study, undefined, each)
    countAgain(study, text)
  }
}
