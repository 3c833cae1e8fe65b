import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { type FeedBatch, newReading, readFeed } from '../../../../lib/app/feed/read-feed'
import { type Checkpoint, newCheckpoint } from '../../../../lib/domain/checkpoint'
import { eight, feedReader, minutesAgo, rowsFrom } from '../../../support/world/feed-reader'

type Reader = ReturnType<typeof feedReader>

const read = async ({ run }: Reader, checkpoint: Checkpoint, reading = newReading()): Promise<FeedBatch> => {
  const batch = await readFeed(run, checkpoint, 10_000, reading)
  if (E.isLeft(batch)) throw new Error(JSON.stringify(batch.left))
  return batch.right
}
const spans = (numbers: ReadonlyArray<{ from: number; to: number }>): ReadonlyArray<string> =>
  numbers.map(({ from, to }) => `${from}…${to}`)

describe('a gap of young numbers', () => {
  it('is a hole though the row after it was begun long ago: a create waits for a lock with its time in hand', async () => {
    // 6 is on its way. 7 waited for longer than a hole's age before it got its number.
    const rows = [...rowsFrom(1, 5), ...rowsFrom(7, 7, eight - 130_000)]
    const heads = [{ sequence: 5, seenAt: eight - 125_000 }]
    const batch = await read(feedReader({ rows }), { ...newCheckpoint(5), heads })
    expect([spans(batch.holes), spans(batch.gone)]).toEqual([['6…6'], []])
  })

  it('is told apart from numbers beside it that are old', async () => {
    const rows = [...rowsFrom(1, 5), ...rowsFrom(20, 20)]
    const heads = [{ sequence: 12, seenAt: eight - 125_000 }]
    const batch = await read(feedReader({ rows }), { ...newCheckpoint(5), heads })
    expect([spans(batch.gone), spans(batch.holes)]).toEqual([['6…12'], ['13…19']])
  })

  it('is one of the newest 1,000 numbers for a run that knows no head: old rows have no holes', async () => {
    const every = Array.from({ length: 4_000 }, (_, index) => ({ sequence: 2 * index + 2, timestamp: minutesAgo(600) }))
    const batch = await read(feedReader({ rows: every }), newCheckpoint(0))
    expect([batch.gone.length, batch.holes.length, batch.holes[0]?.from]).toEqual([3_500, 500, 7_001])
  })
})

describe('the head', () => {
  it('is remembered with the time of a page that was served when it was there already, by the service’s clock', async () => {
    const aheadMs = 7 * 60_000
    const { heads } = await read(feedReader({ rows: rowsFrom(1, 30), aheadMs }), newCheckpoint(0))
    expect(heads).toEqual([{ sequence: 30, seenAt: expect.any(Number) }])
    expect(heads[0]?.seenAt).toBeGreaterThan(eight + aheadMs)
  })

  it('needs no request of its own, and an idle poll changes nothing', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 30) })
    const heads = [{ sequence: 30, seenAt: minutesAgo(9) }]
    expect((await read(reader, { ...newCheckpoint(30), heads })).heads).toEqual(heads)
    expect(reader.asked).toEqual(['latest'])
  })
})

describe('the age of a hole', () => {
  const rows = [...rowsFrom(1, 12), ...rowsFrom(14, 30)]

  it.each([-600_000, 0, 600_000])('is told by the service’s clock, which may be %i ms ahead', async (aheadMs) => {
    const seen = await read(feedReader({ rows, aheadMs }), newCheckpoint(0))
    expect([spans(seen.holes), spans(seen.gone)]).toEqual([['13…13'], []])
    // Another host goes on, whose clock is an hour ahead of the first one's.
    const later = (seconds: number): Reader =>
      feedReader({ rows, from: eight + 3_600_000 + seconds * 1_000, aheadMs: aheadMs - 3_600_000 })
    const checkpoint = { ...newCheckpoint(30), holes: seen.holes }
    expect(await read(later(100), checkpoint)).toMatchObject({ holes: [{ from: 13, to: 13 }], gone: [] })
    expect(spans((await read(later(130), checkpoint)).gone)).toEqual(['13…13'])
  })

  it('that only a host’s clock has told begins again with the next probe', async () => {
    const untold = { ...newCheckpoint(30), holes: [{ from: 13, to: 13 }] }
    const { holes, gone } = await read(feedReader({ rows }), untold)
    expect([holes, gone]).toEqual([[{ from: 13, to: 13, seenAt: expect.any(Number) }], []])
    const reader = feedReader({ rows, from: eight + 130_000 })
    expect(spans((await read(reader, { ...newCheckpoint(30), holes })).gone)).toEqual(['13…13'])
  })

  it('is that of the question, not of an answer that was long in coming', async () => {
    const slow = feedReader({ rows, latencyMs: 60_000, from: eight + 70_000 })
    const checkpoint = { ...newCheckpoint(30), holes: [{ from: 13, to: 13, seenAt: eight + 60_000 }] }
    expect(await read(slow, checkpoint)).toMatchObject({ holes: [{ from: 13 }], gone: [] })
  })
})
