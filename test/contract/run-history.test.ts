import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { makeRunHistoryTable } from '../../lib/adapters/storage/run-history-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'
import { run, runHistoryContract } from './run-history.contract'
import { succeed } from './storage-results'

const azurite = useAzurite()

let places = 0
const place = async (keep?: number) => {
  const { connectionString } = azurite()
  const prefix = `history${++places}`
  return {
    open: () => makeRunHistoryTable(makeStorageAccount({ connectionString }), prefix, keep),
    table: TableClient.fromConnectionString(connectionString, `${prefix}RunHistoryTable`, {
      allowInsecureConnection: true,
    }),
  }
}

runHistoryContract('Azure Tables', place)

describe('run history table', () => {
  it('passes a row by that somebody else wrote', async () => {
    const { open, table } = await place()
    await succeed(open().add(run(1)))
    await table.createEntity({ partitionKey: 'RunHistory', rowKey: '0', Note: 'mine' })
    expect(await succeed(open().list(10))).toEqual([run(1)])
  })

  it('cuts a reason that no column could hold', async () => {
    const { open } = await place()
    await succeed(open().add({ ...run(1), reason: 'x'.repeat(40_000) }))
    expect((await succeed(open().list(1)))[0]?.reason).toHaveLength(10_000)
  })
})
