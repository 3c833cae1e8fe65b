import { afterEach, describe, expect, it } from '@jest/globals'
import { QueueClient } from '@azure/storage-queue'
import type { FunctionsHost } from '../../local/functions-host'
import { useAzurite } from '../support/world/azurite'
import { until } from '../support/world/cast-until'
import { linesOf, queueApps } from '../support/world/queue-app'

const azurite = useAzurite()
const apps = queueApps()
afterEach(apps.close)

const fill = async (name: string, count: number): Promise<QueueClient> => {
  const queue = new QueueClient(azurite().connectionString, name)
  await queue.create()
  const numbers = Array.from({ length: count }, (_, n) => n)
  await Promise.all(numbers.map((n) => queue.sendMessage(Buffer.from(JSON.stringify({ n })).toString('base64'))))
  return queue
}

const start = (queueName: string, handler: string, env: NodeJS.ProcessEnv = {}): Promise<FunctionsHost> =>
  apps.start({
    ...{ queueName, handler, env, connectionString: azurite().connectionString },
    queues: { batchSize: 1, newBatchThreshold: 0 },
  })

const began = (hosts: ReadonlyArray<FunctionsHost>): ReadonlyArray<string> => hosts.flatMap((host) => linesOf(host))

describe('host processes on one queue', () => {
  it('share 400 messages, each run once', async () => {
    const queue = await fill('shared', 400)
    const run = 'context.log(String(entry.n)); await wait(5)'
    const hosts = await Promise.all(Array.from({ length: 8 }, () => start('shared', run)))
    await until(() => began(hosts).length >= 400, 'all are run', 60_000)
    await Promise.all(hosts.map((host) => host.close()))
    expect([...began(hosts)].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, n) => n))
    expect(hosts.filter((host) => linesOf(host).length > 0).length).toBeGreaterThan(1)
    expect((await queue.getProperties()).approximateMessagesCount).toBe(0)
  })

  it('bring back what one of them was killed over, and nothing else twice', async () => {
    await fill('killed', 60)
    // At its first delivery the one in the middle never ends.
    const run = `const { dequeueCount } = context.triggerMetadata
      context.log(entry.n + ' ' + dequeueCount); await wait(entry.n === 30 && dequeueCount === 1 ? 3_600_000 : 5)`
    const invisible = { DICOMCAST_LOCAL_QUEUE_INVISIBLE_S: '4' }
    const hosts = await Promise.all(Array.from({ length: 3 }, () => start('killed', run, invisible)))
    const holder = () => hosts.find((host) => linesOf(host).includes('30 1'))
    await until(() => holder() !== undefined, 'one hangs', 60_000)
    await until(() => began(hosts).length === 60, 'the others do the rest', 60_000)
    const pid = holder()?.pid
    if (pid === undefined) throw new Error('It has no process')
    process.kill(pid, 'SIGKILL')
    await until(() => began(hosts).includes('30 2'), 'it comes back', 60_000)
    expect(began(hosts)).toHaveLength(61)
    expect(linesOf(holder() as FunctionsHost)).not.toContain('30 2')
  })
})
