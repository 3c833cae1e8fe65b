import { describe, expect, it } from '@jest/globals'
import type { Run } from '../../../../lib/app/context'
import type { FailRowKey } from '../../../../lib/app/ports'
import { type News, newsOf, noNews, rowsToLookAt } from '../../../../lib/app/run/second-look'
import type { EntryError } from '../../../../lib/domain/cast-error'
import type { Judgement } from '../../../../lib/domain/batch/judge'
import { failRowName, identityDigest } from '../../../../lib/domain/fail-row'

const dayMs = 24 * 60 * 60_000
const now = 100 * dayMs
const root = 'https://dicom.example.org'
const run = { ports: { clock: { now: () => now } }, settings: { dicom: { root } } } as unknown as Run
const anna = { system: 'urn:x', value: 'P1', assigner: undefined }
const annaDigest = identityDigest(root, anna)

const row = (sequence: number, changes: Partial<FailRowKey> = {}): FailRowKey => ({
  ...{ table: 'FhirFailToStoreExceptionTable', sequence, code: 'DemographicsConflict', etag: 'e' },
  ...{ partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: `1.4.${sequence}` },
  ...{ identity: annaDigest, judgedAt: now - 60_000 },
  ...changes,
})
const indexOf = (...rows: ReadonlyArray<FailRowKey>) => ({
  rows: new Map(rows.map((each) => [failRowName(each), each])),
})
const looksAt = (rows: ReadonlyArray<FailRowKey>, news: Partial<News> = {}): ReadonlyArray<number> =>
  rowsToLookAt(run, indexOf(...rows), { ...noNews, ...news }).map(({ sequence }) => sequence)

describe('a second look', () => {
  it('is for rows whose Patient a later entry names', () => {
    const rows = [row(5), row(6, { identity: 'abcdef' }), row(9)]
    expect(looksAt(rows, { named: new Map([[annaDigest, 8]]) })).toEqual([5])
  })

  it('is for rows that were judged a day ago, or by a version that did not say when', () => {
    const { judgedAt: _judgedAt, identity: _identity, ...older } = row(7)
    expect([...looksAt([row(5, { judgedAt: now - dayMs }), row(6), older])].sort()).toEqual([5, 7])
  })

  it('is not for what says nothing about a Patient', () => {
    const old = { judgedAt: 0 }
    const rows = ['FhirRejected', 'TagsRejected', 'IssuerUnknown', 'OutlastedRetries'].map((code, index) =>
      row(index + 1, { ...old, code }),
    )
    expect(looksAt(rows)).toEqual([])
    const codes = ['DemographicsConflict', 'PatientAmbiguous', 'PatientInactive', 'PatientMismatch']
    expect(looksAt(codes.map((code, index) => row(index + 1, { ...old, code })))).toHaveLength(4)
  })

  it('is for what named another Patient than its study, when an instance of that study was deleted', () => {
    const mismatch = { code: 'PatientMismatch', judgedAt: now }
    const rows = [row(5, mismatch), row(6, { ...mismatch, studyInstanceUid: '1.9' }), row(7)]
    expect(looksAt(rows, { deletedFrom: new Set(['p/1.2']) })).toEqual([5])
    const judged = [{ _tag: 'Live', row: { _tag: 'Delete', sequence: 8, key: rows[0] } } as unknown as Judgement]
    const settled = [{ sequence: 8, key: {}, issues: [], error: undefined, settlement: 'Stored' as const }]
    expect(newsOf(run, judged, settled)).toEqual({ ...noNews, deletedFrom: new Set(['p/1.2']) })
  })

  it('is for it also when that instance was taken out, because it is not known whose it is', () => {
    const judged = [{ _tag: 'Live', row: { _tag: 'Upsert', sequence: 8, key: row(5) } } as unknown as Judgement]
    const newsWith = (error: EntryError): News =>
      newsOf(run, judged, [{ sequence: 8, key: {}, issues: [], error, settlement: 'Recorded' }])
    const out = { ...noNews, deletedFrom: new Set(['p/1.2']) }
    expect(newsWith({ _tag: 'DemographicsConflict', patientId: '1' })).toEqual(out)
    expect(newsWith({ _tag: 'PatientMismatch' })).toEqual(noNews)
    expect(newsWith({ _tag: 'FhirRejected', status: 400, issues: [] })).toEqual(noNews)
  })

  it('takes twenty at the most, those that are named first', () => {
    const old = Array.from({ length: 30 }, (_, index) => row(index + 10, { judgedAt: index, identity: '' }))
    const looked = looksAt([...old, row(3)], { named: new Map([[annaDigest, 8]]) })
    expect(looked).toHaveLength(20)
    expect(looked[0]).toBe(3)
  })

  it('comes to every row within hours, also where some can never be read', () => {
    const old = Array.from({ length: 50 }, (_, index) => row(index + 10, { judgedAt: index }))
    const seen = new Set<number>()
    for (let hour = 0; hour < 10; hour++) {
      const clock = { now: () => now + hour * 60 * 60_000 }
      const later = { ...run, ports: { clock } } as unknown as Run
      for (const each of rowsToLookAt(later, indexOf(...old), noNews)) seen.add(each.sequence)
    }
    expect(seen.size).toBe(50)
  })

  it('knows whom a batch names by the entries that were taken, and by no others', () => {
    const judged = [1, 2, 3].map(
      (sequence) => ({ _tag: 'Live', row: { _tag: 'Upsert', sequence, identity: anna } }) as unknown as Judgement,
    )
    const settled = (['Stored', 'Unchanged', 'Recorded'] as const).map((settlement, index) => ({
      ...{ sequence: index + 1, key: {}, issues: [], error: undefined, settlement },
    }))
    expect([...newsOf(run, judged, settled).named]).toEqual([[annaDigest, 2]])
    expect(newsOf(run, judged, settled.slice(2))).toEqual(noNews)
  })
})
