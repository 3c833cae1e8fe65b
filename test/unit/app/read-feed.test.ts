import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { type FeedBatch, newReading, readAhead, readFeed } from '../../../lib/app/read-feed'
import type { ServiceError } from '../../../lib/domain/cast-error'
import { type Checkpoint, newCheckpoint } from '../../../lib/domain/checkpoint'
import { type FeedReader, eight, feedReader, minutesAgo, rowsFrom, uidOf } from '../../support/feed-reader'

const at = (syncedSequence: number, more: Partial<Checkpoint> = {}): Checkpoint => ({
  ...newCheckpoint(syncedSequence),
  ...(syncedSequence === 0
    ? {}
    : { sopInstanceUid: uidOf(syncedSequence), timestamp: new Date(minutesAgo(60)).toISOString() }),
  ...more,
})

const read = async (
  { run }: FeedReader,
  checkpoint = at(0),
  limit = 1_000,
  reading = newReading(),
): Promise<FeedBatch> => {
  const batch = await readFeed(run, checkpoint, limit, reading)
  if (E.isLeft(batch)) throw new Error(JSON.stringify(batch.left))
  return batch.right
}
const failure = async ({ run }: FeedReader, checkpoint = at(0)): Promise<ServiceError> => {
  const batch = await readFeed(run, checkpoint, 1_000, newReading())
  if (E.isRight(batch)) throw new Error('it should have failed')
  return batch.left
}
const sequences = (rows: FeedBatch['rows']): ReadonlyArray<number> => rows.map(({ sequence }) => sequence)
const spans = (numbers: FeedBatch['gone']): ReadonlyArray<string> => numbers.map(({ from, to }) => `${from}…${to}`)
const http = (status: number, retryAfterMs?: number): ServiceError => ({
  _tag: 'ServiceUnavailable',
  hop: 'dicom',
  reason: 'trouble',
  status,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})

describe('pages', () => {
  it('come in order, 100 wide, the first from one row early, after the head was asked for', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 250) })
    const batch = await read(reader, at(20))
    expect([sequences(batch.rows)[0], sequences(batch.rows).length, batch.reachedHead]).toEqual([21, 230, true])
    expect(reader.asked).toEqual(['latest', 'range 19+100', 'range 119+100', 'range 219+31'])
  })

  it('end with the batch, and an idle poll is one request', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 250) })
    const batch = await read(reader, at(20), 3)
    expect([sequences(batch.rows), batch.reachedHead]).toEqual([[21, 22, 23], false])
    expect(await read(reader, at(250))).toMatchObject({ rows: [], reachedHead: true })
    expect(reader.asked).toEqual(['latest', 'range 19+4', 'latest'])
  })

  it('get narrower when one is larger than the cap, stay so, and widen again slowly', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 300), pageCap: 30 })
    const batch = await read(reader)
    expect([batch.rows.length, batch.reachedHead]).toEqual([300, true])
    expect(reader.asked.slice(1, 6)).toEqual(['range 0+100', 'range 0+50', 'range 0+25', 'range 25+25', 'range 50+25'])
    const widths = reader.asked.slice(1).map((label) => Number(label.split('+')[1]))
    const refused = widths.filter((width) => width > 30).length
    expect(refused).toBeLessThan(widths.length / 3)
  })

  it('keep what was read when a later one fails', async () => {
    const reader = feedReader({
      rows: rowsFrom(1, 250),
      trouble: (label) => (label.startsWith('latest') || label === 'range 0+100' ? undefined : http(429)),
    })
    expect(await read(reader)).toMatchObject({ rows: { length: 100 }, reachedHead: false })
  })
})

describe('a feed that is another one', () => {
  it('is known by its head below the checkpoint, and the head is told', async () => {
    expect(await failure(feedReader({ rows: rowsFrom(1, 7) }), at(9))).toMatchObject({ _tag: 'FeedReset', head: 7 })
    expect(await failure(feedReader({ rows: [] }), at(9))).toMatchObject({ _tag: 'FeedReset', head: 0 })
  })

  it('that has grown past the checkpoint is known by the row there: another one, or none', async () => {
    const grown = feedReader({ rows: rowsFrom(1, 30) })
    expect(await failure(grown, at(9, { sopInstanceUid: '1.2.77' }))).toMatchObject({ _tag: 'FeedReset', head: 30 })
    const withGap = feedReader({ rows: [...rowsFrom(1, 8), ...rowsFrom(10, 30)] })
    expect(await failure(withGap, at(9))).toMatchObject({ _tag: 'FeedReset', head: 30 })
  })

  it('is not looked for while nothing is known of the row there', async () => {
    const { rows } = await read(feedReader({ rows: rowsFrom(10, 12) }), newCheckpoint(9))
    expect(sequences(rows)).toEqual([10, 11, 12])
  })
})

