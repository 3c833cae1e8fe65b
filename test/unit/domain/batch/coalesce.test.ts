import { describe, expect, it } from '@jest/globals'
import { coalesce } from '../../../../lib/domain/batch/coalesce'
import { type EntryOptions, rowOf } from '../../../support/world/domain-feed'
import { settingsOf } from '../../../support/world/domain-settings'

const settings = settingsOf()
const row = (sequence: number, sop: number, rest: EntryOptions = {}) =>
  rowOf(settings, { sequence, values: { SOPInstanceUID: `1.2.3.1.${sop}`, ...rest.values }, ...rest })
const gone = (sequence: number, sop: number) =>
  rowOf(settings, { sequence, action: 'delete', values: { SOPInstanceUID: `1.2.3.1.${sop}` } })

const sequences = (rows: Parameters<typeof coalesce>[0]) => {
  const { live, superseded } = coalesce(rows)
  return { live: live.map(({ sequence }) => sequence), superseded: superseded.map(({ sequence }) => sequence) }
}

describe('coalesce', () => {
  it('keeps the last row of each instance, in sequence order', () => {
    expect(sequences([row(5, 1), row(3, 2), row(4, 1), row(9, 3)])).toEqual({ live: [3, 5, 9], superseded: [4] })
  })

  it('keeps a late row in its place', () => {
    expect(sequences([row(7, 1), row(2, 2)])).toEqual({ live: [2, 7], superseded: [] })
  })

  it('tells instances of two partitions and of two series apart', () => {
    const rows = [
      row(1, 1),
      rowOf(settings, { sequence: 2, partition: 'research' }),
      rowOf(settings, { sequence: 3, values: { SeriesInstanceUID: '1.2.3.2' } }),
    ]
    expect(sequences(rows)).toEqual({ live: [1, 2, 3], superseded: [] })
  })

  it('supersedes a Create row by a Delete row, and a Delete row by a Create row', () => {
    expect(sequences([row(1, 1), gone(2, 1)])).toEqual({ live: [2], superseded: [1] })
    expect(sequences([gone(1, 1), row(2, 1)])).toEqual({ live: [2], superseded: [1] })
  })

  it('keeps every Delete row of an instance that is gone: the first may have been the end of its study', () => {
    expect(sequences([gone(1, 1), row(2, 1), gone(3, 1)])).toEqual({ live: [1, 3], superseded: [2] })
  })

  it('keeps nothing of nothing', () => {
    expect(sequences([])).toEqual({ live: [], superseded: [] })
  })
})
