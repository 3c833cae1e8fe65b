import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { makeWakeTable } from '../../lib/adapters/storage/wake-table'
import { useAzurite } from '../support/world/azurite'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()

let places = 0
const place = () => {
  const { connectionString } = azurite()
  const prefix = `wake${++places}`
  const table = TableClient.fromConnectionString(connectionString, `${prefix}WakeTable`, {
    allowInsecureConnection: true,
  })
  return { wake: makeWakeTable(makeStorageAccount({ connectionString }), prefix), table }
}

describe('the row that events write', () => {
  it('is none at first, and then what was written', async () => {
    const { wake } = place()
    expect(await succeed(wake.read())).toEqual(O.none)
    const row = { sequence: Number.MAX_SAFE_INTEGER, toldAt: 1_000 }
    await succeed(wake.write(row, undefined))
    expect(await succeed(wake.read())).toEqual(O.some({ ...row, etag: expect.any(String) }))
  })

  it('is written by one of two only', async () => {
    const { wake } = place()
    await succeed(wake.write({ sequence: 1, toldAt: 0 }, undefined))
    const { etag } = O.toUndefined(await succeed(wake.read())) ?? { etag: '' }
    expect(await fail(wake.write({ sequence: 2, toldAt: 0 }, undefined))).toEqual({ _tag: 'CheckpointMoved' })
    await succeed(wake.write({ sequence: 3, toldAt: 0 }, etag))
    expect(await fail(wake.write({ sequence: 4, toldAt: 0 }, etag))).toEqual({ _tag: 'CheckpointMoved' })
    expect(await succeed(wake.read())).toMatchObject(O.some({ sequence: 3 }))
  })

  it.each([{ Sequence: 'soon', ToldAt: 'now' }, { Sequence: -5n }, { Sequence: 2n ** 62n }, {}])(
    'tells of nothing when it makes no sense, and is written over: %#',
    async (columns) => {
      const { wake, table } = place()
      await table.createTable()
      const bigints = Object.entries(columns).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? { type: 'Int64', value: String(value) } : value,
      ])
      await table.createEntity({ partitionKey: 'Wake', rowKey: 'Wake', ...Object.fromEntries(bigints) })
      const read = O.toUndefined(await succeed(wake.read()))
      expect(read).toMatchObject({ sequence: 0, toldAt: 0 })
      await succeed(wake.write({ sequence: 7, toldAt: 0 }, read?.etag))
      expect(await succeed(wake.read())).toMatchObject(O.some({ sequence: 7 }))
    },
  )
})
