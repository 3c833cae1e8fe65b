import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import type { Run } from '../context'
import { readInstance } from '../feed/read-instance'
import type { ReadRow } from '../feed/read-page'
import { readRange } from '../feed/read-range'
import type { FailRowKey } from '../ports'

/** Rows by the numbers that they are cast with: `numbered`. */
export type Numbered = ReadonlyMap<number, FailRowKey>

/** Neighbours come with one request. An entry that is gone from the feed: the instance itself, if there is one. */
export const readEntries = async (
  run: Run,
  rows: Numbered,
): Promise<E.Either<ServiceError, ReadonlyArray<ReadRow>>> => {
  const wanted = new Map(rows)
  const entries: Array<ReadRow> = []
  const sequences = [...rows.values()].flatMap(({ sequence }) => (sequence > 0 ? [sequence] : []))
  for (const [first, last] of neighbours(sequences.sort((left, right) => left - right))) {
    for (let offset = first - 1; offset < last;) {
      const read = await readRange(run, offset, last - offset)
      if (E.isLeft(read)) return read
      entries.push(...read.right.rows.filter(({ sequence }) => rows.get(sequence)?.sequence === sequence))
      offset = read.right.to
    }
  }
  for (const { sequence } of entries) wanted.delete(sequence)
  for (const [number, row] of wanted) {
    const entry = await readInstance(run, row, number)
    if (E.isLeft(entry)) return entry
    if (entry.right !== undefined) entries.push(entry.right)
  }
  return E.right(entries)
}

const neighbours = (sequences: ReadonlyArray<number>): ReadonlyArray<readonly [number, number]> => {
  const ranges: Array<[number, number]> = []
  for (const sequence of sequences) {
    const range = ranges.at(-1)
    if (range !== undefined && sequence - range[1] <= 10 && sequence - range[0] < 100) range[1] = sequence
    else ranges.push([sequence, sequence])
  }
  return ranges
}
