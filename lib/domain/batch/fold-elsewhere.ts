import type { ImagingStudy } from 'fhir/r4'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { isSourceOf } from '../fhir/provenance'
import { holdsInstance } from '../mapping/study-draft'
import { type Fold, studyOf } from './fold'
import type { LiveRow } from './judge'
import { isProbe } from './parts'
import { instancesOf, takeOut } from './take-out'
import { readingOf } from './witnesses'

/** Its partition's name is another one's in other case: recorded, and not merged. */
export const isSpelledOtherwise = (fold: Fold, row: LiveRow): boolean => {
  if (row._tag !== 'Upsert' || !fold.otherSpellings.has(row.key.partition)) return false
  studyOf(fold, row).recorded.push({ row, error: { _tag: 'EntryMalformed', paths: ['partitionName'] } })
  return true
}

/**
 * Azure's bulk update can change UIDs, and no Delete row need follow. An updated instance may have come from elsewhere, also
 * when its study in FHIR holds it: whoever read that whole may have come before the row. So may a deleted one that it does
 * not hold, whose Update row was superseded before it was read. What is not alive there goes first. True: the row waits for
 * that, and so do later ones of its study: their values are newer.
 */
const waitsElsewhere = (fold: Fold, row: LiveRow): boolean => {
  const before = fold.waitingFor.size === 0 ? undefined : fold.waitingFor.get(studyKeyText(row.key))
  if (before !== undefined) {
    before.waiting.push(row)
    return true
  }
  const places = mayComeFromElsewhere(row) ? (fold.input.snapshot.elsewhere?.get(row.key.sopInstanceUid) ?? []) : []
  if (places.length === 0 || (!isOfUpdate(row) && holdsInstance(studyOf(fold, row).draft, row.key))) return false
  const { settings, alive } = fold.input
  let waits = false
  for (const studyInstanceUid of new Set(places)) {
    const key = { partition: row.key.partition, studyInstanceUid }
    const study = studyOf(fold, { key: { ...row.key, studyInstanceUid } })
    // Another partition's study of this UID holds its own images.
    if (study.draft.base === undefined || !holdsBeside(study.draft.base, key.studyInstanceUid, row.key)) continue
    if (readingOf(fold, key) === undefined) {
      waits = true
      continue
    }
    const living = alive?.get(studyKeyText(key))
    if (living === undefined) continue
    // Images of another archive in a study of others are not ours to remove.
    const isOurs = isSourceOf(study.draft.base.meta, settings.dicom, study.partition)
    const gone = instancesOf(study).filter(
      (each) => !living.has(instanceKeyText(each)) && (isOurs || each.sopInstanceUid === row.key.sopInstanceUid),
    )
    for (const each of gone) takeOut(fold, study, each)
    if (studyInstanceUid === row.key.studyInstanceUid || (gone.length === 0 && study.waiting.length === 0)) continue
    study.waiting.push(row)
    fold.waitingFor.set(studyKeyText(row.key), study)
    waits = true
  }
  return waits
}

/** The row waits for what must go elsewhere, or was only to ask for that: there is nothing to fold now. */
export const leavesElsewhere = (fold: Fold, row: LiveRow): boolean => {
  if (waitsElsewhere(fold, row)) return true
  if (!isProbe(row)) return false
  fold.probes.push(row)
  return true
}

/** A Create is not asked for, there are too many of them; nor what a study that is read whole holds itself. */
export const mayComeFromElsewhere = (row: LiveRow): boolean =>
  row._tag === 'Upsert'
    ? row.update
    : (row.unowned === undefined || row.update === true) && row.isWhole !== true && row.key.sopInstanceUid !== ''

export const isOfUpdate = (row: LiveRow): boolean =>
  row._tag === 'Upsert' ? row.update : row.update === true || row.probe === true

/** What the row itself names is not elsewhere. */
const holdsBeside = ({ series = [] }: ImagingStudy, study: string, key: InstanceKey): boolean =>
  series.some(
    ({ uid: seriesInstanceUid, instance = [] }) =>
      (study !== key.studyInstanceUid || seriesInstanceUid !== key.seriesInstanceUid) &&
      instance.some(({ uid }) => uid === key.sopInstanceUid),
  )
