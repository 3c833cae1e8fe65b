import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { holdsInstance } from '../mapping/study-draft'
import { patientKeyText } from '../mapping/patient-identity'
import { type Fold, type StudyFold, applyToStudy } from './fold'
import type { UpsertRow } from './judge'
import { instancesOf, takeOut, wasTakenIn } from './take-out'
import { atOdds, inHandOf, mismatchedOf, readingOf } from './witnesses'

/**
 * A study of another system whose subject cannot be compared with ours: it is never touched. Images come in as long as
 * they name one identifier, that of the images already in it.
 */
export const foldForeign = (fold: Fold, study: StudyFold, row: UpsertRow): void => {
  const own = instanceKeyText(row.key)
  const mismatched = mismatchedOf(fold, row)
  const waiting = atOdds(fold, study, row)
  const isHeldInFhir = (study.draft.base?.series ?? []).some(({ instance = [] }) => instance.length > 0)
  const isAsked = isHeldInFhir || waiting.size > 0
  const reading = isAsked ? readingOf(fold, row.key) : []
  if (reading === undefined) return
  const isUnread = isAsked && reading.length === 0
  const seen = isUnread ? inHandOf(fold, row.key) : reading
  const named = new Map([
    ...seen.flatMap((each) =>
      each.isPhantom ? [] : [[instanceKeyText(each.key), patientKeyText(each.identity)] as const],
    ),
    ...study.told,
  ])
  named.delete(own)
  const inIt = new Set(study.joined)
  for (const { key } of seen) if (holdsInstance(study.draft, key)) inIt.add(instanceKeyText(key))
  const identifiersOf = (texts: Iterable<string>): ReadonlySet<string> =>
    new Set([...texts].flatMap((text) => named.get(text) ?? []))
  const ofImages = identifiersOf(inIt)
  // The only image in it is at odds with no other: those that stand recorded were refused because of it.
  const isAlone = holdsInstance(study.draft, row.key) && !mismatched.has(own)
  const others = ofImages.size > 0 || isAlone ? ofImages : identifiersOf([...mismatched.keys(), ...study.told.keys()])
  const isOpen = isUnread && !wasTakenIn(fold, study, row) && isUnseen(fold, study, seen, mismatched)
  const isTheirs = !isOpen && [...others].every((each) => each === patientKeyText(row.identity))
  if (row.isPhantom || isTheirs) {
    study.joined.add(own)
    applyToStudy(fold, study, undefined, row)
    study.rows.push(row)
    if (row.isPhantom || fold.input.rowsAlone === true) return
    // A correction may have made it the study of those that stood against it.
    const mine = patientKeyText(row.identity)
    const isMine = ({ key, identity }: UpsertRow): boolean =>
      patientKeyText(identity) === mine && named.get(instanceKeyText(key)) === mine
    return joinForeign(
      fold,
      study,
      reading.filter((each) => waiting.has(instanceKeyText(each.key)) && isMine(each)),
    )
  }
  study.joined.delete(own)
  const isOut = takeOut(fold, study, row.key)
  ;(isOut ? study.takenOut : study.recorded).push({ row, error: { _tag: 'PatientMismatch' } })
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
  }
}
