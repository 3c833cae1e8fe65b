import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { Run } from '../../../../lib/app/context'
import type { Ports, TagRowKey } from '../../../../lib/app/ports'
import type { SettledRow } from '../../../../lib/app/run/fail-index'
import { asOfNow, settleTags } from '../../../../lib/app/run/settle-tags'

const key = { partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: '1.4' }
const names = { system: undefined, value: 'P1', assigner: undefined }

/** Keywords of the rows that are left of these places, the fault of which was last seen in entry 10. */
const leftBy = async (settled: ReadonlyArray<SettledRow>): Promise<ReadonlyArray<string>> => {
  const { partition, studyInstanceUid } = key
  const place = { partition, studyInstanceUid, lastSequence: 10, etag: 'e' }
  const standing: ReadonlyArray<TagRowKey> = [
    { ...place, seriesInstanceUid: undefined, keyword: 'AccessionNumber' },
    { ...place, seriesInstanceUid: '1.3', keyword: 'SeriesNumber' },
    { ...place, seriesInstanceUid: '1.9', keyword: 'SeriesDate' },
  ]
  const removed = new Set<TagRowKey>()
  const errors: Pick<Ports['errors'], 'tagRows' | 'removeTags'> = {
    tagRows: () => () => Promise.resolve(E.right(standing)),
    removeTags: (rows) => () => {
      rows.forEach((row) => removed.add(row))
      return Promise.resolve(E.right(undefined))
    },
  }
  const run = {
    ports: { errors } as Ports,
    judge: { studyKeywords: new Set(['AccessionNumber']) } as unknown as Run['judge'],
    lease: { confirm: () => () => Promise.resolve(E.right(undefined)) } as unknown as Run['lease'],
  } as Run
  expect(await settleTags(run, { rows: new Map() }, settled)).toEqual(E.right(undefined))
  return standing.filter((row) => !removed.has(row)).map(({ keyword }) => keyword)
}

const corrected = (sequence: number, changes: Partial<SettledRow> = {}): SettledRow => ({
  ...{ sequence, key, issues: [], error: undefined, settlement: 'Stored', says: 'Corrected', names },
  ...changes,
})

describe('rows of tags', () => {
  it('go when a later correction of the study, or of the series, has not the fault', async () => {
    expect(await leftBy([corrected(11)])).toEqual(['SeriesDate'])
  })

  it('stay for a correction that is older than the fault, and comes late', async () => {
    expect(await leftBy([corrected(9)])).toEqual(['AccessionNumber', 'SeriesNumber', 'SeriesDate'])
  })

  it('stay where a row of the same batch has the fault', async () => {
    const issue = { _tag: 'TagInvalid', keyword: 'AccessionNumber', reason: 'no' } as const
    expect(await leftBy([corrected(11), { ...corrected(12), issues: [issue] }])).toEqual([
      'AccessionNumber',
      'SeriesDate',
    ])
  })

  it('go when the entry is read again and cast, and stay for one that was not read', async () => {
    const { says: _says, ...read } = corrected(10)
    const { names: _names, ...unread } = read
    expect(await leftBy(asOfNow([read]))).toEqual(['SeriesDate'])
    expect(await leftBy(asOfNow([unread]))).toEqual(['AccessionNumber', 'SeriesNumber', 'SeriesDate'])
  })
})
