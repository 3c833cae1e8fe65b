import { afterEach, describe, expect, it } from '@jest/globals'
import { TableClient, type TableEntity } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import { makeCheckpointTable } from '../../lib/adapters/storage/checkpoint-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import { useAzurite } from '../support/world/azurite'
import { checkpointStoreContract, readBack } from './checkpoint-store.contract'
import { onceFor, startStorageProxy, type StorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()
const proxies: StorageProxy[] = []
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
})

let places = 0
const place = async () => {
  const { connectionString } = azurite()
  const prefix = `place${++places}`
  const proxy = await startStorageProxy(connectionString)
  proxies.push(proxy)
  return {
    proxy,
    open: () => makeCheckpointTable(makeStorageAccount({ connectionString }), prefix),
    openProxied: () => makeCheckpointTable(makeStorageAccount(proxy), prefix),
    table: TableClient.fromConnectionString(connectionString, `${prefix}SyncStateTable`, {
      allowInsecureConnection: true,
    }),
  }
}

/** A place where somebody, the original or an operator, has left a row. */
const placeWithRow = async (columns: Omit<TableEntity, 'partitionKey' | 'rowKey'>) => {
  const here = await place()
  await here.table.createTable()
  await here.table.createEntity({ partitionKey: 'SyncStatePartitionKey', rowKey: 'SyncStateRowKey', ...columns })
  return here
}

checkpointStoreContract('Azure Tables', place)

describe('checkpoint table', () => {
  it('continues the row of the original, which has SyncedSequence alone', async () => {
    const { open, table } = await placeWithRow({ SyncedSequence: 4711n })
    const store = open()
    const read = O.toUndefined(await succeed(store.read()))
    expect(read?.checkpoint).toEqual(newCheckpoint(4711))
    if (read !== undefined) await succeed(store.write(read, newCheckpoint(4712)))
    expect(await table.getEntity('SyncStatePartitionKey', 'SyncStateRowKey')).toMatchObject({ SyncedSequence: 4712n })
  })

  it('does not believe when the version before has seen a hole: a host’s clock told it', async () => {
    const columns = { SyncedSequence: 4711n, Holes: '[[3,5,1700000000123]]', RejectedStudies: '[]' }
    const { open } = await placeWithRow(columns)
    const read = O.toUndefined(await succeed(open().read()))
    expect(read?.checkpoint).toEqual({ ...newCheckpoint(4711), holes: [{ from: 3, to: 5 }] })
  })

  it('names the holes of a row that cannot be read otherwise', async () => {
    const { open } = await placeWithRow({ SyncedSequence: 1n, Holes: '[[3,5,7]]', HoleClock: 'service', BatchLimit: 0 })
    expect(await fail(open().read())).toMatchObject({ holes: [{ from: 3, to: 5, seenAt: 7 }] })
  })

  it('reads an Int32 that an operator wrote', async () => {
    const { open } = await placeWithRow({ SyncedSequence: 12 })
    expect(O.toUndefined(await succeed(open().read()))?.checkpoint).toEqual(newCheckpoint(12))
  })

  it.each<[string, Record<string, unknown>]>([
    ['SyncedSequence', {}],
    ['SyncedSequence', { SyncedSequence: '12' }],
    ['SyncedSequence', { SyncedSequence: -1n }],
    ['SyncedSequence', { SyncedSequence: 9_223_372_036_854_775_807n }],
    ['SyncedSequence', { SyncedSequence: 1.5 }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[1,2' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[1,2]]' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[["1",2,3]]' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[-1,2,3]]' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[3,2,3]]' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[1,9007199254740993,3]]' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[1,2,8640000000000001]]' }],
    ['Holes', { SyncedSequence: 1n, Holes: '[[1,2,1e999]]' }],
    ['Walked', { SyncedSequence: 1n, Walked: '[5]' }],
    ['Walked', { SyncedSequence: 1n, Walked: '[5,-1]' }],
    ['RowBefore', { SyncedSequence: 1n, RowBefore: '[-5,null,null]' }],
    ['Heads', { SyncedSequence: 1n, Heads: '[[5,8640000000000001]]' }],
    ['Hangs', { SyncedSequence: 1n, Hangs: '[[5,4,1]]' }],
    ['Hangs', { SyncedSequence: 1n, Hangs: '[[5,6,-1]]' }],
    ['BatchLimit', { SyncedSequence: 1n, BatchLimit: 100_001 }],
    ['StuckSince', { SyncedSequence: 1n, StuckSince: 7n }],
    ['RowBefore', { SyncedSequence: 1n, RowBefore: '[5]' }],
    ['Heads', { SyncedSequence: 1n, Heads: '[[5]]' }],
    ['Hangs', { SyncedSequence: 1n, Hangs: '7' }],
    ['RejectedStudies', { SyncedSequence: 1n, RejectedStudies: '{}' }],
    ['StuckSince', { SyncedSequence: 1n, StuckSince: 'yesterday' }],
    ['BatchLimit', { SyncedSequence: 1n, BatchLimit: 'all' }],
    ['BatchLimit', { SyncedSequence: 1n, BatchLimit: 0 }],
  ])('ends the run, and does not start anew, when %s cannot be read: %p', async (column, columns) => {
    const { open } = await placeWithRow(columns)
    const { SyncedSequence } = columns
    expect(await fail(open().read())).toEqual({
      _tag: 'CheckpointUnreadable',
      reason: `the checkpoint row in SyncStateTable cannot be read: ${column} is missing or not what it should be`,
      etag: expect.stringMatching(/^W\//),
      syncedSequence: SyncedSequence === 1n && column !== 'Holes' ? 1 : undefined,
      holes: [],
    })
  })

  it('takes a 404 that does not come from the table service for an outage, not for a new start', async () => {
    const { openProxied, proxy } = await placeWithRow({ SyncedSequence: 4711n })
    proxy.breakWith(() => ({ status: 404, body: 'nothing here' }))
    expect(await fail(openProxied().read())).toMatchObject({ _tag: 'ServiceUnavailable', status: 404 })
  })

  it.each([
    ['insert', /^POST .*SyncStateTable/],
    ['update', /^PUT .*SyncStateTable/],
  ])('recognises its own %s when the answer was lost and the SDK repeated it', async (_, pattern) => {
    const { openProxied, open, proxy, table } = await place()
    await table.createTable()
    proxy.breakWith(onceFor(pattern, 'lose'))
    const store = openProxied()
    const first = await succeed(store.write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(1)))
    const second = await succeed(store.write(first, newCheckpoint(2)))
    expect(await succeed(open().read())).toEqual(readBack(second))
    expect(proxy.seen.filter((request) => pattern.test(request))).toHaveLength(2)
  })

  it('recognises its own write when the run repeats it', async () => {
    const { open } = await place()
    const store = open()
    const first = await succeed(store.write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(1)))
    const second = await succeed(store.write(first, newCheckpoint(2)))
    expect(await succeed(store.write(first, newCheckpoint(2)))).toMatchObject(second)
  })

  it('reports a row that an operator deleted as moved', async () => {
    const { open, table } = await place()
    const store = open()
    const first = await succeed(store.write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(1)))
    await table.deleteEntity('SyncStatePartitionKey', 'SyncStateRowKey')
    expect(await fail(store.write(first, newCheckpoint(2)))).toEqual({ _tag: 'CheckpointMoved' })
  })
})
