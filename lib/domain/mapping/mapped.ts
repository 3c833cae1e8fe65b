import type { Endomorphism } from 'fp-ts/Endomorphism'
import { identity } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as RNEA from 'fp-ts/ReadonlyNonEmptyArray'
import * as TH from 'fp-ts/These'
import type { TagIssue } from '../cast-error'
import { type DicomDataset, isEmptied } from '../dicom/dataset'
import { type ValueKeyword, type ValueOf, readValue } from '../dicom/read'
import type { Keyword } from '../dicom/tags'
import type { Read } from '../dicom/vr'

export type Issues = RNEA.ReadonlyNonEmptyArray<TagIssue>

/** Left: cannot be mapped; Both: mapped, with issues; Right: clean. */
export type Mapped<A> = TH.These<Issues, A>

/**
 * How a value meets what FHIR holds:
 * `follow` a Create row in feed order: a value replaces; `fill` a late Create row, or a resource that is not ours:
 * only what is missing; `replace` an Update row; `correct` an Update row on a resource of ours: a tag that is present
 * but empty removes the value; `adopt` a Create row on a study of the original: as `follow`, and what it invented is no
 * value; `enrich` any row on somebody else's study: only what is missing, and of what is shared our part.
 */
export type MergeMode = 'follow' | 'fill' | 'replace' | 'correct' | 'adopt' | 'enrich'

/** What one entry says about one resource, before it is known what FHIR holds. */
export type Change<R> = (mode: MergeMode) => Endomorphism<R>

/** What a change was last applied as, and what came of it. */
export interface Applied<R> {
  readonly change: Change<R>
  readonly mode: MergeMode
  readonly to: R
}

/** A change that was applied already changes nothing when it is applied again: images of a series say the same. */
export const applyOnce = <R>(last: Applied<R> | undefined, change: Change<R>, mode: MergeMode, to: R): Applied<R> =>
  last !== undefined && last.to === to && last.change === change && last.mode === mode
    ? last
    : { change, mode, to: change(mode)(to) }

/** A mapping rule is data: which element, from which tags, required or not, and how. */
export interface Rule<R> {
  readonly element: string
  readonly tags: ReadonlyArray<Keyword>
  readonly required: boolean
  /** An invalid value counts when entries are rejected for one (`EnforceValidationOfTagValues`). */
  readonly judged: boolean
  readonly note?: string
  readonly map: (dataset: DicomDataset) => Mapped<Change<R>>
}

/** Where a value goes. `set` gets the mode for the few elements that do not simply take the newest value. */
export interface Slot<R, A> {
  readonly has: (resource: R) => boolean
  readonly set: (value: A, mode: MergeMode) => Endomorphism<R>
  readonly clear: Endomorphism<R>
  /** Ours stands beside that of others. */
  readonly isShared?: boolean
}

const unchangedBy =
  <R>(): Change<R> =>
  () =>
    identity

const changeOf =
  <R, A>(slot: Slot<R, A>, value: O.Option<A>, emptied: boolean): Change<R> =>
  (mode) => {
    if (O.isNone(value)) return mode === 'correct' && emptied ? slot.clear : identity
    return mode === 'fill' || (mode === 'enrich' && slot.isShared !== true)
      ? (resource) => (slot.has(resource) ? resource : slot.set(value.value, mode)(resource))
      : slot.set(value.value, mode)
  }

/** A rule that may read several tags; a correction heeds the emptiness of the first one, or of `heeded`. */
export const rule = <R, A>(parts: {
  readonly element: string
  readonly tags: RNEA.ReadonlyNonEmptyArray<Keyword>
  readonly required?: boolean
  readonly judged?: boolean
  readonly note?: string
  readonly heeded?: ReadonlyArray<Keyword>
  readonly read: (dataset: DicomDataset) => Mapped<O.Option<A>>
  readonly slot: Slot<R, A>
}): Rule<R> => {
  const { element, tags, required = false, judged = true, note, slot, read } = parts
  const [main] = tags
  const { heeded = [main] } = parts
  return {
    element,
    tags,
    required,
    judged,
    ...(note === undefined ? {} : { note }),
    map: (dataset) => {
      const mapped = read(dataset)
      if (TH.isLeft(mapped)) return required ? mapped : TH.both(mapped.left, unchangedBy())
      const isMissing = O.isNone(mapped.right)
      if (TH.isBoth(mapped)) {
        return required && isMissing ? TH.left(mapped.left) : TH.both(mapped.left, changeOf(slot, mapped.right, false))
      }
      if (required && isMissing) return TH.left(RNEA.of<TagIssue>({ _tag: 'TagMissing', keyword: main }))
      const emptied = isMissing && heeded.some((keyword) => isEmptied(dataset, keyword))
      return TH.right(changeOf(slot, mapped.right, emptied))
    },
  }
}

export const invalidTag = (keyword: Keyword, reason: string): TagIssue => ({ _tag: 'TagInvalid', keyword, reason })

/** What was read of a tag, and what is wrong with it as an issue of that tag. */
export const asMapped = <A>(keyword: Keyword, read: Read<A>): Mapped<O.Option<A>> => {
  if (TH.isRight(read)) return read
  const issues: Issues = RNEA.of(invalidTag(keyword, read.left))
  return TH.isLeft(read) ? TH.left(issues) : TH.both(issues, read.right)
}

/** Reads one tag by its VR. */
export const readTag =
  <K extends ValueKeyword>(keyword: K) =>
  (dataset: DicomDataset): Mapped<O.Option<ValueOf<K>>> =>
    asMapped(keyword, readValue(dataset, keyword))

/** Of a value that was read by rules of its own: what is wrong on the way to it goes with it. */
export const withIssues = <A>(value: O.Option<A>, issues: ReadonlyArray<TagIssue>): Mapped<O.Option<A>> =>
  RA.isNonEmpty(issues) ? TH.both(issues, value) : TH.right(value)

export const issuesOf = (mapped: Mapped<unknown>): ReadonlyArray<TagIssue> => (TH.isRight(mapped) ? [] : mapped.left)

/** For a value that is legal DICOM and has no FHIR form. */
export const unmappable = (keyword: Keyword, reason: string): Mapped<never> =>
  TH.left(RNEA.of<TagIssue>({ _tag: 'TagUnmappable', keyword, reason }))

/** A resource is the fold of its rules: issues of all of them are kept, and so is what could be mapped. */
export const applyRules =
  <R>(rules: ReadonlyArray<Rule<R>>) =>
  (dataset: DicomDataset): Mapped<Change<R>> => {
    // What RA.traverse(TH.getApplicative(…)) does, without a copy of the list at each step: this is done for every image.
    const found: Array<TagIssue> = []
    const changes: Array<Change<R>> = []
    for (const each of rules) {
      const mapped = each.map(dataset)
      if (!TH.isRight(mapped)) found.push(...mapped.left)
      if (!TH.isLeft(mapped)) changes.push(mapped.right)
    }
    const all: Change<R> = (mode) => (resource) => changes.reduce((current, change) => change(mode)(current), resource)
    const problems: ReadonlyArray<TagIssue> = found
    if (!RA.isNonEmpty(problems)) return TH.right(all)
    return changes.length === rules.length ? TH.both(problems, all) : TH.left(problems)
  }

/** A fault that two rules find is one. */
export const oncePerTag = (issues: ReadonlyArray<TagIssue>): ReadonlyArray<TagIssue> =>
  issues.length < 2 ? issues : [...new Map(issues.map((issue) => [`${issue._tag} ${issue.keyword}`, issue])).values()]
