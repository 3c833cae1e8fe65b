import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { makeRunHistoryTable } from '../../lib/adapters/storage/run-history-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { makeTotalsTable } from '../../lib/adapters/storage/totals-table'
import { useAzurite } from '../support/world/azurite'
import { succeed } from './storage-results'

const azurite = useAzurite()

let places = 0
const place = () => {
  const { connectionString } = azurite()
  const prefix = `totals${++places}`
  const account = makeStorageAccount({ connectionString })
  const table = TableClient.fromConnectionString(connectionString, `${prefix}RunHistoryTable`, {
    allowInsecureConnection: true,
  })
  return { totals: makeTotalsTable(account, prefix), history: makeRunHistoryTable(account, prefix), table }
}

describe('what all casts have come to', () => {
  it('is nothing at first, and then the sum', async () => {
    const { totals } = place()
    expect(await succeed(totals.read())).toEqual({})
    await succeed(totals.add({ 'entries.stored': 3, retries: 1 }))
    await succeed(totals.add({ 'entries.stored': 4, 'runs.CaughtUp': 1 }))
    expect(await succeed(totals.read())).toEqual({ 'entries.stored': 7, retries: 1, 'runs.CaughtUp': 1 })
  })

  it('loses nothing of those who count at the same time', async () => {
    const { totals } = place()
    await Promise.all([1, 2, 3].map((number) => succeed(totals.add({ retries: number }))))
    expect(await succeed(totals.read())).toEqual({ retries: 6 })
  })

  it('is no run, and no heartbeat', async () => {
    const { totals, history } = place()
    await succeed(totals.add({ retries: 1 }))
    expect([await succeed(history.list(10)), await succeed(history.lastBeat())]).toEqual([[], {}])
  })

  it('begins again where the row cannot be read', async () => {
    const { totals, table } = place()
    await table.createTable()
    for (const Numbers of ['{', '[]', '{"retries":"x"}', undefined]) {
      await table.upsertEntity({ partitionKey: 'Totals', rowKey: 'Totals', Numbers }, 'Replace')
      expect(await succeed(totals.read())).toEqual({})
    }
    await succeed(totals.add({ retries: 1 }))
    expect(await succeed(totals.read())).toEqual({ retries: 1 })
  })
})
