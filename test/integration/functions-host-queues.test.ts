import { afterEach, describe, expect, it } from '@jest/globals'
import { QueueClient } from '@azure/storage-queue'
import type { FunctionsHost } from '../../local/functions-host'
import { startStorageProxy } from '../contract/storage-proxy'
import { useAzurite } from '../support/world/azurite'
import { until } from '../support/world/cast-until'
import { linesOf, queueApps } from '../support/world/queue-app'

const azurite = useAzurite()
const apps = queueApps()
afterEach(apps.close)

let places = 0
const place = () => {
  const name = `place-${++places}`
  const client = (suffix = '') => new QueueClient(azurite().connectionString, `${name}${suffix}`)
  return { name, queue: client(), poison: client('-poison') }
}

interface Started {
  readonly queues?: object
  readonly env?: NodeJS.ProcessEnv
}

const start = (queueName: string, handler: string, { queues, env }: Started = {}): Promise<FunctionsHost> =>
  apps.start({
    ...{ queueName, handler, connectionString: azurite().connectionString },
    ...(queues === undefined ? {} : { queues }),
    ...(env === undefined ? {} : { env }),
  })

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const isEmpty = async (queue: QueueClient): Promise<boolean> =>
  (await queue.getProperties()).approximateMessagesCount === 0
const untilEmpty = async (queue: QueueClient): Promise<void> => {
  for (let tries = 0; !(await isEmpty(queue)); tries++) {
    if (tries > 400) throw new Error('The queue is not empty')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

describe('1: receiving', () => {
  it('takes what comes, decoded, and deletes it when the function has ended well', async () => {
    const { name, queue } = place()
    const host = await start(name, 'context.log(JSON.stringify(entry))')
    // It is not there when the host first asks for it.
    await until(() => linesOf(host, 'debug').length > 0)
    expect(linesOf(host, 'debug')).toEqual([`The queue ${name} is not there yet.`])
    await queue.create()
    await queue.sendMessage(base64('{"backfillId":"b1","lane":2}'))
    await queue.sendMessage(base64('plain text'))
    await until(() => linesOf(host).length === 2)
    expect([...linesOf(host)].sort()).toEqual(['"plain text"', '{"backfillId":"b1","lane":2}'])
    await untilEmpty(queue)
    expect(host.functions).toEqual([`work: queue ${name}`])
  })

  it.each([
    { queues: { batchSize: 1, newBatchThreshold: 0 }, most: 1 },
    { queues: { batchSize: 4, newBatchThreshold: 0 }, most: 4 },
    { queues: { batchSize: 4, newBatchThreshold: 2 }, most: 6 },
    {
      queues: { batchSize: 1, newBatchThreshold: 0 },
      env: { AzureFunctionsJobHost__extensions__queues__batchSize: '3' },
      most: 3,
    },
  ])('runs at most so many at once: $queues $env, $most', async ({ queues, env, most }) => {
    const { name, queue } = place()
    await queue.create()
    await Promise.all(Array.from({ length: 24 }, (_, i) => queue.sendMessage(base64(`{"n":${i}}`))))
    const count = `global.at = (global.at ?? 0) + 1; context.log(String(global.at)); await wait(60); global.at--`
    const host = await start(name, count, { queues, ...(env === undefined ? {} : { env }) })
    await until(() => linesOf(host).length === 24)
    const seen = linesOf(host).map(Number)
    expect(Math.max(...seen)).toBeLessThanOrEqual(most)
    if (most > 1) expect(Math.max(...seen)).toBeGreaterThan(1)
    await untilEmpty(queue)
  })

  it('resolves %names% and letter case, and keeps off when disabled', async () => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage(base64('{}'))
    const env = { Mine: name.toUpperCase(), 'AzureWebJobs.work.Disabled': 'true' }
    const host = await start('%Mine%', 'context.log("ran")', { env })
    expect(await host.fire('work', '{"by":"hand"}')).toEqual({ succeeded: true })
    expect([linesOf(host), await isEmpty(queue)]).toEqual([['ran'], false])
  })

  it.each([
    ['%Nowhere%', {}, '%Nowhere% does not resolve to a setting.'],
    ['no--name', {}, '"no--name" is no name of a queue.'],
    [
      '%Name%',
      { AzureWebJobsStorage: 'AccountKey=c2VjcmV0;nonsense', Name: 'fine' },
      'The setting "AzureWebJobsStorage" cannot be used to reach queues.',
    ],
    ['fine', { AzureWebJobsStorage: '' }, 'The setting "AzureWebJobsStorage" names no storage account with queues.'],
  ])('says why it cannot listen to %s', async (queueName, env, message) => {
    expect(linesOf(await start(queueName, '', { env }), 'error')).toEqual([message])
  })
})

describe('a queue that is refused', () => {
  it('is told of once, and read again when it is allowed', async () => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage(base64('{}'))
    const proxy = await startStorageProxy(azurite().connectionString)
    try {
      proxy.breakWith(() => ({ status: 403, code: 'AuthorizationPermissionMismatch', body: 'AccountKey=c2VjcmV0' }))
      const env = { AzureWebJobsStorage: proxy.connectionString }
      const host = await start(name, 'context.log("ran")', { env })
      await until(() => proxy.seen.length >= 4)
      expect(linesOf(host, 'error')).toEqual([`The queue ${name} cannot be read: AuthorizationPermissionMismatch.`])
      proxy.breakWith(() => 'pass')
      await until(() => linesOf(host).length === 1)
      await untilEmpty(queue)
    } finally {
      await proxy.close()
    }
  })
})

