import * as E from 'fp-ts/Either'
import { type Judgement, recordMalformed } from '../../domain/batch/judge'
import { heedRejection } from '../../domain/batch/rejected'
import type { ServiceError } from '../../domain/cast-error'
import type { ChangeFeedEntry, MalformedEntry } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { FeedPage } from '../ports'

export type ReadRow =
  | { readonly _tag: 'Entry'; readonly sequence: number; readonly entry: ChangeFeedEntry }
  | { readonly _tag: 'Malformed'; readonly sequence: number; readonly malformed: MalformedEntry }

/** Rows with offset < sequence ≤ `to`; `to` is nearer than asked for when the answer would have been too large. */
export interface RangeRead {
  readonly rows: ReadonlyArray<ReadRow>
  readonly to: number
  readonly servedAt: number
  readonly bytes: number
  /** It did not come as a page: its rows were asked for one by one. */
  readonly oneByOne?: boolean
}

/**
 * A row as it is judged: in feed order, or late. What cannot be read is recorded. Rejection notes are not heeded yet: the
 * row may have been read ahead, before the notes of the batches in front of it.
 */
export const judgeRow = (run: Run, read: ReadRow, late: boolean): Judgement =>
  read._tag === 'Entry'
    ? run.judge.judge(read.entry, late)
    : { _tag: 'Recorded', row: recordMalformed(read.malformed, read.sequence) }

/** A row that was asked for apart from the feed: late, and as the rejection notes of this moment have it. */
export const judgeNow = (run: Run, read: ReadRow): Judgement => {
  const judgement = judgeRow(run, read, true)
  return judgement._tag === 'Live'
    ? { ...judgement, row: heedRejection(run.rejected ?? new Map(), judgement.row) }
    : judgement
}

/** As it is kept once it was judged: nobody reads its dataset again, and those of a batch are many megabytes. */
export const withoutMetadata = (read: ReadRow): ReadRow =>
  read._tag === 'Entry' ? { ...read, entry: { ...read.entry, metadata: undefined } } : read

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Every element alone. One without a readable sequence is located by reading its neighbours one by one. */
export const decodePage = async (run: Run, offset: number, to: number, page: FeedPage): Result<RangeRead> => {
  const rows = new Map<number, ReadRow>()
  let unplaced = 0
  for (const element of page.elements) {
    const decoded = run.judge.decode(element)
    const sequence = E.isRight(decoded) ? decoded.right.sequence : decoded.left.sequence
    if (sequence === undefined) unplaced += 1
    else if (sequence > offset && sequence <= to) {
      rows.set(
        sequence,
        E.isRight(decoded)
          ? { _tag: 'Entry', sequence, entry: decoded.right }
          : { _tag: 'Malformed', sequence, malformed: decoded.left },
      )
    }
  }
  for (let sequence = offset + 1; sequence <= to && unplaced > 0; sequence++) {
    if (rows.has(sequence)) continue
    const alone = to - offset === 1 ? E.right(page) : await retrying(run, run.ports.dicom.range(sequence - 1, 1, false))
    if (E.isLeft(alone)) return alone
    const [element] = alone.right.elements
    if (alone.right.elements.length === 0) continue
    const decoded = run.judge.decode(element)
    const malformed = E.isLeft(decoded) ? decoded.left : { sequence, key: {}, paths: ['sequence'] }
    rows.set(sequence, { _tag: 'Malformed', sequence, malformed: { ...malformed, sequence } })
    unplaced -= 1
  }
  const { servedAt, bytes } = page
  return E.right({
    rows: [...rows.values()].sort((left, right) => left.sequence - right.sequence),
    to,
    servedAt,
    bytes,
  })
}
