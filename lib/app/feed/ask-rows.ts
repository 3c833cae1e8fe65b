import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { headOf } from '../../domain/checkpoint'
import type { ServiceError } from '../../domain/cast-error'
import { type ChangeFeedEntry, isLive } from '../../domain/dicom/change-feed-entry'
import { type Run, remainingMs } from '../context'
import { type RangeRead, type ReadRow, decodePage } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>
export type EntryRow = Extract<ReadRow, { _tag: 'Entry' }>

/** How many other rows are asked before the metadata store counts as down. */
const comparisons = 12
const windowWidth = 100
/** A wait that was cut shorter says nothing about a row. */
export const shortestWaitMs = 20_000

/** How long metadata is waited for: so long that the run can still do something with what it learns. */
export const patienceMs = (run: Run): number => Math.max(shortestWaitMs, remainingMs(run) / 2)

/** Nobody said that something is wrong: the answer did not come, by our patience or by that of a gateway. */
export const didNotCome = (error: ServiceError): boolean =>
  error._tag === 'ServiceUnavailable' && (error.timedOut === true || error.status === 504)

/** One attempt, without another: who asks knows what a failure means here. */
export const readOnce = async (
  run: Run,
  offset: number,
  width: number,
  metadata: boolean,
  withinMs = patienceMs(run),
): Result<RangeRead> => {
  const page = await run.ports.dicom.range(offset, width, metadata, withinMs)()
  if (E.isLeft(page)) return page
  return decodePage(run, offset, offset + width, page.right)
}

/** Metadata belongs to it, and it needs it: a row that is superseded or deletes is complete without. */
export const needsMetadata = (row: ReadRow): row is EntryRow =>
  row._tag === 'Entry' && isLive(row.entry) && row.entry.action !== 'delete'

export const hasMetadata = (row: ReadRow): boolean => row._tag === 'Entry' && row.entry.metadata !== undefined

export const inOrder = (rows: ReadonlyArray<ReadRow>): ReadonlyArray<ReadRow> =>
  [...rows].sort((left, right) => left.sequence - right.sequence)

export const malformed = ({ sequence, entry }: EntryRow, why: string): ReadRow => ({
  _tag: 'Malformed',
  sequence,
  malformed: { sequence, key: entry, paths: [why] },
})

/** Rows that should have metadata, and can be compared with: before the range, behind it, and the newest of all. */
export const neighbourRows = async (
  run: Run,
  offset: number,
  width: number,
  isComparable: (row: EntryRow) => boolean = () => true,
): Promise<ReadonlyArray<EntryRow>> => {
  const latest = await run.ports.dicom.latest()()
  const head = E.isRight(latest) ? headOf(latest.right) : 0
  const windows = [Math.max(0, offset - windowWidth), offset + width, Math.max(0, head - windowWidth)]
  const found = new Map<number, EntryRow>()
  for (const from of new Set(windows)) {
    const read = await readOnce(run, from, windowWidth, false)
    for (const row of E.isRight(read) ? read.right.rows.filter(needsMetadata) : []) {
      const isOutside = row.sequence <= offset || row.sequence > offset + width
      if (isOutside && isComparable(row)) found.set(row.sequence, row)
    }
  }
  return [...found.values()].slice(0, comparisons)
}

export const neighbours = async (run: Run, offset: number, width: number): Promise<ReadonlyArray<number>> =>
  (await neighbourRows(run, offset, width)).map(({ sequence }) => sequence)

/** By the route of its own metadata; else why it did not come, as far as a service says. */
export const readByItsRoute = async (
  run: Run,
  suspect: EntryRow,
  withinMs: number,
): Promise<E.Either<ServiceError | undefined, ReadRow>> => {
  const { sequence, entry } = suspect
  const metadata = await run.ports.dicom.instance(entry, withinMs)()
  if (E.isLeft(metadata)) {
    return metadata.left._tag === 'AnswerTooLarge'
      ? E.right(malformed(suspect, 'metadata is larger than DicomCast__MaxPageBytes'))
      : metadata
  }
  if (O.isSome(metadata.right)) {
    const decoded = run.judge.decode({ ...wireOf(entry), metadata: metadata.right.value })
    return E.isRight(decoded) ? E.right({ _tag: 'Entry', sequence, entry: decoded.right }) : E.left(undefined)
  }
  // It has been deleted since: the row says so itself.
  const again = await readOnce(run, sequence - 1, 1, false)
  const [row] = E.isRight(again) ? again.right.rows : []
  return row !== undefined && !needsMetadata(row) ? E.right(row) : E.left(undefined)
}

const wireOf = (entry: ChangeFeedEntry): Record<string, unknown> => ({
  sequence: entry.sequence,
  partitionName: entry.partition,
  studyInstanceUid: entry.studyInstanceUid,
  seriesInstanceUid: entry.seriesInstanceUid,
  sopInstanceUid: entry.sopInstanceUid,
  action: entry.action,
  state: entry.state,
  timestamp: entry.timestamp,
})
