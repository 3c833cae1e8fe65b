import { afterEach, describe, expect, it, jest } from '@jest/globals'
import { BlobServiceClient } from '@azure/storage-blob'
import * as O from 'fp-ts/Option'
import { makeBlobLease, type LeaseClocks } from '../../lib/adapters/storage/blob-lease'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'
import { held, kept, leaseContract, lost, lostAsleep } from './lease.contract'
import { startStorageProxy, type StorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()
const proxies: StorageProxy[] = []
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
})

let places = 0
const place = async () => {
  const { connectionString } = azurite()
  const prefix = `place${++places}-`
  const proxy = await startStorageProxy(connectionString)
  proxies.push(proxy)
  const ticking = new Set<() => Promise<void>>()
  const time = { wall: 1_700_000_000_000, monotonic: 0 }
  const clocks: LeaseClocks = {
    now: () => time.wall,
    monotonic: () => time.monotonic,
    every: (_, callback) => {
      ticking.add(callback)
      return () => ticking.delete(callback)
    },
  }
  const pass = (ms: { readonly wall: number; readonly monotonic: number }): void => {
    time.wall += ms.wall
    time.monotonic += ms.monotonic
  }
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('dicomcast')
  const blob = container.getBlockBlobClient(`${prefix}cast-lease`)
  return {
    proxy,
    ticking,
    blob,
    pass,
    container,
    open: () => makeBlobLease(makeStorageAccount({ connectionString }), clocks, prefix),
    openProxied: () => makeBlobLease(makeStorageAccount(proxy), clocks, prefix),
    renew: async () => {
      await Promise.all([...ticking].map((tick) => tick()))
    },
    tick: async () => {
      pass({ wall: 15_000, monotonic: 15_000 })
      await Promise.all([...ticking].map((callback) => callback()))
    },
    breakLease: async () => {
      await blob.getBlobLeaseClient().breakLease(0)
    },
    destroyLease: async () => {
      await blob.getBlobLeaseClient().breakLease(0)
      await blob.delete()
    },
  }
}

leaseContract('Azure Blobs', place)

describe('blob lease', () => {
  it('tells an operator whose it is and since when', async () => {
    const { open, blob } = await place()
    const lease = held(await succeed(open().acquire('run-1')))
    expect((await blob.getProperties()).metadata).toEqual({ runid: 'run-1', startedat: '2023-11-14T22:13:20.000Z' })
    await lease.release()
  })

  it('is held even when its metadata cannot be written', async () => {
    const { openProxied, proxy } = await place()
    proxy.breakWith((request) => (request.includes('comp=metadata') ? { status: 403 } : 'pass'))
    const lease = held(await succeed(openProxied().acquire('run-1')))
    expect(lease.check()).toEqual(kept)
    await lease.release()
  })

  it('creates container and blob once, not in every run', async () => {
    const { openProxied, proxy } = await place()
    await held(await succeed(openProxied().acquire('run-1'))).release()
    const before = proxy.seen.length
    await held(await succeed(openProxied().acquire('run-2'))).release()
    expect(proxy.seen.slice(before).map((request) => /comp=(\w+)/.exec(request)?.[1])).toEqual([
      'lease',
      'metadata',
      'lease',
    ])
  })

  it('comes back after the whole container was deleted', async () => {
    const { open, container } = await place()
    await held(await succeed(open().acquire('run-1'))).release()
    await container.deleteIfExists()
    const lease = held(await succeed(open().acquire('run-2')))
    expect(lease.check()).toEqual(kept)
    await lease.release()
  })

  it('survives renewals that fail without a refusal, until the last good one is too old', async () => {
    const { openProxied, proxy, tick } = await place()
    const lease = held(await succeed(openProxied().acquire('run-1')))
    proxy.breakWith(() => ({ status: 502 }))
    const seen = []
    for (let ticks = 0; ticks < 4; ticks++) {
      await tick()
      seen.push(lease.check())
    }
    expect(seen).toEqual([kept, kept, kept, lost])
  })

  it('recovers when a renewal gets through again', async () => {
    const { openProxied, proxy, tick } = await place()
    const lease = held(await succeed(openProxied().acquire('run-1')))
    proxy.breakWith(() => ({ status: 502 }))
    await tick()
    await tick()
    proxy.breakWith(() => 'pass')
    for (let ticks = 0; ticks < 4; ticks++) await tick()
    expect(lease.check()).toEqual(kept)
    await lease.release()
  })

  it('counts from when a renewal was sent, not from when it was answered', async () => {
    const { openProxied, proxy, pass, renew } = await place()
    const lease = held(await succeed(openProxied().acquire('run-1')))
    proxy.breakWith(() => {
      pass({ wall: 46_000, monotonic: 46_000 })
      return 'pass'
    })
    await renew()
    expect(lease.check()).toEqual(lostAsleep)
  })

  it('asks no more once it is released or lost', async () => {
    const { open, ticking, pass } = await place()
    await held(await succeed(open().acquire('run-1'))).release()
    const second = held(await succeed(open().acquire('run-2')))
    pass({ wall: 46_000, monotonic: 0 })
    second.check()
    expect(ticking.size).toBe(0)
    await second.release()
  })

  it('releases without a word when the service is gone', async () => {
    const { openProxied, proxy, ticking } = await place()
    const lease = held(await succeed(openProxied().acquire('run-1')))
    await proxy.close()
    await expect(lease.release()).resolves.toBeUndefined()
    expect([lease.check(), ticking.size]).toEqual([lost, 0])
  })

  it('gets the lease when the answer to its request was lost', async () => {
    const { openProxied, open, proxy } = await place()
    await held(await succeed(open().acquire('run-0'))).release()
    let asked = 0
    proxy.breakWith((request) => (request.includes('comp=lease') && asked++ === 0 ? 'lose' : 'pass'))
    const lease = held(await succeed(openProxied().acquire('run-1')))
    expect(lease.check()).toEqual(kept)
    expect(await succeed(open().acquire('run-2'))).toEqual(O.none)
    await lease.release()
  })

  it('reports a container that is being deleted as an outage, not as busy', async () => {
    const { openProxied, proxy } = await place()
    proxy.breakWith(() => ({ status: 409, code: 'ContainerBeingDeleted' }))
    expect(await fail(openProxied().acquire('run-1'))).toMatchObject({ _tag: 'ServiceUnavailable', hop: 'storage' })
  })

  it('renews with a timer that does not keep the process alive', async () => {
    const intervals = jest.spyOn(globalThis, 'setInterval')
    const account = makeStorageAccount(azurite())
    const lease = held(
      await succeed(makeBlobLease(account, { now: () => 0, monotonic: () => 0 }, 'real-').acquire('run')),
    )
    const timers = intervals.mock.calls.flatMap(([, ms], call) => (ms === 15_000 ? [intervals.mock.results[call]] : []))
    intervals.mockRestore()
    expect(timers.map((timer) => (timer?.value as NodeJS.Timeout).hasRef())).toEqual([false])
    await lease.release()
  })
})
