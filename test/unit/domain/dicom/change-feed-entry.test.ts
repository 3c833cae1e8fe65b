import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import {
  type Action,
  type ChangeFeedEntry,
  type State,
  decodeEntry,
  instanceKeyText,
  isLive,
  studyKeyText,
} from '../../../../lib/domain/dicom/change-feed-entry'
import { projectDataset } from '../../../../lib/domain/dicom/dataset'

const decode = decodeEntry(projectDataset(new Set(['00100020'])))

const wire: Readonly<Record<string, unknown>> = {
  sequence: 7,
  partitionName: 'research',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.4',
  sopInstanceUid: '1.2.3.4.5',
  action: 'Create',
  timestamp: '2026-11-23T20:01:39.5941234+00:00',
  state: 'Current',
  filePath: 'ignored',
  metadata: { '00100020': { vr: 'LO', Value: ['P1'] }, '00100010': { vr: 'PN' } },
}

const key = {
  partition: 'research',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.4',
  sopInstanceUid: '1.2.3.4.5',
}

const decoded: ChangeFeedEntry = {
  sequence: 7,
  ...key,
  action: 'create',
  state: 'current',
  timestamp: '2026-11-23T20:01:39.5941234+00:00',
  metadata: new Map([['00100020', ['P1']]]),
}

describe('decodeEntry', () => {
  it('reads what the server sends: camelCase keys, capitalised actions', () => {
    expect(decode(wire)).toEqual(E.right(decoded))
  })

  it('reads what the documentation prints: PascalCase keys, lower-case actions', () => {
    const documented = {
      Sequence: 7,
      PartitionName: 'research',
      StudyInstanceUid: '1.2.3',
      SeriesInstanceUid: '1.2.3.4',
      SopInstanceUid: '1.2.3.4.5',
      Action: 'create',
      Timestamp: '2026-11-23T20:01:39.5941234+00:00',
      State: 'current',
      Metadata: wire['metadata'],
    }
    expect(decode(documented)).toEqual(E.right(decoded))
  })

  it.each([
    ['Create', 'create'],
    ['UPDATE', 'update'],
    ['delete', 'delete'],
  ])('reads the action %s', (action, expected) => {
    expect(decode({ ...wire, action })).toEqual(E.right({ ...decoded, action: expected }))
  })

  it.each([
    ['Current', 'current'],
    ['replaced', 'replaced'],
    ['DELETED', 'deleted'],
  ])('reads the state %s', (state, expected) => {
    expect(decode({ ...wire, state })).toEqual(E.right({ ...decoded, state: expected }))
  })

  it.each([undefined, null, ''])('takes the partition %j of an old server for the default one', (partitionName) => {
    expect(decode({ ...wire, partitionName })).toEqual(E.right({ ...decoded, partition: 'Microsoft.Default' }))
  })

  it('takes a text for the sequence', () => {
    expect(decode({ ...wire, sequence: '7' })).toEqual(E.right(decoded))
  })

  it('takes padding away from UIDs', () => {
    expect(decode({ ...wire, sopInstanceUid: '1.2.3.4.5\0' })).toEqual(E.right(decoded))
  })

  // Old services, proxies and other implementations write them so; an image is not kept out for it.
  it.each([
    ...[undefined, null, '', '2026-13-45T99:99:99Z', 'Z', '0-', '9'.repeat(40), '2026-01-01 10:00:00', 12345, {}],
    ...['/Date(1764057600000)/', '<script>', '2026-01-01T10:00:00', '2026-01-01T10:00:00Z and more'],
  ])('reads an entry whose timestamp is %j: it is unknown', (timestamp) => {
    expect(decode({ ...wire, timestamp })).toEqual(E.right({ ...decoded, timestamp: '' }))
  })

  it.each([undefined, null, 'x', []])('has no metadata when they are %j', (metadata) => {
    expect(decode({ ...wire, metadata })).toEqual(E.right({ ...decoded, metadata: undefined }))
  })

  it.each([
    ['action', 'Purge'],
    ['action', null],
    ['state', 'Archived'],
    ['state', 1],
    ['studyInstanceUid', null],
    ['studyInstanceUid', '1.2.x'],
    ['seriesInstanceUid', 12],
    ['sopInstanceUid', `1.${'2'.repeat(70)}`],
    ['partitionName', '../../admin'],
    ['partitionName', 7],
    ['sequence', 0],
    ['sequence', -1],
    ['sequence', 1.5],
    ['sequence', Number.NaN],
    ['sequence', '-Infinity'],
    ['sequence', 2 ** 53],
    ['sequence', '12345678901234567'],
    ['sequence', {}],
  ])('names %s when it is %j', (name, value) => {
    const result = decode({ ...wire, [name]: value })
    expect(E.isLeft(result) && result.left.paths).toEqual([name.toLowerCase()])
  })

  it('names all that is wrong, never a value, and keeps what could be read', () => {
    const hostile = 'Rivera^Ana'
    const result = decode({ ...wire, sequence: hostile, action: hostile, sopInstanceUid: hostile })
    expect(result).toEqual(
      E.left({
        sequence: undefined,
        key: { partition: 'research', studyInstanceUid: '1.2.3', seriesInstanceUid: '1.2.3.4' },
        paths: ['sequence', 'sopinstanceuid', 'action'],
      }),
    )
    expect(JSON.stringify(result)).not.toContain(hostile)
  })

  it.each([undefined, null, 7, 'x', true, [], [wire]])('takes %j for no entry', (element) => {
    expect(decode(element)).toEqual(
      E.left({ sequence: undefined, key: { partition: 'Microsoft.Default' }, paths: ['not an object'] }),
    )
  })

  it('is not taken in by keys of the prototype', () => {
    const result = decode(JSON.parse('{"__proto__":{"sequence":1},"constructor":1}'))
    expect(E.isLeft(result) && result.left.sequence).toBeUndefined()
  })
})

describe('isLive', () => {
  const rows: ReadonlyArray<readonly [Action, State, boolean]> = [
    ['create', 'current', true],
    ['create', 'replaced', false],
    ['create', 'deleted', false],
    ['update', 'current', true],
    ['update', 'replaced', false],
    ['update', 'deleted', false],
    ['delete', 'deleted', true],
    ['delete', 'replaced', false],
    ['delete', 'current', false],
  ]
  it.each(rows)('%s/%s → %s, whatever metadata it shows', (action, state, live) => {
    expect(isLive({ ...decoded, action, state })).toBe(live)
    expect(isLive({ ...decoded, action, state, metadata: undefined })).toBe(live)
  })
})

describe('keys', () => {
  it('tells instances apart by partition, study, series and instance', () => {
    expect(instanceKeyText(key)).toBe('research/1.2.3/1.2.3.4/1.2.3.4.5')
    expect(studyKeyText(key)).toBe('research/1.2.3')
  })
})