describe('a gap', () => {
  it('is a hole when the row after it is young, else it is gone for good, and counted', async () => {
    const rows = [...rowsFrom(1, 2), ...rowsFrom(4, 4), ...rowsFrom(8, 8, eight - 119_000)]
    const batch = await read(feedReader({ rows }))
    expect([spans(batch.gone), spans(batch.holes), sequences(batch.rows)]).toEqual([['3…3'], ['5…7'], [1, 2, 4, 8]])
  })

  it('is judged by when it was seen, not by a later page that had to wait', async () => {
    // 3 is committed while the second page is asked for again and again, for longer than a hole is remembered.
    const rows = [
      ...rowsFrom(1, 2),
      { sequence: 3, timestamp: eight - 2_000, visibleFrom: eight + 60_000 },
      ...rowsFrom(4, 200, eight - 1_000),
    ]
    let waits = 1
    const reader = feedReader({
      rows,
      trouble: (label) => (label.startsWith('range 100') && waits-- > 0 ? http(429, 150_000) : undefined),
    })
    const batch = await read(reader)
    expect([batch.rows.length, spans(batch.holes), spans(batch.gone)]).toEqual([199, ['3…3'], []])
  })

  it('that straddles pages is judged by the earlier one', async () => {
    const rows = [
      ...rowsFrom(1, 90, eight - 5_000),
      { sequence: 95, timestamp: eight - 2_000, visibleFrom: eight + 60_000 },
      ...rowsFrom(105, 110, eight - 1_000),
    ]
    let waits = 1
    const reader = feedReader({
      rows,
      trouble: (label) => (label.startsWith('range 100') && waits-- > 0 ? http(429, 150_000) : undefined),
    })
    expect(spans((await read(reader)).holes)).toEqual(['91…104'])
  })

  it('before a row without a readable time is a hole', async () => {
    const rows = [...rowsFrom(1, 2), { sequence: 5, timestamp: 0, element: { sequence: 5, action: 'Create' } }]
    expect(spans((await read(feedReader({ rows }))).holes)).toEqual(['3…4'])
  })

  it('of up to 10,000 is walked in ranges of 100, several at once', async () => {
    const reader = feedReader({ rows: [...rowsFrom(1, 5), ...rowsFrom(9_905, 9_906)] })
    expect(sequences((await read(reader)).rows)).toEqual([1, 2, 3, 4, 5, 9_905, 9_906])
    expect(reader.asked.filter((label) => label.startsWith('window'))).toEqual([])
    expect(reader.asked.length).toBeLessThan(110)
  })

  it('that is wider is crossed with windows of time, down to the smallest number behind it', async () => {
    const far = [...rowsFrom(500_001, 500_300, minutesAgo(59)), ...rowsFrom(500_000, 500_000, minutesAgo(58))]
    const reader = feedReader({ rows: [...rowsFrom(1, 5), ...far] })
    const { rows, reachedHead } = await read(reader)
    expect([rows.length, sequences(rows)[5], reachedHead]).toEqual([306, 500_000, true])
    expect(reader.asked.filter((label) => label.startsWith('window'))).toEqual(['window 0', 'window 200', 'window 306'])
  })

  it.each([404, 400, 405, 501])('that is wider is walked on a service without windows (%i)', async (status) => {
    const reader = feedReader({
      rows: [...rowsFrom(1, 5), ...rowsFrom(30_000, 30_001)],
      trouble: (label) => (label.startsWith('window') ? http(status) : undefined),
    })
    expect(sequences((await read(reader)).rows)).toEqual([1, 2, 3, 4, 5, 30_000, 30_001])
  })

  it('that is wider is not walked while the windows are only down', async () => {
    const reader = feedReader({
      rows: [...rowsFrom(1, 5), ...rowsFrom(30_000, 30_001)],
      trouble: (label) => (label.startsWith('window') ? http(503) : undefined),
    })
    expect(await read(reader)).toMatchObject({ rows: { length: 5 }, reachedHead: false })
    expect(await failure(reader, at(5))).toMatchObject({ _tag: 'ServiceUnavailable', status: 503 })
  })

  it('that is wider does not hide a malformed row behind it', async () => {
    const malformed = { sequence: 29_999, timestamp: minutesAgo(59), element: { sequence: 29_999 } }
    const rows = [...rowsFrom(1, 5), malformed, ...rowsFrom(30_000, 30_001, minutesAgo(59))]
    expect(sequences((await read(feedReader({ rows }))).rows).slice(5)).toEqual([29_999, 30_000, 30_001])
    const unplaced = { ...malformed, element: { sequence: 'none' } }
    const walked = await read(feedReader({ rows: [...rowsFrom(1, 5), unplaced, ...rowsFrom(30_000, 30_001)] }))
    expect(sequences(walked.rows).slice(5)).toEqual([29_999, 30_000, 30_001])
  })
})

