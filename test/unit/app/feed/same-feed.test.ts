import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { newReading, readFeed } from '../../../../lib/app/feed/read-feed'
import { type Checkpoint, newCheckpoint } from '../../../../lib/domain/checkpoint'
import { type FeedRow, feedReader, minutesAgo, rowsFrom, uidOf } from '../../../support/world/feed-reader'

const timestamp = new Date(minutesAgo(60)).toISOString()
const known = (sequence: number) => ({ sequence, sopInstanceUid: uidOf(sequence), timestamp })
const { sequence: syncedSequence, ...row } = known(20)
const checkpoint: Checkpoint = { ...newCheckpoint(syncedSequence), ...row, before: known(19) }

const feed = (...instead: ReadonlyArray<FeedRow>): ReadonlyArray<FeedRow> =>
  rowsFrom(1, 30).map((each) => instead.find(({ sequence }) => sequence === each.sequence) ?? each)

const unreadable = (sequence: number, element: unknown = null): FeedRow => ({
  ...{ sequence, timestamp: minutesAgo(60) },
  // An element that is null has no sequence: it is found where it stands.
  element: element ?? 'null',
})

const end = async (rows: ReadonlyArray<FeedRow>, from = checkpoint): Promise<string> => {
  const reader = feedReader({ rows })
  const batch = await readFeed(reader.run, from, 1_000, newReading())
  const said = reader.logged.length > 0 ? ', and said so' : ''
  return E.isLeft(batch) ? batch.left._tag : `${batch.right.rows.length} rows${said}`
}

describe('the row at the checkpoint', () => {
  it('is the same when instance and time are, however the time is written', async () => {
    expect(await end(feed())).toBe('10 rows')
    const elsewhere = { ...checkpoint, timestamp: timestamp.replace('Z', '+00:00') }
    expect(await end(feed(), elsewhere)).toBe('10 rows')
  })

  it('is another one when the same instance stands there with another time: the feed was restored, and filled again', async () => {
    expect(await end(feed({ sequence: 20, timestamp: minutesAgo(3) }))).toBe('FeedReset')
  })

  it('is the same where a time is not known: that of the version before, or of the row now', async () => {
    const { timestamp: _, ...without } = checkpoint
    expect(await end(feed({ sequence: 20, timestamp: minutesAgo(3) }), without)).toBe('10 rows')
    const untimed = { ...known(20), studyInstanceUid: '1.2.3', seriesInstanceUid: '1.2.3.4', timestamp: 'yesterday' }
    const element = { ...untimed, action: 'Create', state: 'Current', metadata: {} }
    expect(await end(feed({ ...unreadable(20), element }))).toBe('10 rows')
  })

  it('that became unreadable is no reset: the one before it decides', async () => {
    expect(await end(feed(unreadable(20)))).toBe('10 rows')
    expect(await end(feed(unreadable(20, { sequence: 20, action: 'Create' })))).toBe('10 rows')
    expect(await end(feed(unreadable(20), { sequence: 19, timestamp: minutesAgo(3) }))).toBe('FeedReset')
    expect(await end(rowsFrom(20, 30).map((each, index) => (index === 0 ? unreadable(20) : each)))).toBe('FeedReset')
  })

  it('is unknown when that cannot be read either: the run says so once, and goes on', async () => {
    expect(await end(feed(unreadable(19), unreadable(20)))).toBe('10 rows, and said so')
    const { before: _, ...alone } = checkpoint
    expect(await end(feed(unreadable(20)), alone)).toBe('10 rows, and said so')
  })

  it('that was malformed when it was passed is told by the one before it', async () => {
    const { sopInstanceUid: _, timestamp: __, ...malformed } = checkpoint
    expect(await end(feed(), malformed)).toBe('10 rows')
    expect(await end(feed({ sequence: 19, timestamp: minutesAgo(3) }), malformed)).toBe('FeedReset')
  })
})

describe('that a row cannot be compared', () => {
  it('is said once in a run, however often its page is read', async () => {
    const { before: _, ...alone } = checkpoint
    const reader = feedReader({ rows: feed(unreadable(20)) })
    const reading = newReading()
    for (let times = 0; times < 3; times++) await readFeed(reader.run, alone, 5, reading)
    expect(reader.logged).toHaveLength(1)
  })
})
