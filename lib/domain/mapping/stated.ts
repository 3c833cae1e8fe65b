import { isDeepStrictEqual } from 'node:util'
import type { Change } from './mapped'

/** A resource as FHIR holds it, and those of its elements that stay as they are. */
export interface Held<R> {
  /** None when it is new there. */
  readonly base: R | undefined
  /** Grows from image to image. */
  readonly kept: Set<keyof R>
}

/**
 * What is read whole has no newest image. Of values on which images disagree, the one that FHIR holds stays while an
 * image says it; so a second reading changes nothing.
 *
 * @param elements those that have one value
 */
export const keepingStated = <R extends object>(
  elements: ReadonlyArray<keyof R>,
  { base, kept }: Held<R>,
  change: Change<R>,
): Change<R> => {
  if (base === undefined) return change
  const stated = change('follow')({} as R)
  for (const element of elements) if (isStated(stated[element], base[element])) kept.add(element)
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
