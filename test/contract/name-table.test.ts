import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import type { FeedName } from '../../lib/app/ports-name'
import { makeCheckpointTable } from '../../lib/adapters/storage/checkpoint-table'
import { makeNameTable } from '../../lib/adapters/storage/name-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'
import { fail, succeed } from './storage-results'

const azurite = useAzurite()

let places = 0
const place = () => {
  const { connectionString } = azurite()
  const prefix = `name${++places}`
  const table = TableClient.fromConnectionString(connectionString, `${prefix}SyncStateTable`, {
    allowInsecureConnection: true,
  })
  const account = makeStorageAccount({ connectionString })
  return { names: makeNameTable(account, prefix), checkpoints: makeCheckpointTable(account, prefix), table }
}

const begun: FeedName = { root: 'https://a.example', formerRoots: [] }
const renaming: FeedName = {
  ...{ feedId: 'dicomcast-1', root: 'https://b.example', formerRoots: ['https://a.example'] },
  renaming: { to: 'https://c.example', version: 'v2' },
}

describe('the row with the name of the feed', () => {
  it('is none at first, and then what was written', async () => {
    const { names } = place()
    expect(await succeed(names.read())).toEqual(O.none)
    await succeed(names.write(begun, undefined))
    const first = O.toUndefined(await succeed(names.read()))
    expect(first).toEqual({ ...begun, etag: expect.any(String) })
    await succeed(names.write(renaming, first?.etag))
    const second = await succeed(names.read())
    expect(second).toEqual(O.some({ ...renaming, etag: expect.any(String) }))
    const tried = { ...begun, conditions: { fhirBase: 'https://fhir.example', refusesOld: true, triedAt: 1_000 } }
    await succeed(names.write(tried, O.toUndefined(second)?.etag))
    expect(await succeed(names.read())).toEqual(O.some({ ...tried, etag: expect.any(String) }))
  })

  it('comes with the checkpoint in one call, whichever of both there is', async () => {
    const { names, checkpoints } = place()
    expect(await succeed(checkpoints.readNamed())).toEqual({ checkpoint: O.none, name: O.none })
    await succeed(names.write(begun, undefined))
    const name = O.some({ ...begun, etag: expect.any(String) })
    expect(await succeed(checkpoints.readNamed())).toEqual({ checkpoint: O.none, name })
    await succeed(checkpoints.write({ checkpoint: newCheckpoint(0), etag: undefined }, newCheckpoint(7)))
    const checkpoint = await succeed(checkpoints.read())
    expect(checkpoint).toMatchObject(O.some({ checkpoint: { syncedSequence: 7 } }))
    expect(await succeed(checkpoints.readNamed())).toEqual({ checkpoint, name })
  })

  it('is written by one of two only', async () => {
    const { names } = place()
    await succeed(names.write(begun, undefined))
    const { etag } = O.toUndefined(await succeed(names.read())) ?? { etag: '' }
    expect(await fail(names.write(begun, undefined))).toEqual({ _tag: 'CheckpointMoved' })
    await succeed(names.write(renaming, etag))
    expect(await fail(names.write(begun, etag))).toEqual({ _tag: 'CheckpointMoved' })
  })

  it.each([{ Root: 'https://a.example' }, { Root: 'https://a.example', FormerRoots: 'none' }, { FormerRoots: '[]' }])(
    'is no new feed when it cannot be read: %j',
    async (columns) => {
      const { names, table } = place()
      await table.createTable()
      await table.createEntity({ partitionKey: 'SyncStatePartitionKey', rowKey: 'SyncedFeed', ...columns })
      expect(await fail(names.read())).toMatchObject({ _tag: 'ServiceUnavailable', hop: 'storage' })
    },
  )
})
