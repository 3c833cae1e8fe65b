import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import { makeBlobLease } from '../../lib/adapters/storage/blob-lease'
import { makeCheckpointTable } from '../../lib/adapters/storage/checkpoint-table'
import { makeErrorTables } from '../../lib/adapters/storage/error-tables'
import { makeStorageAccount, type StorageSettings } from '../../lib/adapters/storage/storage-client'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import { useAzurite } from '../support/world/azurite'
import { onceFor, startStorageProxy, type Fault, type StorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()
const proxies: StorageProxy[] = []
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
})

const proxied = async (): Promise<StorageProxy> => {
  const proxy = await startStorageProxy(azurite().connectionString)
  proxies.push(proxy)
  return proxy
}

/** Every call of every adapter, on an account that misbehaves. */
const callEverything = async (settings: StorageSettings, prefix: string, timeoutMs = 30_000) => {
  const account = makeStorageAccount(settings, timeoutMs)
  const checkpoints = makeCheckpointTable(account, prefix)
  const errors = makeErrorTables(account, () => 0, prefix)
  const lease = makeBlobLease(account, { now: () => 0, monotonic: () => 0 }, prefix)
  const failRow = { sequence: 1, key: {}, error: { _tag: 'PatientMismatch' } } as const
  const tagRow = {
    partition: 'Microsoft.Default',
    studyInstanceUid: '1.2',
    seriesInstanceUid: undefined,
    sopInstanceUid: '1.2.3',
    issue: { _tag: 'TagMissing', keyword: 'PatientBirthDate' },
    firstSequence: 1,
    lastSequence: 1,
    count: 1,
  } as const
  return Promise.all([
    fail(checkpoints.read()),
    fail(checkpoints.write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(1))),
    fail(checkpoints.write({ checkpoint: newCheckpoint(0), etag: 'W/"old"' }, newCheckpoint(1))),
    fail(errors.failRows()),
    fail(errors.record([failRow])),
    fail(
      errors.remove([
        { table: 'DicomFailToStoreExceptionTable', sequence: 1, code: 'PatientMismatch', etag: 'W/"old"' },
      ]),
    ),
    fail(errors.recordTags([tagRow])),
    fail(errors.recordStuck({ syncedSequence: 1, hop: 'fhir', status: 503, reason: 'busy' })),
    fail(lease.acquire('run')),
  ])
}

const secret = /Eby8vdM02|AccountKey|devstoreaccount1|127\.0\.0\.1|SharedAccessSignature|sig=/

