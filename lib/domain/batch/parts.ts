import { studyKeyText } from '../dicom/change-feed-entry'
import type { LiveRow } from './judge'
import type { Unit } from './units'

/** How a batch is taken apart, without a word about when. */

/** The rows of each study, studies in the order of their first row. */
export const byStudy = (rows: ReadonlyArray<LiveRow>): ReadonlyArray<ReadonlyArray<LiveRow>> => {
  const studies = new Map<string, Array<LiveRow>>()
  for (const row of rows) {
    const key = studyKeyText(row.key)
    const known = studies.get(key)
    if (known === undefined) studies.set(key, [row])
    else known.push(row)
  }
  return [...studies.values()]
}

export const halves = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const middle = Math.ceil(items.length / 2)
  return [items.slice(0, middle), items.slice(middle)].filter((half) => half.length > 0)
}

export const bySequence = (rows: Iterable<LiveRow>): ReadonlyArray<LiveRow> =>
  [...new Set(rows)].sort((left, right) => left.sequence - right.sequence)

/** All rows that wait for these units, once each. */
export const rowsOf = (units: ReadonlyArray<Unit>): ReadonlyArray<LiveRow> => [
  ...new Set(
    units.flatMap(({ rows, recorded, deferred }) => [...rows, ...recorded.map(({ row }) => row), ...deferred]),
  ),
]

/** The rows of either half of them; none where one waits for all: a row that needs units of two studies comes to the same again. */
export const inTwo = (units: ReadonlyArray<Unit>): ReadonlyArray<ReadonlyArray<LiveRow>> | undefined => {
  const parts = halves(units)
    .map(rowsOf)
    .filter(({ length }) => length > 0)
  const all = rowsOf(units).length
  return parts.length > 1 && parts.every(({ length }) => length < all) ? parts : undefined
}

export const isDeletion = ({ _tag }: LiveRow): boolean => _tag === 'Delete'

/** It asks only, and is no word on its instance or its study. */
export const isProbe = (row: LiveRow): boolean => row._tag === 'Delete' && row.probe === true
