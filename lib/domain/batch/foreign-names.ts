import { keptKeyText } from '../dicom/change-feed-entry'
import { patientKeyText } from '../mapping/patient-identity'
import { type StudyDraft, holdsInstance } from '../mapping/study-draft'
import type { UpsertRow } from './judge'

/** Whom the images of such a study name, kept from row to row: a study of ten thousand is gone through once. */
export interface ForeignStudy {
  readonly seen: ReadonlyArray<UpsertRow>
  readonly bySeen: ReadonlyMap<string, UpsertRow>
  /** Of each image that is in it (instanceKeyText) the identifier that it names, and of each identifier how many name it. */
  readonly named: Map<string, string>
  readonly counts: Map<string, number>
  /** Identifiers for which those that stand recorded were asked, and how many had been recorded before this batch. */
  readonly asked: Map<string, number>
}

/** What of a study says whom its images name (StudyFold). */
interface InStudy {
  readonly told: ReadonlyMap<string, string>
  readonly joined: ReadonlySet<string>
  readonly draft: StudyDraft
  foreign: ForeignStudy | undefined
}

export const nameOf = ({ told }: InStudy, { bySeen }: ForeignStudy, text: string): string | undefined => {
  const seen = bySeen.get(text)
  return told.get(text) ?? (seen === undefined || seen.isPhantom ? undefined : patientKeyText(seen.identity))
}

export const uncount = ({ named, counts }: ForeignStudy, text: string): void => {
  const name = named.get(text)
  if (name === undefined) return
  named.delete(text)
  const left = (counts.get(name) ?? 0) - 1
  if (left > 0) counts.set(name, left)
  else counts.delete(name)
}

export const count = (study: InStudy, foreign: ForeignStudy, text: string): void => {
  uncount(foreign, text)
  const seen = foreign.bySeen.get(text)
  const isIn = study.joined.has(text) || (seen !== undefined && holdsInstance(study.draft, seen.key))
  const name = isIn ? nameOf(study, foreign, text) : undefined
  if (name === undefined) return
  foreign.named.set(text, name)
  foreign.counts.set(name, (foreign.counts.get(name) ?? 0) + 1)
}

/** What a row said or took away of this image (instanceKeyText). */
export const countAgain = (study: InStudy, text: string): void => {
  if (study.foreign !== undefined) count(study, study.foreign, text)
}

export const foreignOf = (study: InStudy, seen: ReadonlyArray<UpsertRow>): ForeignStudy => {
  if (study.foreign?.seen === seen) return study.foreign
  const bySeen = new Map(seen.map((each) => [keptKeyText(each.key), each]))
  const foreign: ForeignStudy = { seen, bySeen, named: new Map(), counts: new Map(), asked: new Map() }
  for (const text of new Set([...study.joined, ...bySeen.keys()])) count(study, foreign, text)
  study.foreign = foreign
  return foreign
}

/** Those that it holds say it; where none does, those that are known of it. */
export const isOfAll = (
  study: InStudy,
  foreign: ForeignStudy,
  others: ReadonlyArray<Iterable<string>>,
  mine: string,
): boolean => {
  const { counts } = foreign
  if (counts.size > 0) return counts.size === 1 && counts.has(mine)
  for (const texts of others) {
    for (const text of texts) if ((nameOf(study, foreign, text) ?? mine) !== mine) return false
  }
  return true
}
