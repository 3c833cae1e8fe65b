import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import type { Checkpoint, LogRow } from '../../domain/checkpoint'
import { type Run, retrying } from '../context'
import type { ChangeLog, LogPage, LoggedChange } from '../ports-source'

// What an archive's own log tells behind the checkpoint.

/**
 * So many numbers before the checkpoint are read again. Their rows tell whether it is the same log still; and where several
 * write to one index, a row may come to stand behind one that was read.
 */
export const overlap = 32

export interface LogBatch {
  /** What something came to, each once. */
  readonly ids: ReadonlyArray<string>
  /** Rows that were not read before. */
  readonly rows: number
  /** As the checkpoint is when all of them are settled. */
  readonly next: Pick<Checkpoint, 'syncedSequence' | 'timestamp' | 'logRows'>
  readonly head: number
  readonly reachedHead: boolean
}

type Result<A> = Promise<E.Either<ServiceError, A>>

const reset = (head: number, reason: string): ServiceError => ({ _tag: 'FeedReset', head, reason })

const restored = (head: number, cursor: number): ServiceError =>
  reset(head, `the log of the archive ends at ${head}, below ${cursor}: the archive was emptied, restored or replaced`)

const isSame = (left: LogRow, right: LogRow): boolean => left.id === right.id && left.date === right.date

/** `20261128T141011`, of UTC. */
const isoOf = ({ date }: LogRow): string | undefined => {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$/.exec(date) ?? []
  const [year, month, day, hour, minute, second] = parts
  return second === undefined ? undefined : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`
}

const unreadable = (what: string): ServiceError => ({
  ...{ _tag: 'ServiceUnavailable', hop: 'dicom', reason: `unreadable log: ${what}` },
})

/** What has no order might be passed by, and what does not go on would be read for ever. */
const faultOf = ({ rows, isDone }: LogPage, cursor: number): ServiceError | undefined => {
  if (rows.some(({ sequence }, index) => sequence <= (rows[index - 1]?.sequence ?? -1))) {
    return unreadable('its changes are not in order')
  }
  const isStill = !isDone && (rows.at(-1)?.sequence ?? 0) <= cursor
  return isStill ? unreadable('it tells that it has more, and does not give it') : undefined
}

/** Nothing is behind this number; how far is the log? */
const endOf = async (run: Run, log: ChangeLog, after: number): Result<LogPage> => retrying(run, log.rows(after, 1))

/**
 * Is it another log than the one that was read? Rows that are missing prove nothing, since a deletion takes them away; the
 * highest number that was ever given never goes back.
 */
const resetIn = async (
  run: Run,
  log: ChangeLog,
  { syncedSequence: cursor, logRows: known = [] }: Checkpoint,
  page: LogPage,
): Result<void> => {
  const before = new Map(known.map((row) => [row.sequence, row]))
  const other = page.rows.find((row) => {
    const was = before.get(row.sequence)
    return was !== undefined && !isSame(was, row)
  })
  if (other !== undefined) {
    return E.left(
      reset(other.sequence, `its log has another change under ${other.sequence} than the one that was read`),
    )
  }
  if (page.rows.length === 0) return page.last < cursor ? E.left(restored(page.last, cursor)) : E.right(undefined)
  const isNewBefore = page.rows.some(({ sequence }) => sequence <= cursor && !before.has(sequence))
  if (!isNewBefore || page.rows.some(({ sequence }) => sequence > cursor)) return E.right(undefined)
  const end = await endOf(run, log, cursor)
  if (E.isLeft(end)) return end
  const { rows, last } = end.right
  return rows.length === 0 && last < cursor ? E.left(restored(last, cursor)) : E.right(undefined)
}

/** At most so many rows behind the checkpoint. */
export const readLog = async (run: Run, log: ChangeLog, checkpoint: Checkpoint, limit: number): Result<LogBatch> => {
  const { syncedSequence: cursor, logRows: known = [] } = checkpoint
  const page = await retrying(run, log.rows(Math.max(0, cursor - overlap), limit + overlap))
  if (E.isLeft(page)) return page
  const fault = faultOf(page.right, cursor)
  if (fault !== undefined) return E.left(fault)
  const same = await resetIn(run, log, checkpoint, page.right)
  if (E.isLeft(same)) return same
  const numbers = new Set(known.map(({ sequence }) => sequence))
  // Of a checkpoint that was set no row was read: what lies before it is passed by.
  const isUnread = ({ sequence }: LogRow): boolean => sequence > cursor || (known.length > 0 && !numbers.has(sequence))
  const unread = page.right.rows.filter(isUnread)
  // A deletion makes room in what is read again: then the page has more.
  const rows = unread.slice(0, limit)
  const reachedHead = page.right.isDone && rows.length === unread.length
  const syncedSequence = Math.max(
    cursor,
    ...(reachedHead ? page.right.rows : rows).slice(-1).map((row) => row.sequence),
  )
  const end = reachedHead ? E.right({ last: syncedSequence }) : await endOf(run, log, Number.MAX_SAFE_INTEGER)
  if (E.isLeft(end)) return end
  return E.right({
    ids: [...new Set(rows.flatMap(({ isNew, id }) => (isNew ? [id] : [])))],
    rows: rows.length,
    next: nextOf(checkpoint, page.right.rows, syncedSequence),
    head: Math.max(syncedSequence, end.right.last),
    reachedHead,
  })
}

const nextOf = (
  { syncedSequence: cursor, timestamp, logRows: known = [] }: Checkpoint,
  rows: ReadonlyArray<LoggedChange>,
  syncedSequence: number,
): LogBatch['next'] => {
  const all = new Map([...known, ...rows].map(({ sequence, id, date }) => [sequence, { sequence, id, date }]))
  const logRows = [...all.values()]
    .filter(({ sequence }) => sequence > syncedSequence - overlap && sequence <= syncedSequence)
    .sort((left, right) => left.sequence - right.sequence)
  const last = all.get(syncedSequence)
  const at = syncedSequence === cursor || last === undefined ? timestamp : isoOf(last)
  return { syncedSequence, logRows, ...(at === undefined ? {} : { timestamp: at }) }
}