describe('2: a message at work', () => {
  it('stays invisible for as long as its function runs, renewed at half of its time', async () => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage(base64('{}'))
    const env = { DICOMCAST_LOCAL_QUEUE_INVISIBLE_S: '2' }
    const host = await start(
      name,
      'context.log(String(context.triggerMetadata.dequeueCount)); await wait(5000); context.log("end")',
      { env },
    )
    await until(() => linesOf(host).includes('end'))
    await untilEmpty(queue)
    expect(linesOf(host)).toEqual(['1', 'end'])
  })

  it('is not deleted by a host that lost it, and comes back', async () => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage(base64('{}'))
    const host = await start(
      name,
      `const { id, popReceipt, dequeueCount } = context.triggerMetadata
      context.log(JSON.stringify({ id, popReceipt, dequeueCount }))
      if (dequeueCount === 1) await wait(1000)`,
      { queues: { batchSize: 1, newBatchThreshold: 0 } },
    )
    const seen = () =>
      linesOf(host).map((line) => JSON.parse(line) as { id: string; popReceipt: string; dequeueCount: number })
    await until(() => seen().length === 1)
    // The host's receipt is stale from here on.
    await queue.updateMessage(seen()[0]?.id ?? '', seen()[0]?.popReceipt ?? '', undefined, 0)
    await until(() => linesOf(host, 'debug').length === 1)
    expect(linesOf(host, 'debug')).toEqual([`A message of ${name} could not be settled: PopReceiptMismatch.`])
    await untilEmpty(queue)
    expect(seen().map(({ dequeueCount }) => dequeueCount)).toEqual([1, 2])
  })
})

describe('3: a message that fails', () => {
  it('is tried again after visibilityTimeout, and at last moved to the poison queue as it stood', async () => {
    const { name, queue, poison } = place()
    await queue.create()
    const text = base64('{"bad":true}')
    await queue.sendMessage(text)
    const host = await start(name, 'context.log(String(context.triggerMetadata.dequeueCount)); throw new Error("no")', {
      queues: { maxDequeueCount: 3 },
    })
    await untilEmpty(queue)
    expect(linesOf(host)).toEqual(['1', '2', '3'])
    const { receivedMessageItems } = await poison.receiveMessages()
    expect(receivedMessageItems).toMatchObject([{ messageText: text, dequeueCount: 1 }])
  })

  it('waits as long as visibilityTimeout says', async () => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage(base64('{}'))
    const host = await start(name, 'context.log("ran"); throw new Error("no")', {
      queues: { visibilityTimeout: '01:00:00' },
    })
    await until(() => linesOf(host, 'error').some((line) => line.includes('no')))
    // It is hidden for an hour: nobody sees it, and it is there.
    await until(() => linesOf(host).length === 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect([linesOf(host), (await queue.receiveMessages()).receivedMessageItems, await isEmpty(queue)]).toEqual([
      ['ran'],
      [],
      false,
    ])
  })

  it('is moved without a run when its host died too often', async () => {
    const { name, queue, poison } = place()
    await queue.create()
    await queue.sendMessage(base64('{}'))
    for (let died = 0; died < 2; died++) {
      const { receivedMessageItems } = await queue.receiveMessages({ visibilityTimeout: 1 })
      const [message] = receivedMessageItems
      await queue.updateMessage(message?.messageId ?? '', message?.popReceipt ?? '', undefined, 0)
    }
    const host = await start(name, 'context.log("ran")', { queues: { maxDequeueCount: 2 } })
    await untilEmpty(queue)
    expect(linesOf(host)).toEqual([])
    expect((await poison.peekMessages()).peekedMessageItems).toHaveLength(1)
  })

  it('is moved at once when it cannot be decoded', async () => {
    const { name, queue, poison } = place()
    await queue.create()
    await queue.sendMessage('not base64!')
    const host = await start(name, 'context.log("ran")')
    await untilEmpty(queue)
    expect((await poison.peekMessages()).peekedMessageItems).toMatchObject([{ messageText: 'not base64!' }])
    expect(linesOf(host)).toEqual([])
  })

  it('of a poison queue stays where it is', async () => {
    const { poison } = place()
    await poison.create()
    await poison.sendMessage(base64('{}'))
    const env = { DICOMCAST_LOCAL_QUEUE_INVISIBLE_S: '2' }
    const host = await start(poison.name, 'context.log("ran"); throw new Error("no")', {
      queues: { maxDequeueCount: 1 },
      env,
    })
    await until(() => linesOf(host).length >= 2)
    expect(await isEmpty(poison)).toBe(false)
    expect(await new QueueClient(azurite().connectionString, `${poison.name}-poison`).exists()).toBe(false)
  })
})

