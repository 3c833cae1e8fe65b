import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import type { ReadRow } from '../feed/read-page'
import { readRange } from '../feed/read-range'
import type { FailRowKey } from '../ports'

/** Neighbours come with one request. An entry that is gone from the feed: the instance itself, if there is one. */
export const readEntries = async (
  run: Run,
  rows: ReadonlyArray<FailRowKey>,
): Promise<E.Either<ServiceError, ReadonlyArray<ReadRow>>> => {
  const wanted = new Map(rows.map((row) => [row.sequence, row]))
  const entries: Array<ReadRow> = []
  for (const [first, last] of neighbours([...wanted.keys()])) {
    for (let offset = first - 1; offset < last;) {
      const read = await readRange(run, offset, last - offset)
      if (E.isLeft(read)) return read
      entries.push(...read.right.rows.filter(({ sequence }) => wanted.has(sequence)))
      offset = read.right.to
    }
  }
  for (const { sequence } of entries) wanted.delete(sequence)
  for (const row of wanted.values()) {
    const entry = await entryOfInstance(run, row)
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

/** As a Create of now, or a Delete when it is gone, so that nothing of it stays behind. */
const entryOfInstance = async (run: Run, row: FailRowKey): Promise<E.Either<ServiceError, ReadRow | undefined>> => {
  const { sequence, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row
  if (studyInstanceUid === undefined || seriesInstanceUid === undefined || sopInstanceUid === undefined) {
    return E.right(undefined)
  }
  const uids = { studyInstanceUid, seriesInstanceUid, sopInstanceUid }
  const metadata = await retrying(
    run,
    run.ports.dicom.instance({ partition: partition ?? 'Microsoft.Default', ...uids }),
  )
  if (E.isLeft(metadata)) return metadata
  const now = O.isSome(metadata.right)
    ? { action: 'create', state: 'current', metadata: metadata.right.value }
    : { action: 'delete', state: 'deleted' }
  const decoded = run.judge.decode({ sequence, partitionName: partition, ...uids, ...now })
  return E.right(E.isRight(decoded) ? { _tag: 'Entry', sequence, entry: decoded.right } : undefined)
}
