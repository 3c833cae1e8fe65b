import { describe, expect, it } from '@jest/globals'
import { createControl } from '../../../../local/dicom/control'
import { createFeed, metadataOf, stateOf } from '../../../../local/dicom/feed'
import type { Row } from '../../../../local/dicom/feed'
import { sampleChange } from '../../../support/world/dicom-dataset'

const feedAt = (time = '2026-11-23T20:01:39.594Z') => {
  let now = new Date(time)
  const feed = createFeed(() => now)
  return { feed, ...createControl(feed), setTime: (next: string) => (now = new Date(next)) }
}

const patientName = (row: Row): string | undefined => {
  const metadata = metadataOf(row)
  if (metadata === undefined) return undefined
  const dataset = JSON.parse(metadata) as { '00100010': { Value: [{ Alphabetic: string }] } }
  return dataset['00100010'].Value[0].Alphabetic
}

/** What a reader who comes late sees of the history of one instance. */
const history = (...actions: ReadonlyArray<'create' | 'update' | 'delete'>): ReadonlyArray<string> => {
  const { feed, append } = feedAt()
  actions.forEach((action, index) => append(sampleChange(action, { patientName: `Name ${index + 1}` })))
  return feed.range(0, 100).map((row) => `${row.action}/${stateOf(row)} ${patientName(row) ?? '-'}`)
}

const sequences = (rows: ReadonlyArray<Row>): ReadonlyArray<number> => rows.map(({ sequence }) => sequence)

const creates = (count: number) =>
  Array.from({ length: count }, (_, index) => sampleChange('create', { sop: `1.2.3.1.${index + 1}` }))

describe('state and metadata are of now', () => {
  it('shows a created instance as current, with its metadata', () => {
    expect(history('create')).toEqual(['Create/Current Name 1'])
  })

  it('shows a deleted instance as deleted in all its rows, without metadata', () => {
    expect(history('create', 'delete')).toEqual(['Create/Deleted -', 'Delete/Deleted -'])
  })

  it('shows an instance stored again as replaced in its older rows, all with the newest metadata', () => {
    expect(history('create', 'delete', 'create')).toEqual([
      'Create/Replaced Name 3',
      'Delete/Replaced Name 3',
      'Create/Current Name 3',
    ])
  })

  it('shows the updated metadata with the create that was replaced', () => {
    expect(history('create', 'update')).toEqual(['Create/Replaced Name 2', 'Update/Current Name 2'])
  })

  it('shows all rows as deleted after create, update, delete', () => {
    expect(history('create', 'update', 'delete')).toEqual(['Create/Deleted -', 'Update/Deleted -', 'Delete/Deleted -'])
  })

  it('keeps instances apart that differ in their partition alone', () => {
    const { feed, append } = feedAt()
    append(sampleChange('create', {}, { partitionName: 'a' }))
    append(sampleChange('create', {}, { partitionName: 'b' }))
    append(sampleChange('delete', {}, { partitionName: 'a' }))
    expect(feed.range(0, 100).map((row) => `${row.instance.partitionName} ${stateOf(row)}`)).toEqual([
      'a Deleted',
      'b Current',
      'a Deleted',
    ])
  })
})

describe('version 1 ranges', () => {
  it('returns the rows after the offset, up to and with offset + limit', () => {
    const { feed, append } = feedAt()
    append(...creates(5))
    expect(sequences(feed.range(1, 3))).toEqual([2, 3, 4])
  })

  it('takes the limit as a width: a hole makes a page shorter, or empty before the end', () => {
    const { feed, append, skip } = feedAt()
    append(...creates(1))
    skip(10_000)
    append(...creates(1))
    expect([feed.range(0, 10), feed.range(1, 100), feed.range(9_995, 10)].map(sequences)).toEqual([[1], [], [10_002]])
    expect(feed.latestBySequence()?.sequence).toBe(10_002)
  })

  it('has no latest row while it is empty, also when identities were used up', () => {
    const { feed, skip } = feedAt()
    skip(3)
    expect(feed.latestBySequence()).toBeUndefined()
    expect(feed.latestByTime()).toBeUndefined()
  })
})