describe('holes', () => {
  const hole = (from: number, to = from, seenAt = eight) => ({ from, to, seenAt })

  it('are asked for with every batch, and what is found joins it', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 30) })
    const batch = await read(reader, at(30, { holes: [hole(12, 14), hole(20)] }))
    expect([sequences(batch.late), batch.holes]).toEqual([[12, 13, 14, 20], []])
    expect(reader.asked).toEqual(['latest', 'range 11+3', 'range 19+1'])
  })

  it('keep the numbers that did not come', async () => {
    const reader = feedReader({ rows: [...rowsFrom(1, 12), ...rowsFrom(14, 14), ...rowsFrom(17, 30)] })
    const batch = await read(reader, at(30, { holes: [hole(13, 16)] }))
    expect([sequences(batch.late), spans(batch.holes), spans(batch.gone)]).toEqual([[14], ['13…13', '15…16'], []])
  })

  it('are asked for at most once a second', async () => {
    const reader = feedReader({ rows: [...rowsFrom(1, 12), ...rowsFrom(20, 30)] })
    const [checkpoint, reading] = [at(30, { holes: [hole(13, 19)] }), newReading()]
    for (let batches = 0; batches < 4; batches++) {
      const { holes } = await read(reader, checkpoint, 1_000, reading)
      expect(spans(holes)).toEqual(['13…19'])
      reader.sleep(400)
    }
    expect(reader.asked.filter((label) => label === 'range 12+7')).toHaveLength(2)
  })

  it('are dropped, and counted, only after a probe that was made later than 120 s after they were seen', async () => {
    const reader = feedReader({ rows: [...rowsFrom(1, 12), ...rowsFrom(14, 30)] })
    const checkpoint = at(30, { holes: [hole(13)] })
    const reading = newReading()
    reader.sleep(119_990)
    expect(await read(reader, checkpoint, 1_000, reading)).toMatchObject({ holes: [hole(13)], gone: [] })
    reader.sleep(100)
    expect(await read(reader, checkpoint, 1_000, reading)).toMatchObject({ holes: [hole(13)], gone: [] })
    reader.sleep(1_000)
    const last = await read(reader, checkpoint, 1_000, reading)
    expect([last.holes, spans(last.gone)]).toEqual([[], ['13…13']])
  })

  it('that were not asked for are not dropped, however old they are', async () => {
    const rows = [...rowsFrom(1, 12), ...rowsFrom(14, 30)]
    const reader = feedReader({ rows, trouble: (label) => (label.endsWith(' 12+1') ? http(503) : undefined) })
    reader.sleep(3_600_000)
    expect(await failure(reader, at(30, { holes: [hole(13)] }))).toMatchObject({ status: 503 })
  })

  it('are 500 at the most: what lies behind another one waits', async () => {
    const every = Array.from({ length: 700 }, (_, index) => ({ sequence: 2 * index + 2, timestamp: eight - 1_000 }))
    const batch = await read(feedReader({ rows: every }), at(0), 2_000)
    expect([batch.holes.length, sequences(batch.rows).at(-1), batch.reachedHead]).toEqual([500, 1_000, false])
    const full = at(1_000, { holes: batch.holes })
    expect(await read(feedReader({ rows: every }), full)).toMatchObject({ rows: [], holes: { length: 500 } })
    // Nothing is new about a gap that is old.
    const old = every.map((row) => (row.sequence > 1_000 ? { ...row, timestamp: minutesAgo(9) } : row))
    expect(await read(feedReader({ rows: old }), full)).toMatchObject({ rows: { length: 200 }, reachedHead: true })
  })

  it('do not fill a run: half of its time is for what comes behind, and the next batch goes on with the others', async () => {
    const holes = Array.from({ length: 500 }, (_, index) => hole(2 * index + 1))
    const rows = [...Array.from({ length: 500 }, (_, index) => ({ sequence: 2 * index + 2, timestamp: minutesAgo(9) }))]
    const reader = feedReader({ rows: [...rows, ...rowsFrom(1_001, 1_010)], latencyMs: 1_000, budgetMs: 240_000 })
    const reading = newReading()
    const checkpoint = at(1_000, { holes })
    const batch = await read(reader, checkpoint, 1_000, reading)
    expect([batch.rows.length, batch.holes.length]).toEqual([10, 500])
    const asked = reader.asked.length
    await read(reader, checkpoint, 1_000, reading)
    const again = reader.asked.slice(asked).filter((label) => reader.asked.slice(0, asked).includes(label))
    expect(again.filter((label) => label.endsWith('+1'))).toEqual([])
  })

  it('that turn out to hold more than a batch are taken in turn', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 5_010) })
    const batch = await read(reader, at(5_010, { holes: [hole(1, 5_000)] }), 1_000)
    expect([batch.late.length, spans(batch.holes), spans(batch.gone)]).toEqual([1_000, ['1001…5000'], []])
  })
})

