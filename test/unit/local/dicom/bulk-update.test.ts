import { describe, expect, it } from '@jest/globals'
import { createBulkUpdates } from '../../../../local/dicom/bulk-update'
import { createControl } from '../../../../local/dicom/control'
import { createFeed, defaultPartition, metadataOf, stateOf } from '../../../../local/dicom/feed'
import { sampleChange } from '../../../support/world/dicom-dataset'

const now = () => new Date('2026-11-23T20:01:39Z')

const rename = (...studyInstanceUids: ReadonlyArray<string>): string =>
  JSON.stringify({ studyInstanceUids, changeDataset: { '00100020': { vr: 'LO', Value: ['P2'] } } })

const withStudies = () => {
  const feed = createFeed(now)
  const control = createControl(feed)
  control.append(
    sampleChange('create', { study: '1.1', sop: '1.1.1' }),
    sampleChange('create', { study: '1.1', sop: '1.1.2' }),
    sampleChange('create', { study: '1.2', sop: '1.2.1' }),
    sampleChange('create', { study: '1.1', sop: '1.1.1' }, { partitionName: 'research' }),
  )
  return { feed, control, updates: createBulkUpdates(feed, now) }
}

describe('$bulkUpdate', () => {
  it('writes one Update row for each live instance, in one statement, and changes no other partition', () => {
    const { feed, control, updates } = withStudies()
    control.append(sampleChange('delete', { study: '1.1', sop: '1.1.2' }))
    updates.start(defaultPartition, rename('1.1', '1.2'), '')
    const rows = feed.range(5, 10)
    expect(rows.map((row) => [row.action, stateOf(row), row.instance.sopInstanceUid])).toEqual([
      ['Update', 'Current', '1.1.1'],
      ['Update', 'Current', '1.2.1'],
    ])
    expect(new Set(rows.map(({ timestamp }) => timestamp)).size).toBe(1)
    expect(feed.range(3, 1).map(metadataOf)).toEqual([expect.stringContaining('P1')])
  })

  it('changes the named elements and leaves the others', () => {
    const { feed, updates } = withStudies()
    updates.start(defaultPartition, rename('1.2'), '')
    const [row] = feed.range(4, 1)
    expect(JSON.parse((row && metadataOf(row)) ?? '')).toMatchObject({
      '00100020': { vr: 'LO', Value: ['P2'] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Rivera^Ana' }] },
    })
  })

  it('answers with an operation whose status says what was done', () => {
    const { updates } = withStudies()
    const accepted = updates.start(defaultPartition, rename('1.1', '9.9'), 'http://host/v2/operations')
    const { id, href } = JSON.parse(accepted.body ?? '') as { id: string; href: string }
    expect([accepted.status, href]).toEqual([202, `http://host/v2/operations/${id}`])
    expect(JSON.parse(updates.status(id).body ?? '')).toMatchObject({
      operationId: id,
      status: 'succeeded',
      results: { studyUpdated: 1, studyFailed: 1, instanceUpdated: 2 },
    })
  })

  it.each([
    ['no JSON', '{'],
    ['no studies', rename()],
    ['more than 50 studies', rename(...Array.from({ length: 51 }, (_, index) => `1.${index}`))],
    ['no changes', JSON.stringify({ studyInstanceUids: ['1.1'], changeDataset: {} })],
    ['a UID to change', JSON.stringify({ studyInstanceUids: ['1.1'], changeDataset: { '0020000d': { vr: 'UI' } } })],
  ])('refuses a request with %s', (_, body) => {
    const { updates } = withStudies()
    expect(() => updates.start(defaultPartition, body, '')).toThrow()
  })
})
