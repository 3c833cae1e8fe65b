import { describe, expect, it } from '@jest/globals'
import { partitionWarnings } from '../../../../lib/app/operate/partition-warnings'
import { settingsOf } from '../../../support/world/domain-settings'

const { patient } = settingsOf()
const warned = (
  known: ReadonlyArray<string>,
  { partitions = [], ...own }: { partitions?: ReadonlyArray<string> } & Partial<typeof patient> = {},
) => partitionWarnings({ partitions: new Set(partitions), patient: { ...patient, ...own } }, known)

describe('settings and partitions', () => {
  it.each([
    ['one partition and nothing set', ['Microsoft.Default'], {}],
    ['a partition that is named in another case', ['Clinic'], { partitions: ['clinic'] }],
    ['two partitions of which one is synced', ['a', 'b'], { partitions: ['a'] }],
    ['two partitions with issuers', ['a', 'b'], { isIssuerIdUsed: true }],
    [
      'the default partition beside a map of the others',
      ['Microsoft.Default', 'b'],
      { partitionSystems: { b: 'urn:b' } },
    ],
    ['two partitions with a map of all', ['a', 'b'], { partitionSystems: { a: 'urn:a', '*': 'urn:rest' } }],
  ])('fit: %s', (_, known, own) => {
    expect(warned(known, own)).toEqual([])
  })

  it('do not when a partition is named that there is not', () => {
    expect(warned(['a'], { partitions: ['a', 'clinc'] })).toEqual([
      'DicomCast__Partitions names clinc, and the DICOM service has no such partition',
    ])
  })

  it('do not when the map leaves a synced partition out: told before its first image is refused', () => {
    expect(warned(['a', 'b'], { partitionSystems: { A: 'urn:a' } })).toEqual([
      expect.stringContaining('does not list b'),
    ])
  })

  it('do not when nothing tells the patients of two partitions apart', () => {
    expect(warned(['a', 'b'])).toEqual([expect.stringContaining('one PatientID is one person in all of them')])
  })
})
