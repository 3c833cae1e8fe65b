import { expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { BlobServiceClient } from '@azure/storage-blob'
import { errorTables } from '../../lib/app/ports-operator'
import { useBrowser } from '../support/world/browser'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const browser = useBrowser()
const newWorld = useOperateWorld()

/** What would run, were it ever taken for markup or for a part of a script; a row key may hold no `/`. */
const markup = '<img src=x onerror="pwned=1"><svg onload="pwned=2">"\'`${pwned=3}</script><script>pwned=4</script>'
const inKey = '<img src=x onerror="pwned=5">'
const scheme = 'javascript:pwned=6'

const tableOf = async (world: OperateWorld, name: string): Promise<TableClient> => {
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const client = TableClient.fromConnectionString(AzureWebJobsStorage, `${TableStore__TableNamePrefix}${name}`, {
    allowInsecureConnection: true,
  })
  await client.createTable()
  return client
}

/** Whoever can write to the storage account puts markup into every column that the page shows. */
const poison = async (world: OperateWorld): Promise<void> => {
  const texts = { PartitionName: markup, StudyUid: markup, SeriesUid: markup, InstanceUid: markup, Exception: markup }
  for (const name of errorTables) {
    const client = await tableOf(world, name)
    const rows = {
      [`${inKey}1`]: markup,
      [`${inKey}2`]: 'constructor',
      [`${inKey}3`]: 'PatientMismatch',
      [scheme]: scheme,
    }
    for (const [rowKey, Code] of Object.entries(rows))
      await client.upsertEntity({
        partitionKey: name,
        rowKey,
        ...texts,
        Code,
        RejectionCode: markup,
        ChangeFeedSequence: 7n,
      })
  }
  const history = await tableOf(world, 'RunHistoryTable')
  const run = { RunId: markup, By: markup, Ended: markup, Reason: `${markup}\n${markup}`, Version: markup }
  const numbers = { FromSequence: 0n, ToSequence: 0n, Head: 0n, Entries: 1, Stored: 1, Recorded: 0, DurationMs: 5 }
  await history.upsertEntity({
    ...{ partitionKey: 'RunHistory', rowKey: '0', StartedAt: new Date(), Kind: 'cast', ...run, ...numbers },
  })
  await history.upsertEntity({
    ...{ partitionKey: 'Heartbeat', rowKey: 'Heartbeat', TimerAt: new Date(), Schedule: markup },
  })
  const sync = await tableOf(world, 'SyncStateTable')
  const key = { partitionKey: 'SyncStatePartitionKey', rowKey: 'SyncStateRowKey' }
  await sync.upsertEntity({ ...key, SyncedSequence: 0n, SyncedTimestamp: markup, SyncedInstanceUid: markup })
  const gate = await tableOf(world, 'GateTable')
  await gate.upsertEntity({ partitionKey: 'Gate', rowKey: 'Gate', State: 'paused', By: markup, Since: new Date() })
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const container = BlobServiceClient.fromConnectionString(AzureWebJobsStorage).getContainerClient('dicomcast')
  await container.createIfNotExists()
  const lease = container.getBlockBlobClient(`${TableStore__TableNamePrefix.toLowerCase()}cast-lease`)
  await lease.upload('', 0, { metadata: { runid: inKey, startedat: new Date(0).toISOString() } })
  await lease.getBlobLeaseClient().acquireLease(60)
}

it('markup in every column of every table is shown as text, and nothing of it runs', async () => {
  const world = await newWorld()
  await poison(world)
  const context = await browser().newContext()
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('dialog', (dialog) => complaints.push(dialog.message()))
  const asked = new Set<string>()
  page.on('request', (request) => asked.add(new URL(request.url()).pathname))
  await page.goto(`${world.host.url}/api/dashboard`)
  await page.locator('[data-table=FhirFailToStoreExceptionTable] tbody tr').nth(3).waitFor()
  await page.locator('#runs tbody tr').first().waitFor()
  for (const summary of await page.locator('details > summary').all()) await summary.click()
  // A press of each kind of button: copying a UID, replaying such a row.
  await page.locator('button.uid').first().click()
  await page.locator('[data-table=FhirFailToStoreExceptionTable] tbody button.does').first().click()
  await page.locator('#message').filter({ hasNotText: 'Replaying' }).waitFor()
  expect(
    await page.evaluate(`[typeof pwned, document.querySelectorAll('main img, main script, main iframe, main svg[onload]').length,
      [...document.querySelectorAll('*')].flatMap((each) => each.getAttributeNames()).filter((name) => name.startsWith('on')),
      [...document.querySelectorAll('a')].map((each) => each.protocol).filter((each) => each === 'javascript:')]`),
  ).toEqual(['undefined', 0, [], []])
  const text = await page.locator('main').innerText()
  expect(text.split('<svg onload="pwned=2">').length).toBeGreaterThan(20)
  expect(complaints.filter((each) => !/status of 400|status of 409|clipboard/i.test(each))).toEqual([])
  expect([...asked].filter((path) => !/^\/api\/(dashboard|status|failures\/\w+|replay)$/.test(path))).toEqual([])
  await context.close()
}, 60_000)