describe('4: host.json', () => {
  it('keeps the host from starting when it is out of bounds, and warns of what is unknown', async () => {
    await expect(start('fine', '', { queues: { batchSize: 64 } })).rejects.toThrow(
      'extensions.queues.batchSize of host.json is out of its bounds.',
    )
    const host = await start('fine', '', { queues: { maxBatch: 64 } })
    expect(host.logs.map(({ message }) => message)).toContain('extensions.queues.maxbatch of host.json is not known.')
  })
  it('takes text as it stands with messageEncoding none', async () => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage('{"as":"it is"}')
    const host = await start(name, 'context.log(JSON.stringify(entry))', { queues: { messageEncoding: 'none' } })
    await until(() => linesOf(host).length === 1)
    expect(linesOf(host)).toEqual(['{"as":"it is"}'])
  })
})

describe('5: what the function is told of its message', () => {
  const told = async (text: string): Promise<Readonly<Record<string, unknown>>> => {
    const { name, queue } = place()
    await queue.create()
    await queue.sendMessage(base64(text), { messageTimeToLive: -1 })
    const host = await start(name, 'context.log(JSON.stringify(context.triggerMetadata))')
    await until(() => linesOf(host).length === 1)
    return JSON.parse(linesOf(host)[0] ?? '') as Record<string, unknown>
  }

  it('has the types of the host', async () => {
    const metadata = await told('{"backfillId":"b1","Lane":3,"on":true,"none":null,"list":[1],"deep":{"Er":1}}')
    expect(metadata).toEqual({
      queueTrigger: { backfillId: 'b1', lane: 3, on: true, none: null, list: [1], deep: { er: 1 } },
      dequeueCount: 1,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      popReceipt: expect.any(String),
      insertionTime: expect.stringMatching(/^2\d{3}-.*Z$/),
      expirationTime: expect.stringMatching(/^9999-/),
      nextVisibleTime: expect.stringMatching(/^2\d{3}-.*Z$/),
      // Text, which the library reads as JSON where it can.
      backfillId: 'b1',
      lane: 3,
      on: 'True',
      deep: { er: 1 },
    })
  })
  it('is hidden by what the message holds under the same name', async () => {
    expect(await told('{"id":"event","dequeueCount":"many"}')).toMatchObject({ id: 'event', dequeueCount: 'many' })
  })
})

describe('6: the end', () => {
  it('receives no more, and lets what runs come to its end', async () => {
    const { name, queue } = place()
    await queue.create()
    for (const n of [1, 2, 3]) await queue.sendMessage(base64(`{"n":${n}}`))
    const host = await start(name, 'context.log("begin"); await wait(1000); console.log("end")', {
      queues: { batchSize: 1, newBatchThreshold: 0 },
    })
    await until(() => linesOf(host).length === 1)
    await host.close()
    expect([linesOf(host), host.logs.at(-1)?.message]).toEqual([['begin'], 'end'])
    expect((await queue.getProperties()).approximateMessagesCount).toBe(2)
  })
})
