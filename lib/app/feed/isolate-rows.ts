import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../../domain/cast-error'
import { type ChangeFeedEntry, isLive } from '../../domain/dicom/change-feed-entry'
import { type Run, pauseBefore } from '../context'
import { type RangeRead, type ReadRow, decodePage } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>
type EntryRow = Extract<ReadRow, { _tag: 'Entry' }>

/** How often a row is tried alone before it is blamed. */
const rounds = 3
/** How many other rows are asked before the metadata store counts as down. */
const comparisons = 12
const windowWidth = 100

/** One attempt, without another: who asks knows what a failure means here. */
const readOnce = async (run: Run, offset: number, width: number, metadata: boolean): Result<RangeRead> => {
  const page = await run.ports.dicom.range(offset, width, metadata)()
  if (E.isLeft(page)) return page
  return decodePage(run, offset, offset + width, page.right)
}

/** Metadata belongs to it, and it needs it: a row that is superseded or deletes is complete without. */
const needsMetadata = (row: ReadRow): row is EntryRow =>
  row._tag === 'Entry' && isLive(row.entry) && row.entry.action !== 'delete'

/** A failure that one row's metadata can cause: an answer that breaks off, or the service's own trouble with it. */
export const canBeOneRow = (error: ServiceError): boolean =>
  error._tag === 'ServiceUnavailable' && (error.status === undefined || (error.status >= 500 && error.status < 505))

const hasMetadata = (row: ReadRow): boolean => row._tag === 'Entry' && row.entry.metadata !== undefined

/**
 * A range keeps failing with metadata. A row of it is blamed only by comparison: metadata of another row must be read,
 * the row must fail after that, alone and by its own route, several times, and another row must be read once more;
 * else the metadata store is down and the run ends. What can be read meanwhile is not held up.
 */
export const isolate = async (run: Run, offset: number, width: number, error: ServiceError): Result<RangeRead> => {
  const bare = await readOnce(run, offset, width, false)
  if (E.isLeft(bare)) return E.left(error)
  const { rows, servedAt, bytes } = bare.right
  const { good, suspects } = await bisect(run, offset, width, rows)
  let open = suspects
  const othersAreRead = async (): Promise<boolean> => {
    const known = good.filter(hasMetadata).map(({ sequence }) => sequence)
    if (await canReadOneOf(run, known.slice(0, 3))) return true
    return canReadOneOf(run, await neighbours(run, offset, width))
  }
  const upToFirst = (): E.Either<ServiceError, RangeRead> => {
    const to = (open[0]?.sequence ?? 0) - 1
    return to > offset
      ? E.right({ rows: inOrder(good.filter(({ sequence }) => sequence <= to)), to, servedAt, bytes })
      : E.left(error)
  }
  for (let round = 1; open.length > 0; round++) {
    if (!(await othersAreRead())) return upToFirst()
    if (round > rounds) break
    const still: Array<EntryRow> = []
    let isBusy = false
    for (const suspect of open) {
      const row = await readAlone(run, suspect)
      if (E.isRight(row)) good.push(row.right)
      else {
        still.push(suspect)
        isBusy ||= row.left !== undefined && !canBeOneRow(row.left)
      }
    }
    open = still
    // "Too many requests" is said to whoever asks: it says nothing about the row.
    if (isBusy) return upToFirst()
    if (open.length > 0 && round < rounds && !(await pauseBefore(run, round, error))) return upToFirst()
  }
  const blamed = open.map((row) => malformed(row, 'metadata is unreadable'))
  return E.right({ rows: inOrder([...good, ...blamed]), to: offset + width, servedAt, bytes })
}

const inOrder = (rows: ReadonlyArray<ReadRow>): ReadonlyArray<ReadRow> =>
  [...rows].sort((left, right) => left.sequence - right.sequence)

const malformed = ({ sequence, entry }: EntryRow, why: string): ReadRow => ({
  _tag: 'Malformed',
  sequence,
  malformed: { sequence, key: entry, paths: [why] },
})

/** Halves the range down to the rows whose metadata does not come. */
const bisect = async (
  run: Run,
  offset: number,
  width: number,
  rows: ReadonlyArray<ReadRow>,
): Promise<{ readonly good: Array<ReadRow>; readonly suspects: ReadonlyArray<EntryRow> }> => {
  const good: Array<ReadRow> = []
  const suspects: Array<EntryRow> = []
  const visit = async (from: number, size: number): Promise<void> => {
    const within = rows.filter(({ sequence }) => sequence > from && sequence <= from + size)
    if (within.length === 0) return
    const read = await readOnce(run, from, size, true)
    if (E.isRight(read)) good.push(...read.right.rows)
    else if (size === 1) for (const row of within) (needsMetadata(row) ? suspects : good).push(row as EntryRow)
    else {
      const half = Math.floor(size / 2)
      await visit(from, half)
      await visit(from + half, size - half)
    }
  }
  await visit(offset, width)
  return { good, suspects }
}

/** Rows that should have metadata: before the range, behind it, and the newest of all. */
const neighbours = async (run: Run, offset: number, width: number): Promise<ReadonlyArray<number>> => {
  const latest = await run.ports.dicom.latest()()
  const head = E.isRight(latest) ? O.getOrElse(() => 0)(latest.right) : 0
  const windows = [Math.max(0, offset - windowWidth), offset + width, Math.max(0, head - windowWidth)]
  const found: Array<number> = []
  for (const from of new Set(windows)) {
    const read = await readOnce(run, from, windowWidth, false)
    const rows = E.isRight(read) ? read.right.rows.filter(needsMetadata) : []
    found.push(...rows.map(({ sequence }) => sequence).filter((each) => each <= offset || each > offset + width))
  }
  return [...new Set(found)].slice(0, comparisons)
}

const canReadOneOf = async (run: Run, sequences: ReadonlyArray<number>): Promise<boolean> => {
  for (const sequence of sequences) {
    const read = await readOnce(run, sequence - 1, 1, true)
    if (E.isRight(read) && read.right.rows.some(hasMetadata)) return true
  }
  return false
}

/** One row, as a page of its own, then by the route of its metadata; else why it did not come, as far as a service says. */
const readAlone = async (run: Run, suspect: EntryRow): Promise<E.Either<ServiceError | undefined, ReadRow>> => {
  const { sequence, entry } = suspect
  const page = await readOnce(run, sequence - 1, 1, true)
  if (E.isRight(page) && page.right.rows[0] !== undefined) return E.right(page.right.rows[0])
  const metadata = await run.ports.dicom.instance(entry)()
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
