import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { BlobServiceClient } from '@azure/storage-blob'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAzurite, type Azurite } from '../../local/azurite'
import { useAzurite } from '../support/world/azurite'

const tableOf = ({ connectionString }: Azurite, name: string) =>
  TableClient.fromConnectionString(connectionString, name, { allowInsecureConnection: true })

describe('Azurite', () => {
  const azurite = useAzurite()

  it('serves tables and blobs under one connection string', async () => {
    const table = tableOf(azurite(), 'Things')
    await table.createTable()
    await table.createEntity({ partitionKey: 'p', rowKey: 'r', n: { type: 'Int64', value: '9007199254740993' } })
    expect((await table.getEntity('p', 'r')).n).toBe(9007199254740993n)

    const container = BlobServiceClient.fromConnectionString(azurite().connectionString).getContainerClient('things')
    expect((await container.create())._response.status).toBe(201)
    expect(container.url).toBe(`${azurite().blobUrl}/things`)
  })

  it('starts twice at once, each on ports of its own, and is gone when closed', async () => {
    const second = await startAzurite()
    expect(second.tableUrl).not.toBe(azurite().tableUrl)
    await second.close()
    await expect(fetch(second.tableUrl)).rejects.toThrow()
  })

  it('keeps its tables in a folder between starts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'azurite-'))
    const first = await startAzurite({ folder })
    await tableOf(first, 'Kept').createTable()
    await tableOf(first, 'Kept').createEntity({ partitionKey: 'p', rowKey: 'r', text: 'still here' })
    await first.close()
    const second = await startAzurite({ folder })
    expect((await tableOf(second, 'Kept').getEntity('p', 'r')).text).toBe('still here')
    await second.close()
    await rm(folder, { recursive: true })
  })
})