describe('version 2 windows', () => {
  it('takes in the start and leaves out the end', () => {
    const { feed, append, setTime } = feedAt('2026-01-01T00:00:01Z')
    append(...creates(1))
    setTime('2026-01-01T00:00:02Z')
    append(...creates(1))
    setTime('2026-01-01T00:00:03Z')
    append(...creates(1))
    const rows = feed.window('2026-01-01T00:00:01.0000000+00:00', '2026-01-01T00:00:03.0000000+00:00', 0, 100)
    expect(sequences(rows)).toEqual([1, 2])
  })

  it('skips rows of the window by offset and counts rows by limit, in the order of time and sequence', () => {
    const { feed, append } = feedAt()
    append(...creates(5))
    expect(sequences(feed.window('', '~', 1, 3))).toEqual([2, 3, 4])
  })

  it('orders by time first: a row of an old transaction comes before newer rows with lower sequences', () => {
    const { feed, append } = feedAt()
    append(sampleChange('create', { sop: '1.1' }))
    append(sampleChange('create', { sop: '1.2' }, { timestamp: '2020-01-01T00:00:00Z' }))
    expect(sequences(feed.window('', '~', 0, 10))).toEqual([2, 1])
    expect([feed.latestByTime()?.sequence, feed.latestBySequence()?.sequence]).toEqual([1, 2])
  })

  it('writes one statement with one timestamp of seven digits, and another one with another', () => {
    const { append } = feedAt()
    expect([...append(...creates(2)), ...append(...creates(1))].map(({ timestamp }) => timestamp)).toEqual([
      '2026-11-23T20:01:39.5940000+00:00',
      '2026-11-23T20:01:39.5940000+00:00',
      '2026-11-23T20:01:39.5940001+00:00',
    ])
  })
})

describe('late rows', () => {
  it('takes its sequence and time before the rows that are seen first, and appears between them', () => {
    const { feed, append, appendLate, showLate, setTime } = feedAt('2026-01-01T00:00:01Z')
    const { id, sequences: reserved } = appendLate(sampleChange('create', { sop: '1.1' }))
    setTime('2026-01-01T00:00:09Z')
    append(sampleChange('create', { sop: '1.2' }))
    expect([reserved, sequences(feed.range(0, 10))]).toEqual([[1], [2]])
    expect(showLate(id)).toBe(true)
    expect(sequences(feed.range(0, 10))).toEqual([1, 2])
    expect(feed.window('', '~', 0, 10).map(({ timestamp }) => timestamp)).toEqual([
      '2026-01-01T00:00:01.0000000+00:00',
      '2026-01-01T00:00:09.0000000+00:00',
    ])
  })

  it('is shown once', () => {
    const { appendLate, showLate } = feedAt()
    const { id } = appendLate(sampleChange())
    expect([showLate(id), showLate(id)]).toEqual([true, false])
  })
})

describe('a restored feed', () => {
  it('forgets what came after, uses its numbers again, and shows the metadata of that time', () => {
    const { feed, append, restore } = feedAt()
    append(sampleChange('create', { patientName: 'Old' }))
    append(sampleChange('update', { patientName: 'New' }))
    restore(1)
    expect(feed.range(0, 10).map((row) => [row.sequence, stateOf(row), patientName(row)])).toEqual([
      [1, 'Current', 'Old'],
    ])
    expect(sequences(append(sampleChange('create', { sop: '9.9' })))).toEqual([2])
    expect(feed.latestBySequence()?.instance.sopInstanceUid).toBe('9.9')
  })
})

describe('a large feed', () => {
  it('holds 200,000 rows and reads any range of them', () => {
    const { feed } = feedAt()
    const key = { partitionName: 'p', studyInstanceUid: '1', seriesInstanceUid: '1' }
    const changes = Array.from({ length: 200_000 }, (_, index) => ({
      ...key,
      studyInstanceUid: String(index % 300),
      sopInstanceUid: String(index),
      action: 'Create' as const,
      metadata: '{}',
    }))
    feed.append(changes)
    expect(sequences(feed.range(150_000, 2))).toEqual([150_001, 150_002])
    expect(sequences(feed.window('', '~', 150_000, 2))).toEqual([150_001, 150_002])
  })
})
