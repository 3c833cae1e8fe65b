/**
 * Numbers, both ends included, whose metadata did not come in time. A single one: `tries` is how often it did not come
 * alone while that of others did.
 */
export interface Hang {
  readonly from: number
  readonly to: number
  readonly tries: number
}

/** More would say that the service is slow, and not that single rows hang. */
const maxHangs = 20

const overlaps = (left: { from: number; to: number }, right: { from: number; to: number }): boolean =>
  left.from <= right.to && right.from <= left.to

/** In the place of what was known of its numbers. In order. */
export const noteHang = (hangs: ReadonlyArray<Hang>, hang: Hang): ReadonlyArray<Hang> =>
  [...withoutHangs(hangs, hang), hang].sort((left, right) => left.from - right.from).slice(0, maxHangs)

/** Nothing is known of those numbers any more; what is known of others stays. */
export const withoutHangs = (
  hangs: ReadonlyArray<Hang>,
  numbers: { readonly from: number; readonly to: number },
): ReadonlyArray<Hang> =>
  hangs.flatMap((each) =>
    overlaps(each, numbers)
      ? [
          { from: each.from, to: numbers.from - 1, tries: 0 },
          { from: numbers.to + 1, to: each.to, tries: 0 },
        ].filter(({ from, to }) => from <= to)
      : [each],
  )

/** Those that somebody will meet again: at or behind the checkpoint, or in a hole. */
export const hangsAhead = (
  hangs: ReadonlyArray<Hang>,
  syncedSequence: number,
  holes: ReadonlyArray<{ readonly from: number; readonly to: number }>,
): ReadonlyArray<Hang> =>
  hangs.filter((hang) => hang.to >= syncedSequence || holes.some((hole) => overlaps(hang, hole)))
