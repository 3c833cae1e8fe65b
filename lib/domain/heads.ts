/** The newest number of the feed, and when it was there, by the service's Date header, ms. */
export interface Head {
  readonly sequence: number
  readonly seenAt: number
}

/** Without a head that is old enough, so many of the newest numbers count as young. */
const youngest = 1_000

/**
 * A number was given before it was seen, so all numbers up to a head are at least as old as that sighting. Kept are the
 * newest head that was seen a hole's age ago, and later ones a quarter of it apart: less than a dozen.
 */
export const noteHead = (heads: ReadonlyArray<Head>, head: Head, holeAgeMs: number): ReadonlyArray<Head> => {
  // Greater numbers were those of another feed, and later times those of a clock that went wrong.
  const known = heads.filter(({ sequence, seenAt }) => sequence <= head.sequence && seenAt <= head.seenAt + holeAgeMs)
  const newest = known.at(-1)
  const isNews =
    newest === undefined || (newest.sequence < head.sequence && head.seenAt - newest.seenAt >= holeAgeMs / 4)
  const all = isNews ? [...known, head] : known
  return all.slice(Math.max(0, all.findLastIndex(isOld(head.seenAt, holeAgeMs))))
}

/**
 * Numbers above it are young: a create may have waited for a lock with its timestamp in hand, so that the age of the row
 * after a gap says nothing about them. `head`: the newest number now. `now`: by the service's clock, ms.
 */
export const youngAbove = (heads: ReadonlyArray<Head>, head: number, now: number, holeAgeMs: number): number => {
  const known = heads.filter(({ sequence }) => sequence <= head)
  const old = known.findLast(isOld(now, holeAgeMs))
  return old?.sequence ?? Math.max(0, (known[0]?.sequence ?? head) - youngest)
}

const isOld =
  (now: number, holeAgeMs: number) =>
  ({ seenAt }: Head): boolean =>
    now - seenAt > holeAgeMs
