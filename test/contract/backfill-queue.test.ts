import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import { QueueClient } from '@azure/storage-queue'
import * as O from 'fp-ts/Option'
import { openBackfillQueue } from '../../lib/adapters/storage/backfill-queue'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import type { BackfillQueue, ReceivedMessage } from '../../lib/app/ports-backfill'
import { useAzurite } from '../support/world/azurite'
import { type StorageProxy, onceFor, startStorageProxy } from './storage-proxy'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()
const proxies: StorageProxy[] = []
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
})

let places = 0
const place = async () => {
  const prefix = `Queue${++places}`
  const proxy = await startStorageProxy(azurite().connectionString)
  proxies.push(proxy)
  const raw = new QueueClient(azurite().connectionString, `queue${places}dicomcast-backfill`)
  const open = () => openBackfillQueue(makeStorageAccount({ connectionString: proxy.connectionString }), prefix)
  return { queue: open(), other: open(), raw, proxy }
}

const received = async (queue: BackfillQueue, invisibleS = 60): Promise<ReceivedMessage> => {
  const found = await succeed(queue.receive(invisibleS))
  if (O.isNone(found)) throw new Error('no message was there')
  return found.value
}

/** Asks until there is one. */
const receivedLater = async (queue: BackfillQueue): Promise<ReceivedMessage> => {
  for (let tries = 0; tries < 400; tries++) {
    const found = await succeed(queue.receive(60))
    if (O.isSome(found)) return found.value
    await sleep(25)
  }
  throw new Error('no message came')
}

const part = { backfillId: 'b1', lane: 3, part: 17 }

describe('the queue of a backfill', () => {
  it('is made once, and an empty or missing one has no message', async () => {
    const { queue, raw } = await place()
    expect(await succeed(queue.receive(60))).toEqual(O.none)
    await succeed(queue.open())
    await succeed(queue.open())
    expect(await raw.exists()).toBe(true)
    expect(await succeed(queue.receive(60))).toEqual(O.none)
  })

  it.each([[{ backfillId: 'b1' }], [{ backfillId: 'b1', lane: 0 }], [part]])(
    'carries a message there, once, as JSON in base64 that never expires: %j',
    async (message) => {
      const { queue, other, raw } = await place()
      await succeed(queue.send(message))
      const { peekedMessageItems } = await raw.peekMessages()
      const [peeked] = peekedMessageItems
      expect(JSON.parse(Buffer.from(peeked?.messageText ?? '', 'base64').toString())).toEqual(message)
      expect(peeked?.expiresOn.getUTCFullYear()).toBe(9999)
      const inHand = await received(queue)
      expect(inHand).toMatchObject({ message, dequeueCount: 1 })
      expect(await succeed(other.receive(60))).toEqual(O.none)
      await succeed(inHand.complete())
      expect((await raw.getProperties()).approximateMessagesCount).toBe(0)
    },
  )

  it('is made anew by whoever sends, when somebody has deleted it', async () => {
    const { queue } = await place()
    await succeed(queue.send(part))
    expect(await received(queue)).toMatchObject({ message: part })
  })

  it('keeps a delayed message back', async () => {
    const { queue, raw } = await place()
    await succeed(queue.send(part, 0.4))
    await succeed(queue.send({ backfillId: 'later' }, 3_600))
    expect(await receivedLater(queue)).toMatchObject({ message: part })
    expect(await succeed(queue.receive(60))).toEqual(O.none)
    expect((await raw.getProperties()).approximateMessagesCount).toBe(2)
  })

  it('gives a message that nobody renewed or completed to the next, and counts', async () => {
    const { queue, other } = await place()
    await succeed(queue.send(part))
    const first = await received(queue, 1)
    const second = await receivedLater(other)
    expect(second).toMatchObject({ message: part, dequeueCount: 2 })
    // The first one's receipt is stale: what it completes is no longer its own, and stays.
    await succeed(first.complete())
    expect(await fail(first.renew())).toEqual({ _tag: 'LeaseLost' })
    await succeed(second.renew())
  })

  it('is renewed with the newest receipt each time, and completed with it', async () => {
    const { queue, raw } = await place()
    await succeed(queue.send(part))
    const inHand = await received(queue)
    await succeed(inHand.renew())
    await succeed(inHand.renew())
    expect((await raw.getProperties()).approximateMessagesCount).toBe(1)
    // Under way when it is completed.
    const renewing = inHand.renew()()
    await succeed(inHand.complete())
    await renewing
    expect((await raw.getProperties()).approximateMessagesCount).toBe(0)
    await succeed(inHand.complete())
  })

  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  it.each([
    ['no base64', 'hello there'],
    ['no JSON', base64('hello')],
    ['an array', base64('[1]')],
    ['null', base64('null')],
    ['an object without an id', base64('{"lane":1}')],
    ['an id that is no text', base64('{"backfillId":5}')],
    ['an id with other signs', base64('{"backfillId":"a/b"}')],
    ['a lane below zero', base64('{"backfillId":"b","lane":-1}')],
    ['a part that is no whole number', base64('{"backfillId":"b","lane":1,"part":1.5}')],
    ['a part as text', base64('{"backfillId":"b","lane":1,"part":"1"}')],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00]).toString('base64')],
    ['much', base64(`{"backfillId":"${'b'.repeat(40_000)}"}`)],
  ])('tells what is none of ours, and lets it be completed: %s', async (_, text) => {
    const { queue, raw } = await place()
    await raw.create()
    await raw.sendMessage(text)
    await succeed(queue.send(part))
    const foreign = await received(queue)
    expect(foreign.message).toBeUndefined()
    await succeed(foreign.complete())
    expect(await received(queue)).toMatchObject({ message: part })
  })

  it('names the role when it is not allowed', async () => {
    const { queue, proxy } = await place()
    await succeed(queue.send(part))
    const inHand = await received(queue)
    const denied = { status: 403, code: 'AuthorizationPermissionMismatch' } as const
    proxy.breakWith(() => denied)
    const calls = [queue.open(), queue.send(part), queue.receive(60), inHand.renew(), inHand.complete()]
    for (const call of calls) {
      expect(await fail(call)).toMatchObject({
        ...{ _tag: 'AccessDenied', hop: 'storage', status: 403 },
        reason: expect.stringContaining('Storage Queue Data Contributor'),
      })
    }
  })

  it('bridges a lost answer, and reports an outage', async () => {
    const { queue, proxy } = await place()
    await succeed(queue.send(part))
    proxy.breakWith(onceFor(/^GET .*messages/, { status: 503, code: 'ServerBusy' }))
    expect(await received(queue)).toMatchObject({ message: part })
    await proxy.close()
    const unreachable = { _tag: 'ServiceUnavailable', hop: 'storage', reason: expect.stringContaining('ECONNREFUSED') }
    expect(await fail(queue.receive(60))).toMatchObject(unreachable)
    expect(await fail(queue.send(part))).toMatchObject(unreachable)
  })

  it('says that an identity has no address of the queues', async () => {
    const account = makeStorageAccount({ blobServiceUri: 'https://x.invalid', tableServiceUri: 'https://x.invalid' })
    expect(await fail(openBackfillQueue(account).open())).toMatchObject({
      _tag: 'ServiceUnavailable',
      hop: 'storage',
      reason: 'the storage settings cannot be used',
    })
  })
})
