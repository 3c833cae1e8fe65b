import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import type { Run } from '../../../../lib/app/context'
import type { ChangeLog, LoggedChange } from '../../../../lib/app/ports-source'
import { type LogBatch, overlap, readLog } from '../../../../lib/app/source/read-log'
import { type Checkpoint, newCheckpoint } from '../../../../lib/domain/checkpoint'

const row = (sequence: number, id = `id-${sequence}`): LoggedChange => ({
  ...{ sequence, id, date: '20261128T141011', isNew: true },
})

const logOf = (rows: ReadonlyArray<LoggedChange>, highest = Math.max(0, ...rows.map(({ sequence }) => sequence))) => {
  const asked: Array<readonly [after: number, limit: number]> = []
  const log: ChangeLog = {
    rows: (after, limit) => {
      asked.push([after, limit])
      const behind = rows.filter(({ sequence }) => sequence > after)
      const page = behind.slice(0, limit)
      return TE.right({ rows: page, isDone: behind.length <= limit, last: page.at(-1)?.sequence ?? highest })
    },
    studiesOf: () => TE.right([]),
  }
  return { log, asked }
}

const run = {} as unknown as Run
const begin: Checkpoint = { ...newCheckpoint(0), logRows: [] }
const read = async (log: ChangeLog, checkpoint: Checkpoint, limit = 1_000): Promise<LogBatch> => {
  const batch = await readLog(run, log, checkpoint, limit)
  if (E.isLeft(batch)) throw new Error(JSON.stringify(batch.left))
  return batch.right
}
const after = (checkpoint: Checkpoint, { next }: LogBatch): Checkpoint => ({ ...checkpoint, ...next })
const numbers = (from: number, to: number): ReadonlyArray<LoggedChange> =>
  Array.from({ length: to - from + 1 }, (_, index) => row(from + index))

it('takes so many rows as it may, and keeps the last numbers', async () => {
  const { log } = logOf(numbers(1, 100))
  const first = await read(log, begin, 40)
  expect([first.rows, first.ids.length, first.head, first.reachedHead]).toEqual([40, 40, 100, false])
  expect(first.next).toMatchObject({ syncedSequence: 40, timestamp: '2026-11-28T14:10:11Z' })
  expect(first.next.logRows?.map(({ sequence }) => sequence)).toEqual(
    numbers(41 - overlap, 40).map((each) => each.sequence),
  )
  const second = await read(log, after(begin, first), 40)
  expect([second.rows, second.ids[0], second.next.syncedSequence]).toEqual([40, 'id-41', 80])
  const last = await read(log, after(begin, second), 40)
  expect([last.rows, last.reachedHead, last.next.syncedSequence]).toEqual([20, true, 100])
})

it('a row that comes to stand behind the checkpoint is found, once', async () => {
  const before = numbers(1, 10).filter(({ sequence }) => sequence !== 7)
  const first = await read(logOf(before).log, begin)
  const { log } = logOf(numbers(1, 10))
  const late = await read(log, after(begin, first))
  expect([late.ids, late.next.syncedSequence]).toEqual([['id-7'], 10])
  expect((await read(log, after(begin, late))).ids).toEqual([])
})

it('rows that were deleted are no reset, and make no room for more than the limit', async () => {
  const first = await read(logOf(numbers(1, 60)).log, begin)
  const { log } = logOf([...numbers(1, 20), ...numbers(61, 100)], 100)
  const next = await read(log, after(begin, first), 10)
  expect([next.rows, next.ids[0], next.next.syncedSequence, next.reachedHead]).toEqual([10, 'id-61', 70, false])
  const gone = await readLog(run, logOf([], 100).log, after(begin, first), 10)
  expect(gone).toMatchObject({ right: { ids: [], next: { syncedSequence: 60 } } })
})

it.each([
  ['ends below the checkpoint', [], 12],
  ['has another resource under a number', [row(58, 'other'), row(60)], 60],
  ['has another date under a number', [{ ...row(60), date: '20270101T000000' }], 60],
  ['ends below it, with rows where deleted ones stood', [row(40, 'other')], 40],
])('a log that %s is another one', async (_, rows, highest) => {
  const seen = await read(logOf(numbers(1, 60).filter(({ sequence }) => sequence !== 40)).log, begin)
  expect(await readLog(run, logOf(rows, highest).log, after(begin, seen), 10)).toMatchObject({
    left: { _tag: 'FeedReset' },
  })
})

it('a checkpoint that was set passes by what lies before it', async () => {
  const { log } = logOf(numbers(1, 60))
  expect((await read(log, { ...begin, syncedSequence: 50 })).ids).toHaveLength(10)
})

it('one request when nothing is new', async () => {
  const first = await read(logOf(numbers(1, 60)).log, begin)
  const { log, asked } = logOf(numbers(1, 60))
  await read(log, after(begin, first))
  expect(asked).toEqual([[60 - overlap, 1_000 + overlap]])
})

it.each([
  ['gives nothing new, and says that it has more', { rows: numbers(40, 60), isDone: false, last: 60 }],
  ['is in no order', { rows: [...numbers(1, 60), row(80), row(70), row(62)], isDone: true, last: 80 }],
])('a page that %s is unreadable', async (_, page) => {
  const seen = await read(logOf(numbers(1, 60)).log, begin)
  const log: ChangeLog = { ...logOf([]).log, rows: () => TE.right(page) }
  expect(await readLog({ stopping: () => true } as unknown as Run, log, after(begin, seen), 2)).toMatchObject({
    left: { _tag: 'ServiceUnavailable', hop: 'dicom' },
  })
})
