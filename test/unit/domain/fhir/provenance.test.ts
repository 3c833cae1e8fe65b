import { describe, expect, it } from '@jest/globals'
import {
  carriesOurMark,
  dicomRoot,
  firstRoot,
  partitionOf,
  rootsOf,
  isSourceOf,
  ourMeta,
  ourTag,
  sourceOf,
  unversioned,
  wadoAddress,
} from '../../../../lib/domain/fhir/provenance'

describe('the public root of the DICOM service', () => {
  it.each([
    ['https://DICOM.example.org', 'v2', 'https://dicom.example.org', 'https://dicom.example.org/v2'],
    ['https://dicom.example.org/', 'v2', 'https://dicom.example.org', 'https://dicom.example.org/v2'],
    ['https://dicom.example.org/v1/', 'v2', 'https://dicom.example.org', 'https://dicom.example.org/v1'],
    ['https://pacs.example/dicom-web', '', 'https://pacs.example/dicom-web', 'https://pacs.example/dicom-web'],
    ['http://localhost:8080/api/v2', '', 'http://localhost:8080/api', 'http://localhost:8080/api/v2'],
  ])('of %s with version %j', (endpoint, version, root, address) => {
    const dicom = dicomRoot(endpoint, version)
    expect([dicom.root, wadoAddress(dicom, 'Microsoft.Default')]).toEqual([root, address])
  })

  it('has the named partition in address and source', () => {
    const dicom = dicomRoot('https://dicom.example.org', 'v2')
    expect([wadoAddress(dicom, 'research'), sourceOf(dicom, 'research'), sourceOf(dicom, 'Microsoft.Default')]).toEqual(
      [
        'https://dicom.example.org/v2/partitions/research',
        'https://dicom.example.org/partitions/research',
        'https://dicom.example.org',
      ],
    )
  })

  it.each([
    ['https://dicom.example.org/v2/', 'https://dicom.example.org'],
    ['https://dicom.example.org/v1/partitions/research', 'https://dicom.example.org/partitions/research'],
    ['https://dicom.example.org#Xy12', 'https://dicom.example.org'],
    ['https://dicom.example.org/v2x', 'https://dicom.example.org/v2x'],
  ])('is known in any version: %s', (address, plain) => {
    expect(unversioned(address)).toBe(plain)
  })
})

describe('our mark', () => {
  const dicom = dicomRoot('https://dicom.example.org', 'v2')
  const source = 'https://dicom.example.org'

  it.each([
    ['source and tag', ourMeta(source), true],
    ['another partition of the service', ourMeta(`${source}/partitions/research`), true],
    ['with the request that HAPI appends', ourMeta(`${source}#Xy12`), true],
    ['the source alone: the original', { source }, false],
    ['the tag alone', { tag: [ourTag] }, false],
    ['the tag of another service', ourMeta('https://dicom.example.org.evil.example'), false],
    ['nothing', undefined, false],
  ])('is %s: %#', (_what, meta, carried) => {
    expect(carriesOurMark(meta, dicom)).toBe(carried)
  })

  it('of a study is its source alone, for its own partition', () => {
    expect([
      isSourceOf({ source: `${source}/` }, dicom, 'Microsoft.Default'),
      isSourceOf({ source: `${source}/v1#x` }, dicom, 'Microsoft.Default'),
      isSourceOf({ source: `${source}/partitions/research` }, dicom, 'Microsoft.Default'),
      isSourceOf({}, dicom, 'Microsoft.Default'),
      isSourceOf(undefined, dicom, 'Microsoft.Default'),
    ]).toEqual([true, true, false, false, false])
  })

  it('is that of any name that the service had', () => {
    const renamed = { ...dicom, root: 'https://new.example', formerRoots: [source] }
    const before = ourMeta(`${source}/partitions/research`)
    const after = ourMeta('https://new.example/partitions/research')
    expect([before, after].map((meta) => carriesOurMark(meta, renamed))).toEqual([true, true])
    expect([before, after].map((meta) => isSourceOf(meta, renamed, 'research'))).toEqual([true, true])
    expect([before, after].map((meta) => partitionOf(renamed, meta))).toEqual(['research', 'research'])
    expect(isSourceOf(before, renamed, 'Microsoft.Default')).toBe(false)
    expect([firstRoot(renamed), rootsOf(renamed)]).toEqual([source, [source, 'https://new.example']])
  })
})
