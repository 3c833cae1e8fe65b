import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import { makeErrorTables } from '../../lib/adapters/storage/error-tables'
import { makeFailureTables } from '../../lib/adapters/storage/failure-tables'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import type { RejectionCode } from '../../lib/domain/dicom/rejection-codes'
import { useAzurite } from '../support/world/azurite'
import { key } from './error-tables.contract'
import { startStorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()
const table = 'DicomFailToStoreExceptionTable'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

let places = 0
const place = () => {
  const { connectionString } = azurite()
  const account = makeStorageAccount({ connectionString })
  const prefix = `failures${++places}`
  const client = TableClient.fromConnectionString(connectionString, `${prefix}${table}`, {
    allowInsecureConnection: true,
  })
  return {
    client,
    errors: makeErrorTables(account, Date.now, prefix),
    failures: makeFailureTables(account, prefix),
  }
}
const mismatch = (sequence: number) => ({ sequence, key: key(sequence), error: { _tag: 'PatientMismatch' } as const })
const malformed = (sequence: number) => ({
  ...{ sequence, key: key(sequence) },
  error: { _tag: 'EntryMalformed', paths: ['action'] } as const,
})

const nothing = { rows: 0, more: false, codes: {} }

describe('failure tables', () => {
  it('are empty while there is no table', async () => {
    const { failures } = place()
    expect(await succeed(failures.list(table, {}, 10))).toEqual({ rows: [] })
    expect(await succeed(failures.get(table, '1'))).toEqual(O.none)
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 0, more: false, codes: {} },
      identity: nothing,
      withdrawn: nothing,
    })
  })

  it('keep the attempts that were counted, until the row is changed by somebody else', async () => {
    const { errors, failures } = place()
    const [row] = await succeed(errors.record([mismatch(7)]))
    if (row === undefined) throw new Error('one row was recorded')
    const count = async () => O.toUndefined(await succeed(failures.get(table, '7'.padStart(19, '0'))))?.count
    await succeed(failures.setAttempts(row, 4))
    expect(await count()).toBe(4)
    await succeed(failures.setAttempts(row, 9))
    expect(await count()).toBe(4)
  })

  it('count the rows that are there, and those about identity apart', async () => {
    const { errors, failures } = place()
    const mismatches = Array.from({ length: 1_001 }, (_, index) => mismatch(index + 1))
    await succeed(errors.record([...mismatches, malformed(2_000)]))
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 1_002, more: false, codes: { PatientMismatch: 1_001, EntryMalformed: 1 } },
      identity: { rows: 1_001, more: false, codes: { PatientMismatch: 1_001 } },
      withdrawn: nothing,
    })
  })

  it('count what the archive has withdrawn apart, by the code of the note, and as no failure', async () => {
    const { errors, failures } = place()
    const rejected = (sequence: number, code: RejectionCode) => ({
      ...{
        ...mismatch(sequence),
        error: {
          _tag: 'Rejected' as const,
          code,
          notes: [{ name: '1.2 1.2.9', code, isHiding: true }],
          isHidden: true,
        },
      },
    })
    await succeed(errors.record([mismatch(1), rejected(2, '113037'), rejected(3, '113037'), rejected(4, '113001')]))
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 1, more: false, codes: { PatientMismatch: 1 } },
      identity: { rows: 1, more: false, codes: { PatientMismatch: 1 } },
      withdrawn: { rows: 3, more: false, codes: { 113037: 2, 113001: 1 } },
    })
    const rows = await succeed(errors.failRows())
    expect(rows.find(({ sequence }) => sequence === 2)?.rejected).toEqual(rejected(2, '113037').error)
  })

  it('say "at least" where they stop counting, and miss none of those about identity behind it', async () => {
    const { errors, failures } = place()
    const others = Array.from({ length: 5_001 }, (_, index) => malformed(index + 1))
    await succeed(errors.record([...others, mismatch(9_000), mismatch(9_001)]))
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 5_000, more: true, codes: { EntryMalformed: 5_000, PatientMismatch: 2 } },
      identity: { rows: 2, more: false, codes: { PatientMismatch: 2 } },
      withdrawn: nothing,
    })
  })

  it('count codes that a prototype has members of', async () => {
    const { errors, failures, client } = place()
    await succeed(errors.record([mismatch(1)]))
    for (const [rowKey, Code] of Object.entries({ a: 'constructor', b: '__proto__', c: '__proto__', d: 'toString' })) {
      await client.createEntity({ partitionKey: table, rowKey, Code })
    }
    const { codes } = await succeed(failures.count(table))
    expect(Object.entries(codes).sort()).toEqual([
      ['PatientMismatch', 1],
      ['__proto__', 2],
      ['constructor', 1],
      ['toString', 1],
    ])
  })

  it.each([
    ['a page that is none', base64('null')],
    ['half a page', 'eyJu'],
    ['a page of another shape', base64('{"nextPartitionKey":{"a":1}}')],
  ])('say of %s that it was asked wrongly', async (_, from) => {
    const { errors, failures } = place()
    await succeed(errors.record([mismatch(1)]))
    expect(await fail(failures.list(table, {}, 10, from))).toEqual({ _tag: 'ArgumentRefused' })
  })

  it.each([400, 500, 403])('tell what was asked wrongly from what the service has: it answers %i', async (status) => {
    const proxy = await startStorageProxy(azurite().connectionString)
    try {
      proxy.breakWith(() => ({ status }))
      const failures = makeFailureTables(
        makeStorageAccount({ connectionString: proxy.connectionString }, 2_000),
        'asked',
      )
      const tags = { 400: 'ArgumentRefused', 500: 'ServiceUnavailable', 403: 'AccessDenied' }
      expect(await fail(failures.list(table, {}, 10))).toMatchObject({ _tag: tags[status as keyof typeof tags] })
      // What nobody has named cannot be wrong: then it is the service.
      expect((await fail(failures.count(table)))._tag).not.toBe('ArgumentRefused')
    } finally {
      await proxy.close()
    }
  })

  it('tell how often a row was tried, and when it was written, to whoever replays it', async () => {
    const { errors, failures } = place()
    const [row] = await succeed(errors.record([mismatch(7)]))
    if (row === undefined) throw new Error('one row was recorded')
    await succeed(failures.setAttempts(row, 4))
    const [known] = await succeed(errors.failRows())
    expect([known?.attempts, Math.abs(Date.now() - (known?.writtenAt ?? 0)) < 60_000]).toEqual([4, true])
  })

  it('lose the rows of positions where a cast stood still, once one has succeeded', async () => {
    const { errors, failures } = place()
    const stuck = 'TransientRetryExceptionTable'
    await succeed(failures.forgetStuck())
    for (const syncedSequence of [4, 9]) {
      await succeed(errors.recordStuck({ syncedSequence, hop: 'fhir', status: 403, reason: 'fhir: no' }))
    }
    await succeed(failures.forgetStuck())
    expect(await succeed(failures.list(stuck, {}, 10))).toEqual({ rows: [] })
  })

  it('show the rows of the original behind ours, page by page, and never what they say', async () => {
    const { client, errors, failures } = place()
    const type = 'InvalidDicomTagValueException'
    const guid = (number: number) => `3f2c9f0e-aaaa-4bbb-8ccc-00000000000${number}`
    const words = { Exception: `${type}: The PatientID 'SECRET^Ana' is not valid` }
    await client.createTable()
    for (const number of [1, 2]) {
      const uids = { StudyUid: `1.2.${number}`, SeriesUid: '1.3', InstanceUid: '1.4' }
      const row = { partitionKey: type, rowKey: guid(number), ...uids, ChangeFeedSequence: BigInt(number), ...words }
      await client.createEntity(row)
    }
    await succeed(errors.record([mismatch(7)]))
    const shown = (number: number) => ({
      ...{ table, row: guid(number), code: type, sequence: number, count: 1, partition: 'Microsoft.Default' },
      ...{ studyInstanceUid: `1.2.${number}`, seriesInstanceUid: '1.3', sopInstanceUid: '1.4' },
      ...{ reason: expect.stringContaining('not shown'), writtenAt: expect.any(String) },
    })
    const pages: Array<ReadonlyArray<unknown>> = []
    let next: string | undefined
    do {
      const page = await succeed(failures.list(table, {}, 1, next))
      pages.push(page.rows)
      next = page.next
    } while (next !== undefined)
    expect(pages).toEqual([[expect.objectContaining({ sequence: 7 })], [shown(1)], [shown(2)]])
    const { rows, next: end } = await succeed(failures.list(table, {}, 10))
    expect([rows.length, end]).toEqual([3, undefined])
    expect((await succeed(failures.list(table, { study: '1.2.2' }, 10))).rows).toEqual([shown(2)])
    expect((await succeed(failures.list(table, { code: 'PatientMismatch' }, 10))).rows).toHaveLength(1)
    expect(await succeed(failures.get(table, guid(1)))).toEqual(O.some(shown(1)))
    expect(await succeed(failures.get(table, guid(3)))).toEqual(O.none)
    expect(await succeed(failures.count(table))).toMatchObject({ rows: 3, codes: { [type]: 2, PatientMismatch: 1 } })
  })
})
