import { afterEach, describe, expect, it } from '@jest/globals'
import { QueueClient } from '@azure/storage-queue'
import { makeQueueTrial } from '../../lib/adapters/storage/queue-trial'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'
import { type StorageProxy, startStorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()
const proxies: StorageProxy[] = []
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
})

let places = 0
const place = async () => {
  const prefix = `trial${++places}`
  const proxy = await startStorageProxy(azurite().connectionString)
  proxies.push(proxy)
  const client = (suffix = '') => new QueueClient(azurite().connectionString, `${prefix}dicomcast-backfill${suffix}`)
  const account = makeStorageAccount({ connectionString: proxy.connectionString })
  return { tried: makeQueueTrial(account, prefix), queue: client(), poison: client('-poison'), proxy }
}

describe('what a check asks of the queue', () => {
  it('is whether it is there, and what lies in its poison queue; nothing is taken or left', async () => {
    const { tried, queue, poison } = await place()
    expect(await succeed(tried())).toEqual({ isThere: false, poisoned: 0 })
    expect(await queue.exists()).toBe(false)
    await queue.create()
    await queue.sendMessage('one')
    expect(await succeed(tried())).toEqual({ isThere: true, poisoned: 0 })
    await poison.create()
    for (const text of ['two', 'three']) await poison.sendMessage(text)
    expect(await succeed(tried())).toEqual({ isThere: true, poisoned: 2 })
    expect((await queue.receiveMessages()).receivedMessageItems).toMatchObject([
      { messageText: 'one', dequeueCount: 1 },
    ])
  })

  it('is whether a message may be renewed, which the documented roles do not allow', async () => {
    const { tried, queue, proxy } = await place()
    await queue.create()
    proxy.breakWith((request) =>
      request.startsWith('PUT') ? { status: 403, code: 'AuthorizationPermissionMismatch' } : 'pass',
    )
    expect(await fail(tried())).toMatchObject({
      _tag: 'AccessDenied',
      reason: expect.stringContaining('Storage Queue Data Contributor'),
    })
  })

  it.each(['InvalidQueryParameterValue', 'PopReceiptMismatch'])(
    'takes %s for an answer of who allows it',
    async (code) => {
      const { tried, proxy } = await place()
      proxy.breakWith((request) => (request.startsWith('PUT') ? { status: 400, code } : 'pass'))
      expect(await succeed(tried())).toEqual({ isThere: true, poisoned: 0 })
    },
  )
})