describe('an element without a readable sequence', () => {
  it('is located by reading one by one, is recorded with what is known of it, and is no hole', async () => {
    const rows = [...rowsFrom(1, 2), { sequence: 4, timestamp: eight, element: { sequence: null } }, ...rowsFrom(5, 6)]
    const batch = await read(feedReader({ rows }))
    expect([sequences(batch.rows), spans(batch.holes), spans(batch.gone)]).toEqual([[1, 2, 4, 5, 6], ['3…3'], []])
    expect(batch.rows[2]).toMatchObject({ _tag: 'Malformed', malformed: { sequence: 4 } })
  })
})

describe('pages side by side', () => {
  it('are four, once it is known that they are small, and one while they are large', async () => {
    const together: Array<number> = []
    for (const pageBytes of [10_000, 3_000_000]) {
      const reader = feedReader({ rows: rowsFrom(1, 1_000) })
      const reading = { ...newReading(), pageBytes }
      const batch = readFeed(reader.run, at(20), 1_000, reading)
      // The first answer is still on its way.
      while (!reader.asked.includes('range 19+100')) await Promise.resolve()
      together.push(reader.asked.filter((label) => label.startsWith('range')).length)
      expect(E.isRight(await batch)).toBe(true)
    }
    expect(together).toEqual([4, 1])
  })

  it('keep the rows in order, and ask for no more than the batch holds', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 1_000) })
    const batch = await read(reader, at(20), 350, { ...newReading(), pageBytes: 10_000 })
    expect(sequences(batch.rows)).toEqual(Array.from({ length: 350 }, (_, index) => index + 21))
    expect(reader.asked).toEqual(['latest', 'range 19+100', 'range 119+100', 'range 219+100', 'range 319+51'])
  })
})

describe('the batch behind', () => {
  const rows = rowsFrom(1, 600)
  const aheadOf = async (reader: FeedReader, limit = 200) => {
    const reading = newReading()
    const batch = await read(reader, at(20), limit, reading)
    readAhead(reader.run, batch, limit, reading)
    await reading.ahead?.read
    const before = reader.asked.length
    return { reading, askedSince: () => reader.asked.slice(before) }
  }

  it('is read while this one is written: then nothing is left to ask for', async () => {
    const reader = feedReader({ rows })
    const { reading, askedSince } = await aheadOf(reader)
    const next = await read(reader, at(220), 200, reading)
    expect([sequences(next.rows)[0], sequences(next.rows).at(-1), next.reachedHead]).toEqual([221, 420, false])
    expect(askedSince()).toEqual([])
  })

  it('is read anew when the checkpoint came to rest elsewhere', async () => {
    const reader = feedReader({ rows })
    const { reading, askedSince } = await aheadOf(reader)
    const next = await read(reader, at(100), 200, reading)
    expect([sequences(next.rows)[0], sequences(next.rows).at(-1)]).toEqual([101, 300])
    expect(askedSince().slice(0, 2)).toEqual(['latest', 'range 99+100'])
  })

  it('is cut to what the next batch may hold', async () => {
    const reader = feedReader({ rows })
    const { reading } = await aheadOf(reader)
    const next = await read(reader, at(220), 50, reading)
    expect([sequences(next.rows).length, next.reachedHead]).toEqual([50, false])
  })

  it('is read anew when it failed: that may have passed', async () => {
    let isDown = false
    const reader = feedReader({ rows, trouble: () => (isDown ? http(404) : undefined) })
    const reading = newReading()
    const batch = await read(reader, at(20), 200, reading)
    isDown = true
    readAhead(reader.run, batch, 200, reading)
    await reading.ahead?.read
    isDown = false
    expect(sequences((await read(reader, at(220), 200, reading)).rows)).toHaveLength(200)
  })

  it('is not read when this one reached the head', async () => {
    const reader = feedReader({ rows })
    const { reading } = await aheadOf(reader, 1_000)
    expect(reading.ahead).toBeUndefined()
  })
})
