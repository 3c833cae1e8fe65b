import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type KnownRow, knownRow } from '../../domain/checkpoint'
import { type Run, retrying } from '../context'
import { type ReadRow, decodePage } from './read-page'
import type { Asked, JudgedPage, StreamState } from './stream-state'

type Result<A> = Promise<E.Either<ServiceError, A>>

export const timestampOf = (row: ReadRow): string => (row._tag === 'Entry' ? row.entry.timestamp : '')

export const instanceOf = (row: ReadRow): string | undefined =>
  row._tag === 'Entry' ? row.entry.sopInstanceUid : row.malformed.key.sopInstanceUid

export const knownOf = (row: ReadRow): KnownRow => {
  const timestamp = timestampOf(row)
  return knownRow(row.sequence, timestamp === '' ? undefined : timestamp, instanceOf(row))
}

const isKnown = ({ sopInstanceUid }: KnownRow): boolean => sopInstanceUid !== undefined

/**
 * A restored feed may name the same instance under the same number: instance and time must be the same, where both are
 * known. Unknown: one of the two says nothing of its instance, since it was moved to, or cannot be read any more.
 */
export const compareRow = (known: KnownRow, there: KnownRow | undefined): 'same' | 'other' | 'unknown' => {
  if (!isKnown(known)) return 'unknown'
  if (there === undefined) return 'other'
  if (!isKnown(there)) return 'unknown'
  return there.sopInstanceUid === known.sopInstanceUid && isSameTime(known.timestamp ?? '', there.timestamp ?? '')
    ? 'same'
    : 'other'
}

/** An instant may be written in several ways. */
const isSameTime = (left: string, right: string): boolean =>
  left === '' || right === '' || left === right || Date.parse(left) === Date.parse(right)

/** As it stands now, without metadata. */
const readRow = async (run: Run, sequence: number): Result<KnownRow | undefined> => {
  const page = await retrying(run, run.ports.dicom.range(sequence - 1, 1, false))
  if (E.isLeft(page)) return page
  const decoded = await decodePage(run, sequence - 1, sequence, page.right)
  return E.isLeft(decoded) ? decoded : E.right(decoded.right.rows.map(knownOf)[0])
}

/** By the row that was read last, as it stands now: in the page, or asked for alone when the page brings rows. */
export const isSameFeed = async (state: StreamState, page: JudgedPage, { from, isEarly }: Asked): Result<boolean> => {
  const { run, last, before, memory } = state
  const rows = page.rows.map(({ row }) => row)
  const isShown = isEarly && from === last.sequence
  if (!isShown && (last.sequence === 0 || rows.every(({ sequence }) => sequence <= from))) return E.right(true)
  const there = isShown
    ? E.right(rows.map(knownOf).find(({ sequence }) => sequence === last.sequence))
    : await readRow(run, last.sequence)
  if (E.isLeft(there)) return there
  const verdict = compareRow(last, there.right)
  if (verdict !== 'unknown') return E.right(verdict === 'same')
  // A row that became unreadable is no reset: the one before it decides.
  const rowBefore = before === undefined ? E.right(undefined) : await readRow(run, before.sequence)
  if (E.isLeft(rowBefore)) return rowBefore
  const verdictBefore = before === undefined ? 'unknown' : compareRow(before, rowBefore.right)
  if (verdictBefore === 'unknown' && isKnown(last) && memory.toldUnknown !== last.sequence) {
    memory.toldUnknown = last.sequence
    run.ports.log(
      'warn',
      'The row at the checkpoint cannot be read any more: whether the feed was restored is unknown',
      {
        sequence: last.sequence,
      },
    )
  }
  return E.right(verdictBefore !== 'other')
}
