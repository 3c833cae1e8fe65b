import { afterEach, describe, expect, it } from '@jest/globals'
import { QueueClient } from '@azure/storage-queue'
import { type FunctionsHost, startFunctionsHost } from '../../local/functions-host'
import { stackSettings } from '../../local/stack-settings'
import { useAzurite } from '../support/world/azurite'
import { until } from '../support/world/cast-until'

const azurite = useAzurite()
const hosts: FunctionsHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

let places = 0
const start = async () => {
  const prefix = `Work${++places}`
  const nobody = 'http://127.0.0.1:9'
  const { connectionString } = azurite()
  const settings = stackSettings({}, { dicom: nobody, fhir: nobody, connectionString }, {}, false)
  const host = await startFunctionsHost({ env: { ...process.env, ...settings, TableStore__TableNamePrefix: prefix } })
  hosts.push(host)
  const client = (suffix = '') => new QueueClient(connectionString, `work${places}dicomcast-backfill${suffix}`)
  return { host, queue: client(), poison: client('-poison') }
}

const left = async (queue: QueueClient): Promise<number | undefined> =>
  (await queue.getProperties()).approximateMessagesCount

describe('the queue function', () => {
  it('listens to the queue of its installation', async () => {
    const { host } = await start()
    expect(host.functions).toContain(`backfillWork: queue work${places}dicomcast-backfill`)
  })

  it.each([
    ['text', 'hello'],
    ['a list', '[{"backfillId":"b1"}]'],
    ['an object of somebody else', '{"id":"event","data":{"PatientName":"Doe^Jane"}}'],
    ['an id that is none', '{"backfillId":"../x"}'],
  ])('drops what is none of ours, and repeats nothing of it: %s', async (_, text) => {
    const { host, queue, poison } = await start()
    await queue.create()
    await queue.sendMessage(Buffer.from(text).toString('base64'))
    const told = () =>
      host.logs.filter(({ functionName, level }) => functionName === 'backfillWork' && level !== 'debug')
    await until(() => told().length > 0)
    expect(told().map(({ message }) => (JSON.parse(message) as { message: string }).message)).toEqual([
      'A message of the queue is none of ours: it is dropped',
    ])
    expect(JSON.stringify(host.logs)).not.toContain('Doe')
    for (let tries = 0; tries < 200 && (await left(queue)) !== 0; tries++)
      await new Promise((done) => setTimeout(done, 25))
    expect([await left(queue), await poison.exists()]).toEqual([0, false])
  })
})
