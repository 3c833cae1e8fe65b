import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { type FeedBatch, endReading, newReading, readAhead, readFeed } from '../../../../lib/app/feed/read-feed'
import type { ServiceError } from '../../../../lib/domain/cast-error'
import { type Checkpoint, newCheckpoint } from '../../../../lib/domain/checkpoint'
import {
  type FeedReader,
  type FeedRow,
  eight,
  feedReader,
  minutesAgo,
  rowsFrom,
  uidOf,
  wireOf,
} from '../../../support/world/feed-reader'

const at = (syncedSequence: number, more: Partial<Checkpoint> = {}): Checkpoint => ({
  ...newCheckpoint(syncedSequence),
  ...(syncedSequence === 0
    ? {}
    : { sopInstanceUid: uidOf(syncedSequence), timestamp: new Date(minutesAgo(60)).toISOString() }),
  ...more,
})

/** All numbers up to there were given long ago. */
const oldHead = (sequence: number) => [{ sequence, seenAt: minutesAgo(30) }]

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

/** A service without windows of time. */
const http404 = (label: string): ServiceError | undefined => (label.startsWith('window') ? http(404) : undefined)

describe('pages', () => {
  it('come in order, 100 wide, each from one row early, after the head was asked for', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 250) })
    const batch = await read(reader, at(20))
    expect([sequences(batch.rows)[0], sequences(batch.rows).length, batch.reachedHead]).toEqual([21, 230, true])
    expect(reader.asked).toEqual(['latest', 'range 19+100', 'range 118+100', 'range 217+33'])
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
    expect(reader.asked.slice(1, 6)).toEqual(['range 0+100', 'range 0+50', 'range 0+25', 'range 24+25', 'range 48+25'])
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
    const batch = await read(feedReader({ rows }), at(0, { heads: oldHead(8) }))
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

  it.each([
    '2026-13-45T99:99:99Z',
    '2026-01-01 10:00:00',
    '',
    12345,
    '/Date(1764057600000)/',
    '-271821-04-20T00:00:00Z',
  ])('that is wider is walked behind a row whose time is %j', async (timestamp) => {
    const odd = rowsFrom(1, 5).map((row) => ({ ...row, element: { ...(wireOf(row) as object), timestamp } }))
    const { rows, reachedHead } = await read(feedReader({ rows: [...odd, ...rowsFrom(30_000, 30_001)] }))
    expect([sequences(rows), reachedHead]).toEqual([[1, 2, 3, 4, 5, 30_000, 30_001], true])
    expect(rows.map(({ _tag }) => _tag)).toEqual(Array.from({ length: 7 }, () => 'Entry'))
  })

  it('before the first row of all is crossed with windows from the beginning of time', async () => {
    const reader = feedReader({ rows: rowsFrom(5_000_000, 5_000_300) })
    expect(sequences((await read(reader)).rows)[0]).toBe(5_000_000)
    expect(reader.asked.length).toBeLessThan(120)
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

describe('a gap that one run cannot walk through', () => {
  const noTime = { sopInstanceUid: uidOf(5) }

  /** Run after run, of ten requests in a row each, until there are rows. */
  const walk = async (rows: ReadonlyArray<FeedRow>, checkpoint: Checkpoint, budgetMs = 1_000) => {
    const walked: Array<number> = []
    let [from, clock, requests] = [checkpoint, 0, 0]
    for (let runs = 0; runs < 200; runs++) {
      const reader = feedReader({ rows, trouble: http404, latencyMs: 25, budgetMs: clock + budgetMs })
      reader.sleep(clock)
      const batch = await read(reader, from)
      clock += budgetMs
      requests += reader.asked.length
      if (batch.walked === undefined) return { batch, walked, requests }
      expect([batch.rows, batch.reachedHead]).toEqual([[], false])
      walked.push(batch.walked.to)
      from = { ...from, walked: batch.walked }
    }
    throw new Error('it never ends')
  }

  it.each([
    ['behind a row without a time', [...rowsFrom(1, 5), ...rowsFrom(400_000, 400_010)], at(5, { ...noTime })],
    ['before the first row, on a service without windows', rowsFrom(400_000, 400_010), at(0)],
  ])('is gone on with where the run before was: %s', async (_, rows, checkpoint) => {
    const { batch, walked, requests } = await walk(rows, checkpoint)
    expect(sequences(batch.rows)).toEqual(sequences((await read(feedReader({ rows }), checkpoint)).rows))
    expect(walked.length).toBeGreaterThan(5)
    expect(walked).toEqual([...new Set(walked)].sort((left, right) => left - right))
    // 4,000 pages of a hundred numbers, and a few requests a run to begin with.
    expect(requests).toBeLessThan(4_000 + 8 * (walked.length + 1))
  })

  it('hides no row that becomes visible behind the walk: the gap is as old as the first look at it', async () => {
    const late = { sequence: 7_000, timestamp: eight - 1_000, visibleFrom: eight + 5_000 }
    const young = rowsFrom(400_000, 400_001, eight - 500).map((row) => ({ ...row, visibleFrom: 0 }))
    const { batch, walked } = await walk([...rowsFrom(1, 5), late, ...young], at(5, { ...noTime }), 8_000)
    expect(walked.length).toBeGreaterThan(0)
    expect([sequences(batch.rows), spans(batch.holes)]).toEqual([[400_000, 400_001], ['6…399999']])
  })

  it('is kept when a request of the walk fails, and what fails at once is told', async () => {
    const rows = [...rowsFrom(1, 5), ...rowsFrom(400_000, 400_001)]
    const trouble = (label: string): ServiceError | undefined =>
      / 2010[34]\+100$/.test(label) ? http(429) : http404(label)
    const { walked } = await read(feedReader({ rows, trouble }), at(5, { ...noTime }))
    expect(walked?.to).toBe(20_104)
    const again = await failure(feedReader({ rows, trouble }), at(5, { ...noTime, ...(walked && { walked }) }))
    expect(again).toMatchObject({ _tag: 'ServiceUnavailable', status: 429 })
  })

  it('is walked from its beginning again in a feed that was restored, and ends before it', async () => {
    const rows = [...rowsFrom(1, 5), ...rowsFrom(9_000, 9_002)]
    const batch = await read(feedReader({ rows }), at(5, { walked: { to: 300_000, seenAt: eight } }))
    expect([sequences(batch.rows), batch.walked]).toEqual([[9_000, 9_001, 9_002], undefined])
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
    const timestamp = new Date(eight - 1_000).toISOString()
    const full = at(1_000, { holes: batch.holes, heads: oldHead(1_400), timestamp })
    const waits = { rows: [], holes: { length: 500 }, isFullOfHoles: true, reachedHead: false }
    expect(await read(feedReader({ rows: every }), full)).toMatchObject(waits)
    // Nothing is new about a gap that is old.
    const old = every.map((row) => (row.sequence > 1_000 ? { ...row, timestamp: minutesAgo(9) } : row))
    expect(await read(feedReader({ rows: old }), full)).toMatchObject({ rows: { length: 200 }, reachedHead: true })
  })

  it('do not fill a run: half of its time is for what comes behind, and the next batch goes on with the others', async () => {
    const holes = Array.from({ length: 500 }, (_, index) => hole(2 * index + 1))
    const rows = [...Array.from({ length: 500 }, (_, index) => ({ sequence: 2 * index + 2, timestamp: minutesAgo(9) }))]
    const reader = feedReader({ rows: [...rows, ...rowsFrom(1_001, 1_010)], latencyMs: 1_000, budgetMs: 240_000 })
    const reading = newReading()
    const checkpoint = at(1_000, { holes, timestamp: new Date(minutesAgo(9)).toISOString() })
    const batch = await read(reader, checkpoint, 1_000, reading)
    expect([batch.rows.length, batch.holes.length]).toEqual([10, 500])
    const asked = reader.asked.length
    await read(reader, checkpoint, 1_000, reading)
    const again = reader.asked.slice(asked).filter((label) => reader.asked.slice(0, asked).includes(label))
    expect(again.filter((label) => label.endsWith('+1'))).toEqual([])
  })

  it('as wide as an identity jump do not either', async () => {
    const reader = feedReader({ rows: rowsFrom(900_001, 900_010), latencyMs: 100, budgetMs: 60_000 })
    const batch = await read(reader, { ...newCheckpoint(900_000), holes: [hole(1, 899_999)] })
    expect([batch.rows.length, spans(batch.holes).at(-1)]).toEqual([10, expect.stringMatching(/…899999$/)])
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

describe('a row whose metadata does not come', () => {
  const holds = (label: string, sequence: number): boolean => {
    const [, offset = '', width = ''] = /^range (\d+)\+(\d+)$/.exec(label) ?? []
    return offset !== '' && Number(offset) < sequence && sequence <= Number(offset) + Number(width)
  }
  const readWith = async (alone: ServiceError) =>
    read(
      feedReader({
        rows: rowsFrom(1, 10),
        trouble: (label) => (label === 'instance' ? alone : holds(label, 5) ? http(503) : undefined),
      }),
    )

  it('is blamed when it fails again and again while others are read', async () => {
    const { rows, reachedHead } = await readWith(http(503))
    expect([rows.map(({ _tag }) => _tag.slice(0, 1)).join(''), reachedHead]).toEqual(['EEEEMEEEEE', true])
  })

  it('is not blamed when the service only says that it is busy: what is before it is cast, and it comes again', async () => {
    const { rows, reachedHead } = await readWith(http(429))
    expect([sequences(rows), reachedHead]).toEqual([[1, 2, 3, 4], false])
  })
})

describe('pages side by side', () => {
  it('are four, once it is known that they are small, and one while they are large', async () => {
    const together: Array<number> = []
    for (const pageBytes of [10_000, 3_000_000]) {
      const reader = feedReader({ rows: rowsFrom(1, 1_000) })
      const reading = { ...newReading(), pageSize: { width: 100, bytes: pageBytes } }
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
    const batch = await read(reader, at(20), 350, { ...newReading(), pageSize: { width: 100, bytes: 10_000 } })
    expect(sequences(batch.rows)).toEqual(Array.from({ length: 350 }, (_, index) => index + 21))
    expect(reader.asked).toEqual(['latest', 'range 19+100', 'range 118+100', 'range 217+100', 'range 316+54'])
  })
})

describe('the batch behind', () => {
  const rows = rowsFrom(1, 600)
  const aheadOf = async (reader: FeedReader, limit = 200) => {
    const reading = newReading()
    const batch = await read(reader, at(20), limit, reading)
    readAhead(reader.run, batch, limit, reading, 2)
    await Promise.all(reading.ahead)
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

  it('is read with the one behind it, and no further, however many may follow', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 5_000) })
    const reading = newReading()
    readAhead(reader.run, await read(reader, at(20), 200, reading), 200, reading, Infinity)
    const [second, third] = await Promise.all(reading.ahead)
    await endReading(reading)
    expect(reading.ahead).toHaveLength(2)
    expect(second?.found.map(({ row }) => row.sequence)).toEqual(Array.from({ length: 200 }, (_, index) => index + 221))
    expect(third?.found.map(({ row }) => row.sequence)).toEqual(Array.from({ length: 200 }, (_, index) => index + 421))
    // And the pages that were on their way by then.
    const furthest = Math.max(...reader.asked.map((label) => Number(/^range (\d+)/.exec(label)?.[1] ?? 0)))
    expect(furthest).toBeLessThan(620 + 4 * 100)
  })

  it('is read anew when the checkpoint came to rest elsewhere', async () => {
    const reader = feedReader({ rows })
    const { reading, askedSince } = await aheadOf(reader)
    const next = await read(reader, at(100), 200, reading)
    expect([sequences(next.rows)[0], sequences(next.rows).at(-1)]).toEqual([101, 300])
    expect(askedSince().slice(0, 2)).toEqual(['latest', 'range 99+100'])
  })

  it('leaves pages on their way for the batch behind it, which begins with the very next row', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 5_000) })
    const { reading } = await aheadOf(reader)
    const second = await read(reader, at(220), 200, reading)
    readAhead(reader.run, second, 200, reading, 2)
    const third = await read(reader, at(420), 200, reading)
    expect(sequences(third.rows)).toEqual(Array.from({ length: 200 }, (_, index) => index + 421))
    const asked = reader.asked.filter((label) => label.startsWith('range'))
    expect(new Set(asked).size).toBe(asked.length)
  })

  /** Restored to row 250, and grown past all that was read again, with other images. */
  const restored = (kept: ReadonlyArray<FeedRow>, at: number): ReadonlyArray<FeedRow> => [
    ...kept.map((row) => (row.sequence > 250 ? { ...row, visibleUntil: at } : row)),
    ...rowsFrom(251, 1_200).map((row) => ({
      ...{ ...row, visibleFrom: at },
      element: { ...wireOf(row), sopInstanceUid: `2.25.${row.sequence}` },
    })),
  ]

  it.each([
    ['whose pages are full', rowsFrom(1, 1_200), 100],
    [
      'where a page begins behind a hole',
      rowsFrom(1, 1_200).filter(({ sequence }) => sequence < 250 || sequence % 99 !== 22),
      100,
    ],
    ['whose pages are narrow', rowsFrom(1, 1_200), 5],
    ['behind a gap', [...rowsFrom(1, 421), ...rowsFrom(900, 1_200)], 100],
  ])('is not taken from a feed that was restored meanwhile: one %s', async (_what, before, pageCap) => {
    for (let passed = 3; passed < 100; passed += passed < 30 ? 1 : 13) {
      const reader = feedReader({ rows: restored(before, eight + passed), pageCap })
      const reading = newReading()
      let checkpoint = at(220)
      const taken = new Set<string>()
      for (let batches = 0; batches < 12; batches++) {
        const batch = await readFeed(reader.run, checkpoint, 100, reading)
        if (E.isLeft(batch) || batch.right.rows.length === 0) break
        const uids = batch.right.rows.map((row) => (row._tag === 'Entry' ? row.entry.sopInstanceUid : ''))
        sequences(batch.right.rows).forEach((sequence, index) => {
          if (sequence > 250) taken.add(uids[index]?.startsWith('2.25.') === true ? 'new' : 'old')
        })
        readAhead(reader.run, batch.right, 100, reading, 2)
        checkpoint = { ...at(batch.right.rows.at(-1)?.sequence ?? 0), sopInstanceUid: uids.at(-1) ?? '' }
      }
      expect([passed, taken.size < 2]).toEqual([passed, true])
    }
  })

  it('asks for nothing that no batch will take', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 5_000) })
    const reading = newReading()
    readAhead(reader.run, await read(reader, at(20), 200, reading), 200, reading, 1)
    await read(reader, at(220), 200, reading)
    await endReading(reading)
    const pages = reader.asked.filter((label) => label.startsWith('range'))
    expect(pages.map((label) => Number(/ (\d+)/.exec(label)?.[1])).filter((from) => from > 420)).toEqual([])
  })

  it('leaves nothing on its way at the end, also not what nobody waits for any more', async () => {
    const reader = feedReader({ rows: rowsFrom(1, 5_000) })
    const reading = newReading()
    readAhead(reader.run, await read(reader, at(20), 200, reading), 200, reading, 2)
    // The batch was cut: it is read anew from the middle.
    await read(reader, at(120), 200, reading)
    await endReading(reading)
    expect(reading.onTheirWay.size).toBe(0)
  })

  it('remembers how far a gap was walked, though the run has found rows before it', async () => {
    const reader = feedReader({
      rows: [...rowsFrom(1, 400), ...rowsFrom(90_000, 90_010)],
      trouble: http404,
      latencyMs: 25,
      budgetMs: 1_500,
    })
    const reading = newReading()
    let checkpoint = at(0)
    for (let batches = 0; batches < 4; batches++) {
      const batch = await read(reader, checkpoint, 100, reading)
      readAhead(reader.run, batch, 100, reading, 2)
      checkpoint = at(batch.rows.at(-1)?.sequence ?? 0)
    }
    const { rows, walked } = await read(reader, checkpoint, 100, reading)
    expect([checkpoint.syncedSequence, rows]).toEqual([400, []])
    expect(walked?.to).toBeGreaterThan(1_000)
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
    readAhead(reader.run, batch, 200, reading, 2)
    await Promise.all(reading.ahead)
    isDown = false
    expect(sequences((await read(reader, at(220), 200, reading)).rows)).toHaveLength(200)
  })

  it('is not read when this one reached the head', async () => {
    const reader = feedReader({ rows })
    const { reading } = await aheadOf(reader, 1_000)
    expect(reading.ahead).toEqual([])
  })
})
