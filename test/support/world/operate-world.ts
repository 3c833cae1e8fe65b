import { afterEach, expect } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { BlobServiceClient } from '@azure/storage-blob'
import { makeGateTable } from '../../../lib/adapters/storage/gate-table'
import { makeStorageAccount } from '../../../lib/adapters/storage/storage-client'
import { startFunctionsHost, type FunctionsHost } from '../../../local/functions-host'
import { compileCache } from './compile-cache'
import { type CastWorld, type Overrides, type WorldOptions, useCastWorld } from './cast-world'

export interface Answered {
  readonly status: number
  readonly type: string
  readonly json: Readonly<Record<string, unknown>>
}

export interface OperateWorld extends CastWorld {
  readonly host: FunctionsHost
  /** A call of an operator route; a body makes it a POST. */
  readonly call: (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ) => Promise<Answered>
}

/** The compiled app on the local functions host, its timer silent: what an operator's program talks to. */
export const useOperateWorld = (): ((
  options?: WorldOptions & { readonly app?: Overrides },
) => Promise<OperateWorld>) => {
  const newWorld = useCastWorld()
  const hosts: FunctionsHost[] = []
  // Before the services that the app talks to are closed: hooks run last in, first out.
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.close()))
  })
  return async ({ app = {}, ...options } = {}) => {
    const world = await newWorld(options)
    const env = {
      PATH: process.env['PATH'],
      ...compileCache,
      CastSchedule: '0 0 4 1 1 *',
      ...world.environment(),
      ...app,
    }
    const host = await startFunctionsHost({ env })
    hosts.push(host)
    return {
      ...world,
      host,
      call: async (method, path, body) => {
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        const response = await fetch(`${host.url}/api/${path}`, {
          method,
          ...(body === undefined ? {} : { body: text, headers: { 'content-type': 'application/json' } }),
        })
        const answered = await response.text()
        return {
          status: response.status,
          type: (response.headers.get('content-type') ?? '').split(';')[0] ?? '',
          json: answered === '' ? {} : (JSON.parse(answered) as Record<string, unknown>),
        }
      },
    }
  }
}

export const problemType = 'application/problem+json'

/** Somebody else's run; what it gives back ends it. */
export const takeLease = async (
  world: Pick<CastWorld, 'environment'>,
  heldForS = 90,
): Promise<() => Promise<unknown>> => {
  const environment = world.environment()
  const container = BlobServiceClient.fromConnectionString(environment['AzureWebJobsStorage'] ?? '').getContainerClient(
    'dicomcast',
  )
  await container.createIfNotExists()
  const blob = container.getBlockBlobClient(
    `${(environment['TableStore__TableNamePrefix'] ?? '').toLowerCase()}cast-lease`,
  )
  const metadata = { runid: 'theirs', startedat: new Date(Date.now() - heldForS * 1_000).toISOString() }
  await blob.upload('', 0, { metadata })
  const lease = blob.getBlobLeaseClient()
  await lease.acquireLease(60)
  return () => lease.releaseLease()
}

const down = 'http://127.0.0.1:9'
/** Of an account that does not answer. */
export const noStorage = `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=aaaa;BlobEndpoint=${down}/a;TableEndpoint=${down}/a;QueueEndpoint=${down}/a;`

/** The heartbeat that runs of another time have left. */
export const beat = async (
  world: Pick<CastWorld, 'environment'>,
  columns: Readonly<Record<string, Date | string>>,
): Promise<void> => {
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const name = `${TableStore__TableNamePrefix}RunHistoryTable`
  const table = TableClient.fromConnectionString(AzureWebJobsStorage, name, { allowInsecureConnection: true })
  await table.createTable()
  await table.upsertEntity({ partitionKey: 'Heartbeat', rowKey: 'Heartbeat', ...columns })
}

/** The whole installation is paused, by somebody. */
export const closeGate = async (world: Pick<CastWorld, 'environment'>): Promise<void> => {
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix } = world.environment()
  const account = makeStorageAccount({ connectionString: AzureWebJobsStorage })
  const gate = makeGateTable(account, TableStore__TableNamePrefix)
  expect(await gate.write({ state: 'paused', by: 'anna', since: Date.now() }, undefined)()).toMatchObject({
    _tag: 'Right',
  })
}
