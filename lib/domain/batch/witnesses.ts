import { isOfPatient } from '../cast-error'
import { type InstanceKey, instanceKeyText, keptKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { patientKeyText } from '../mapping/patient-identity'
import { holdsInstance } from '../mapping/study-draft'
import type { Fold, Mismatch, Mismatched, PatientDraft, Stray, StudyFold } from './fold'
import { patientFor } from './fold-patient'
import type { LiveRow, UpsertRow } from './judge'

/** Who tells whose a study is, when its subject and the row in hand do not agree (docs/identity.md). */

const noRows: ReadonlyMap<string, Mismatch> = new Map()

type InHand = Pick<LiveRow, 'key' | 'sequence'>

/**
 * Instances of the study that stand recorded because they named another patient. What a row behind the one in hand
 * recorded, in an earlier plan of this batch, is still to come for it.
 */
export const mismatchedOf = ({ input }: Fold, { key, sequence }: InHand): ReadonlyMap<string, Mismatch> => {
  const mismatched = input.mismatched?.get(studyKeyText(key))
  if (mismatched === undefined) return noRows
  return new Map([...mismatched].filter(([, each]) => each.hasNoVote !== true && (each.sequence ?? 0) <= sequence))
}

/** The same (instanceKeyText), and what this batch recorded so. */
export const atOdds = (fold: Fold, { recorded, takenOut }: StudyFold, row: InHand): Set<string> => {
  const now = [...recorded, ...takenOut].filter(({ error }) => error._tag === 'PatientMismatch')
  return new Set([...mismatchedOf(fold, row).keys(), ...now.map((each) => instanceKeyText(each.row.key))])
}

const sorted = new WeakMap<ReadonlyArray<LiveRow>, ReadonlyMap<string, ReadonlyArray<UpsertRow>>>()

/** Gone through once, however many studies ask. */
const upsertsByStudy = (rows: ReadonlyArray<LiveRow>): ReadonlyMap<string, ReadonlyArray<UpsertRow>> => {
  const known = sorted.get(rows)
  if (known !== undefined) return known
  const byStudy = new Map<string, Array<UpsertRow>>()
  for (const row of rows) {
    if (row._tag !== 'Upsert') continue
    const study = studyKeyText(row.key)
    const upserts = byStudy.get(study)
    if (upserts === undefined) byStudy.set(study, [row])
    else upserts.push(row)
  }
  sorted.set(rows, byStudy)
  return byStudy
}

/**
 * The live instances of a study, with the metadata of now. None: it is not read yet, and in doubt from now on. A rebuild
 * is such a reading itself.
 */
export const readingOf = (
  fold: Fold,
  key: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>,
): ReadonlyArray<UpsertRow> | undefined => {
  const study = studyKeyText(key)
  const { readings, rebuilt } = fold.input
  const reading = readings.get(study)
  if (reading !== undefined) return reading
  if (rebuilt !== undefined) return upsertsByStudy(rebuilt).get(study) ?? []
  const { partition, studyInstanceUid } = key
  fold.doubts.set(study, { partition, studyInstanceUid })
  return undefined
}

/** Of the study, who is told by rows of this batch, also by those behind the one in hand: their metadata are of now. */
export const inHandOf = ({ input }: Fold, key: InstanceKey): ReadonlyArray<UpsertRow> =>
  upsertsByStudy(input.rows).get(studyKeyText(key)) ?? []

const real = new WeakMap<ReadonlyArray<UpsertRow>, ReadonlyArray<UpsertRow>>()

/** Test objects are nobody's. Sorted out once, however many rows ask. */
const realOf = (reading: ReadonlyArray<UpsertRow>): ReadonlyArray<UpsertRow> => {
  const known = real.get(reading) ?? reading.filter(({ isPhantom }) => !isPhantom)
  real.set(reading, known)
  return known
}

/**
 * What FHIR holds of the study, what stands recorded of it, and what the feed has told so far; each votes with the
 * metadata of now. What the feed has not told yet has no vote, but where nothing of ours speaks against another system.
 */
export const witnessesOf = (
  fold: Fold,
  study: StudyFold,
  row: InHand,
  reading: ReadonlyArray<UpsertRow>,
  everybody = false,
): ReadonlyArray<UpsertRow> => {
  if (fold.input.rebuilt !== undefined) return realOf(reading)
  const mismatched = mismatchedOf(fold, row)
  const silent = silentOf(fold, study, row)
  return realOf(reading).filter((each) => {
    const text = keptKeyText(each.key)
    if (study.told.has(text) || mismatched.has(text) || holdsInstance(study.draft, each.key)) return true
    return everybody && !silent.has(text)
  })
}

/**
 * As the feed told of them, so that what the newest says stays: what stands recorded, and what is in hand, behind what came
 * before all of it.
 */
export const inTheirOrder = (
  fold: Fold,
  { key }: InHand,
  witnesses: ReadonlyArray<UpsertRow>,
): ReadonlyArray<UpsertRow> => {
  const recorded = fold.input.mismatched?.get(studyKeyText(key)) ?? noRows
  const inHand = new Map(inHandOf(fold, key).map((row) => [instanceKeyText(row.key), row.sequence]))
  const placed = witnesses.map((each) => {
    const text = keptKeyText(each.key)
    const { sequence, recordedAs = 0 } = recorded.get(text) ?? {}
    return { each, place: inHand.get(text) ?? sequence ?? recordedAs }
  })
  return placed.sort((left, right) => left.place - right.place).map(({ each }) => each)
}

/** Instances (instanceKeyText) that stand recorded because of their own Patient: they say nothing about anybody else. */
const silentOf = ({ input }: Fold, { recorded, takenOut }: StudyFold, { key }: InHand): ReadonlySet<string> => {
  const known = [...(input.mismatched?.get(studyKeyText(key)) ?? noRows)].filter(([, each]) => each.hasNoVote)
  const now = [...recorded, ...takenOut].filter(({ error }) => isOfPatient(error._tag))
  return new Set([...known.map(([text]) => text), ...now.map(({ row }) => instanceKeyText(row.key))])
}

/** Beside those of earlier batches what this one has recorded. */
export const withMismatched = (mismatched: Mismatched, strays: ReadonlyArray<Stray>): Mismatched => {
  if (strays.length === 0) return mismatched
  const all = new Map(mismatched)
  for (const { row, ...vote } of strays) {
    const { key, sequence } = row
    const [study, text] = [studyKeyText(key), instanceKeyText(key)]
    const known = all.get(study) ?? noRows
    const before = known.get(text)
    if (before !== undefined && before.hasNoVote === vote.hasNoVote) continue
    all.set(study, new Map([...known, [text, { ...key, sequence, ...vote }]]))
  }
  return all
}

/** On whom the witnesses agree, as far as they name anybody. */
export const agreed = (fold: Fold, study: StudyFold, witnesses: ReadonlyArray<UpsertRow>): PatientDraft | undefined => {
  // Of thousands of images most name the same person in the same words.
  const asked = new Set<string>()
  let sole: PatientDraft | undefined
  for (const each of witnesses) {
    const words = `${each.studyDate ?? ''} ${patientKeyText(each.identity)}`
    if (asked.has(words)) continue
    asked.add(words)
    const patient = patientFor(fold, study, each)
    if ('_tag' in patient || (sole !== undefined && sole !== patient)) return undefined
    sole = patient
  }
  return sole
}
