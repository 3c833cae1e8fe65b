import { isDeepStrictEqual } from 'node:util'
import type { SeriesFields, StudyFields } from './fields'
import type { Change } from './mapped'

// What is read whole has no newest image. Of values on which images disagree, the one that FHIR holds stays while an
// image says it, also one that is written apart from this one; so a second reading changes nothing.

/** A resource as FHIR holds it, and those of its elements that stay as they are. */
export interface Held<R> {
  /** None when it is new there. */
  readonly base: R | undefined
  readonly kept: Set<keyof R>
}

// Elements with one value, which images of one study may disagree on.
const studyElements = ['description', 'note', 'procedureCode', 'referrer'] as const
const seriesElements = ['number', 'modality', 'description'] as const

/**
 * What this image says stays as FHIR holds it.
 *
 * @param elements those that have one value
 */
export const keepStated = <R extends object>(
  elements: ReadonlyArray<keyof R>,
  { base, kept }: Held<R>,
  change: Change<R>,
): void => {
  if (base === undefined) return
  const stated = change('follow')({} as R)
  for (const element of elements) if (isStated(stated[element], base[element])) kept.add(element)
}

/** As keepStated, of a study and the series of the image. */
export const keepStatedOfStudy = (
  study: Held<StudyFields> & { readonly series: ReadonlyMap<string, Held<SeriesFields>> },
  seriesInstanceUid: string,
  change: { readonly study: Change<StudyFields>; readonly series: Change<SeriesFields> },
): void => {
  keepStated(studyElements, study, change.study)
  const series = study.series.get(seriesInstanceUid)
  if (series !== undefined) keepStated(seriesElements, series, change.series)
}

/** The change without what stays. */
export const keeping = <R extends object>({ base, kept }: Held<R>, change: Change<R>): Change<R> => {
  if (base === undefined || kept.size === 0) return change
  return (mode) => (resource) => {
    const after = change(mode)(resource)
    const lost = [...kept].filter((element) => !isDeepStrictEqual(after[element], base[element]))
    return lost.length === 0 ? after : { ...after, ...Object.fromEntries(lost.map((each) => [each, base[each]])) }
  }
}

/** To a list others may have added: all that is stated is in it. */
const isStated = (stated: unknown, held: unknown): boolean => {
  if (stated === undefined || held === undefined) return false
  return Array.isArray(stated) && Array.isArray(held)
    ? stated.every((one) => held.some((each) => isDeepStrictEqual(one, each)))
    : isDeepStrictEqual(stated, held)
}