describe('storage account', () => {
  it('reports AccessDenied for a key that the account refuses', async () => {
    const connectionString = azurite().connectionString.replace('Eby8', 'Eby9')
    const errors = await callEverything({ connectionString }, 'denied')
    expect(errors).toEqual(
      errors.map(() => expect.objectContaining({ _tag: 'AccessDenied', hop: 'storage', status: 403 })),
    )
  })

  it.each<[string, Fault, object]>([
    ['an answer of its own', { status: 400, code: 'OutOfRangeInput', body: 'AccountKey=Eby8vdM02' }, { status: 400 }],
    ['a page of a proxy that says 404', { status: 404, body: '<p>no such page</p>' }, {}],
    ['no answer', 'hang', { answerLost: true }],
  ])('reports ServiceUnavailable for %s, and never repeats what it said', async (_, fault, expected) => {
    const proxy = await proxied()
    proxy.breakWith(() => fault)
    const timeoutMs = fault === 'hang' ? 300 : undefined
    const errors = await callEverything({ connectionString: proxy.connectionString }, 'broken', timeoutMs)
    const [read] = errors
    expect(read).toMatchObject({ _tag: 'ServiceUnavailable', hop: 'storage', ...expected })
    expect(JSON.stringify(errors)).not.toMatch(secret)
  })

  it('reports an account that cannot be reached as not sent', async () => {
    const proxy = await proxied()
    await proxy.close()
    const { read } = makeCheckpointTable(makeStorageAccount(proxy))
    expect(await fail(read())).toEqual({
      _tag: 'ServiceUnavailable',
      hop: 'storage',
      reason: 'no connection to the storage account (ECONNREFUSED)',
    })
  })

  it.each<[string, StorageSettings]>([
    ['a connection string that cannot be read', { connectionString: 'AccountKey=Eby8vdM02;nonsense' }],
    ['a broken SAS', { connectionString: 'TableEndpoint=nonsense;BlobEndpoint=nonsense;SharedAccessSignature=sig=x' }],
    ['no account at all', {}],
  ])('fails without a word of the settings: %s', async (_, settings) => {
    const errors = await callEverything(settings, 'wrong')
    expect(errors).toEqual(errors.map(() => expect.objectContaining({ _tag: 'ServiceUnavailable', hop: 'storage' })))
    expect(JSON.stringify(errors)).not.toMatch(/Eby8vdM02|sig=|nonsense/)
  })

  it('bridges a dropped connection', async () => {
    const proxy = await proxied()
    let dropped = 0
    proxy.breakWith(() => (dropped++ < 2 ? 'lose' : 'pass'))
    const { read } = makeCheckpointTable(makeStorageAccount(proxy), 'bridged')
    expect(await succeed(read())).toEqual(O.none)
  })

  it('creates a table when it is missing, and never asks again', async () => {
    const proxy = await proxied()
    const checkpoints = makeCheckpointTable(makeStorageAccount(proxy), 'lazy')
    await succeed(checkpoints.read())
    const first = await succeed(checkpoints.write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(1)))
    await succeed(checkpoints.write(first, newCheckpoint(2)))
    const creations = proxy.seen.filter((request) => /^POST .*\/Tables/.test(request))
    expect([creations.length, proxy.seen.length]).toEqual([1, 5])
  })

  it('goes on when another process creates the table first', async () => {
    const proxy = await proxied()
    const write = (prefix: string) =>
      makeCheckpointTable(makeStorageAccount(proxy), prefix).write(
        { checkpoint: newCheckpoint(0), etag: undefined },
        newCheckpoint(1),
      )
    await TableClient.fromConnectionString(proxy.connectionString, 'raceSyncStateTable', {
      allowInsecureConnection: true,
    }).createTable()
    proxy.breakWith(onceFor(/^POST .*raceSyncStateTable/, { status: 404, code: 'TableNotFound' }))
    expect(await succeed(write('race'))).toMatchObject({ checkpoint: newCheckpoint(1) })
  })

  it('waits for a table that is being deleted', async () => {
    const proxy = await proxied()
    proxy.breakWith((request) => (request.startsWith('POST') ? { status: 409, code: 'TableBeingDeleted' } : 'pass'))
    const { write } = makeCheckpointTable(makeStorageAccount(proxy), 'deleted')
    expect(await fail(write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(1)))).toMatchObject({
      _tag: 'ServiceUnavailable',
      reason: 'the storage account answered 409 TableBeingDeleted',
    })
  })

  it('asks the managed identity for a token with the first request, and reports that there is none', async () => {
    const asked: Array<string | null> = []
    const identity = createServer((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://identity').searchParams.get('client_id'))
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_request"}')
    })
    identity.listen(0, '127.0.0.1')
    await once(identity, 'listening')
    const before = { ...process.env }
    // As App Service and Functions say where their identity is.
    process.env['IDENTITY_ENDPOINT'] = `http://127.0.0.1:${(identity.address() as AddressInfo).port}/token`
    process.env['IDENTITY_HEADER'] = 'secret-header'
    try {
      const account = makeStorageAccount({ accountName: 'invalid', clientId: 'the-client' })
      const checkpoints = makeCheckpointTable(account)
      const lease = makeBlobLease(account, { now: () => 0, monotonic: () => 0 })
      expect(asked).toEqual([])
      const noToken = {
        _tag: 'ServiceUnavailable',
        hop: 'storage',
        reason: 'there is no token for the storage account: is the managed identity assigned?',
      }
      expect(await fail(checkpoints.read())).toEqual(noToken)
      expect(await fail(lease.acquire('run'))).toEqual(noToken)
      expect(new Set(asked)).toEqual(new Set(['the-client']))
    } finally {
      process.env = before
      identity.closeAllConnections()
      identity.close()
    }
  })
})
