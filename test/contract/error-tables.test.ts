import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { makeErrorTables } from '../../lib/adapters/storage/error-tables'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { failTables } from '../../lib/domain/cast-error'
import { useAzurite } from '../support/world/azurite'
import { errorTablesContract, key, rowsOf, type SeenStuck, type SeenTag } from './error-tables.contract'
import { startStorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()

let places = 0
const place = async () => {
  const { connectionString } = azurite()
  const prefix = `place${++places}`
  let now = 0
  const table = (name: string) =>
    TableClient.fromConnectionString(connectionString, `${prefix}${name}`, { allowInsecureConnection: true })
  const rows = async (name: string) => {
    const found: Array<Record<string, unknown>> = []
    for await (const row of table(name).listEntities<Record<string, unknown>>()) found.push(row)
    return found
  }
  return {
    prefix,
    table,
    rows,
    open: () => makeErrorTables(makeStorageAccount({ connectionString }), () => now, prefix),
    setNow: (ms: number) => {
      now = ms
    },
    tags: async (): Promise<ReadonlyArray<SeenTag>> =>
      (await rows('InvalidDicomTagExceptionTable')).map((row) => ({
        study: row['StudyUid'] as string,
        series: row['SeriesUid'] as string | undefined,
        code: row['Code'] as string,
        text: row['Exception'] as string,
        first: Number(row['ChangeFeedSequence']),
        last: Number(row['LastSequence']),
        count: row['Count'] as number,
      })),
    stuck: async (): Promise<ReadonlyArray<SeenStuck>> =>
      (await rows('TransientRetryExceptionTable')).map((row) => ({
        sequence: Number(row['ChangeFeedSequence']),
        attempts: row['RetryNumber'] as number,
        firstSeen: (row['FirstSeen'] as Date).getTime(),
        lastSeen: (row['LastSeen'] as Date).getTime(),
        text: row['Exception'] as string,
      })),
  }
}

errorTablesContract('Azure Tables', place)

describe('error tables', () => {
  it('writes the columns of the original, and ours', async () => {
    const { open, rows } = await place()
    await succeed(open().record([{ sequence: 42, key: key(1), error: { _tag: 'PatientMismatch' } }]))
    expect(await rows('DicomFailToStoreExceptionTable')).toEqual([
      {
        etag: expect.any(String),
        timestamp: expect.any(String),
        partitionKey: 'DicomFailToStoreExceptionTable',
        rowKey: '0000000000000000042',
        PartitionName: 'Microsoft.Default',
        StudyUid: '1.2.3',
        SeriesUid: '1.2.3.4',
        InstanceUid: '1.2.3.4.1',
        ChangeFeedSequence: 42n,
        Code: 'PatientMismatch',
        Count: 1,
        Exception: expect.stringContaining('PatientID'),
        JudgedAt: new Date(0),
      },
    ])
  })

  it('reads the rows of the version before, which do not tell when they were judged', async () => {
    const { open, table } = await place()
    const name = 'DicomFailToStoreExceptionTable'
    await table(name).createTable()
    const uids = {
      PartitionName: 'Microsoft.Default',
      StudyUid: '1.2.3',
      SeriesUid: '1.2.3.4',
      InstanceUid: '1.2.3.4.1',
    }
    const rowKey = '0000000000000000042'
    await table(name).createEntity({ partitionKey: name, rowKey, ...uids, Code: 'PatientMismatch', Count: 1 })
    expect(await rowsOf(open())).toEqual([
      { table: name, sequence: 42, code: 'PatientMismatch', etag: expect.any(String), ...key(1) },
    ])
  })

  it('gives rows of tags a key that can be read', async () => {
    const { open, rows } = await place()
    await succeed(
      open().recordTags([
        {
          ...key(1),
          seriesInstanceUid: undefined,
          issue: { _tag: 'TagMissing', keyword: 'PatientBirthDate' },
          firstSequence: 1,
          lastSequence: 1,
          count: 1,
        },
      ]),
    )
    expect((await rows('InvalidDicomTagExceptionTable')).map((row) => row['rowKey'])).toEqual([
      '1.2.3:-:PatientBirthDate:Microsoft.Default',
    ])
  })

  it('lists the rows of the original by type, UIDs and sequence, without their words, and removes them alone', async () => {
    const { open, rows, table } = await place()
    const original = { StudyUid: '1.2', SeriesUid: '1.3', InstanceUid: '1.4', ChangeFeedSequence: 5n, Exception: 'Oh' }
    const [partitionKey, rowKey] = ['MissingRequiredDicomTagException', '3f2c9f0e-aaaa-4bbb-8ccc-0123456789ab']
    for (const name of failTables) {
      const client = table(name)
      await client.createTable()
      await client.createEntity({ partitionKey, rowKey, ...original })
      // Somebody else's.
      await client.createEntity({ partitionKey: name, rowKey, ...original })
      await client.createEntity({ partitionKey: name, rowKey: '42', ...original })
      await client.createEntity({ partitionKey: 'Rivera^Ana', rowKey, ...original })
      await client.createEntity({ partitionKey, rowKey: 'Rivera^Ana', ...original })
    }
    const recorded = await succeed(
      open().record([{ sequence: 5, key: key(1), error: { _tag: 'FhirRejected', status: 400, issues: [] } }]),
    )
    const listed = await rowsOf(open())
    const originals = listed.filter((row) => row.original !== undefined)
    expect(listed.filter((row) => row.original === undefined)).toEqual(recorded)
    expect(originals).toEqual(
      failTables.map((name) => ({
        ...{ table: name, sequence: 5, code: partitionKey, original: { type: partitionKey, row: rowKey } },
        ...{ partition: 'Microsoft.Default', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: '1.4' },
        etag: expect.any(String),
      })),
    )
    await succeed(open().remove([...recorded, ...originals]))
    const kept = await Promise.all(failTables.map(rows))
    expect(kept.flat()).toEqual(Array.from({ length: 12 }, () => expect.objectContaining(original)))
    expect(await rowsOf(open())).toEqual([])
  })

  it('lists more rows than a page holds', async () => {
    const { open, table } = await place()
    const client = table('FhirFailToStoreExceptionTable')
    await client.createTable()
    for (let start = 0; start < 1_100; start += 100) {
      const rowKeys = Array.from({ length: 100 }, (_, index) => String(start + index + 1).padStart(19, '0'))
      await client.submitTransaction(
        rowKeys.map((rowKey) => ['create', { partitionKey: 'FhirFailToStoreExceptionTable', rowKey }]),
      )
    }
    const listed = await rowsOf(open())
    expect(listed.map((row) => row.sequence)).toEqual(Array.from({ length: 1_100 }, (_, index) => index + 1))
  })

  it.each<[string, string, string]>([
    ['what looks like the end of a transaction', '--changeset_1--\r\nHTTP/1.1 400\r\n{"odata.error":{}}', ''],
    ['NUL and half a character', 'a\u0000b\ud800c', 'a\uFFFDb\uFFFDc'],
    ['quotes and keys', `'); drop /\\#?%00 "x`, ''],
    ['characters beyond the first plane', '\u{1F9EC}'.repeat(3_000), ''],
    ['100,000 characters', 'x'.repeat(100_000), 'xxx'],
  ])('stores a hostile text: %s', async (_, text, stored) => {
    const { open, rows } = await place()
    const record = (sequence: number) =>
      ({ sequence, key: key(1), error: { _tag: 'FhirRejected', status: 422, issues: [text] } }) as const
    const recorded = await succeed(open().record(Array.from({ length: 100 }, (_, index) => record(index + 1))))
    expect(recorded).toHaveLength(100)
    const exceptions = (await rows('FhirFailToStoreExceptionTable')).map((row) => row['Exception'] as string)
    expect(exceptions).toEqual(exceptions.map(() => expect.stringContaining(stored)))
    expect(exceptions.filter((exception) => exception.length > 4_000 || /[\p{Cs}\p{Cc}]/u.test(exception))).toEqual([])
  })

  it('starts to count anew where the counts were made unreadable', async () => {
    const { open, table, tags, stuck } = await place()
    const row = {
      ...key(1),
      seriesInstanceUid: undefined,
      issue: { _tag: 'TagMissing', keyword: 'PatientBirthDate' },
      firstSequence: 1,
      lastSequence: 3,
      count: 3,
    } as const
    const spoil = async (name: string, rowKey: string) =>
      table(name).updateEntity({ partitionKey: name, rowKey, Count: 'many', RetryNumber: 'often' }, 'Replace')
    await succeed(open().recordTags([row]))
    await succeed(open().recordStuck({ syncedSequence: 3, hop: 'fhir', status: 503, reason: 'busy' }))
    await spoil('InvalidDicomTagExceptionTable', '1.2.3:-:PatientBirthDate:Microsoft.Default')
    await spoil('TransientRetryExceptionTable', '0000000000000000003')
    await succeed(open().recordTags([row]))
    await succeed(open().recordStuck({ syncedSequence: 3, hop: 'fhir', status: 503, reason: 'busy' }))
    expect((await tags()).map(({ count }) => count)).toEqual([3])
    expect((await stuck()).map(({ attempts }) => attempts)).toEqual([1])
  })

  it('does not take a 404 that does not come from the table service for "no rows"', async () => {
    const { prefix, open } = await place()
    const recorded = await succeed(open().record([{ sequence: 1, key: key(1), error: { _tag: 'PatientMismatch' } }]))
    const proxy = await startStorageProxy(azurite().connectionString)
    try {
      proxy.breakWith(() => ({ status: 404, body: 'nothing here' }))
      const errors = makeErrorTables(makeStorageAccount(proxy), () => 0, prefix)
      expect(await fail(errors.failRows())).toMatchObject({ _tag: 'ServiceUnavailable', status: 404 })
      expect(await fail(errors.remove(recorded))).toMatchObject({ _tag: 'ServiceUnavailable', status: 404 })
    } finally {
      await proxy.close()
    }
    expect(await rowsOf(open())).toEqual(recorded)
  })
})
