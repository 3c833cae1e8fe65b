import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import { makeGateTable } from '../../lib/adapters/storage/gate-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()

let places = 0
const place = () => {
  const { connectionString } = azurite()
  const prefix = `gate${++places}`
  const table = TableClient.fromConnectionString(connectionString, `${prefix}GateTable`, {
    allowInsecureConnection: true,
  })
  return { gate: makeGateTable(makeStorageAccount({ connectionString }), prefix), table }
}
const paused = { state: 'paused', by: 'anna', since: 1_000 } as const

describe('the row of the gate', () => {
  it('is none at first, and then what was written', async () => {
    const { gate } = place()
    expect(await succeed(gate.read())).toEqual(O.none)
    await succeed(gate.write(paused, undefined))
    const read = await succeed(gate.read())
    expect(read).toEqual(O.some({ ...paused, etag: expect.any(String) }))
    await succeed(gate.write({ ...paused, state: 'running' }, O.toUndefined(read)?.etag))
    expect(await succeed(gate.read())).toMatchObject(O.some({ state: 'running' }))
  })

  it('is written by one of two only', async () => {
    const { gate } = place()
    await succeed(gate.write(paused, undefined))
    const { etag } = O.toUndefined(await succeed(gate.read())) ?? { etag: '' }
    expect(await fail(gate.write(paused, undefined))).toEqual({ _tag: 'CheckpointMoved' })
    await succeed(gate.write({ ...paused, by: 'bob' }, etag))
    expect(await fail(gate.write({ ...paused, by: 'eve' }, etag))).toEqual({ _tag: 'CheckpointMoved' })
    expect(await succeed(gate.read())).toMatchObject(O.some({ by: 'bob' }))
  })

  it('is no open gate when it cannot be read', async () => {
    const { gate, table } = place()
    await table.createTable()
    await table.createEntity({ partitionKey: 'Gate', rowKey: 'Gate', State: 'resting' })
    expect(await fail(gate.read())).toMatchObject({ _tag: 'ServiceUnavailable', hop: 'storage' })
  })
})
