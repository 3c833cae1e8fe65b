import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { tickBackfill } from '../../lib/composition/backfill'
import { cast } from '../../lib/composition/cast'
import { startStorageProxy } from '../contract/storage-proxy'
import { images } from '../support/world/cast-images'
import { useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

/** `GET /devstoreaccount1/…Table(PartitionKey=…)?…`: of which table. */
const tableOf = (request: string): string | undefined =>
  /\/[A-Z]\w*?([A-Z][a-z]+(?:[A-Z][a-z]+)*Table)\b/.exec(request)?.[1]

it('an idle tick calls tables three times, of which one asks for a backfill, as docs/deploy.md counts them', async () => {
  const world = await newWorld()
  world.dicom.control.append(...images(3, { study: '1.2.3' }))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp' })
  const proxy = await startStorageProxy(world.environment()['AzureWebJobsStorage'] ?? '')
  try {
    const environment = world.environment({ AzureWebJobsStorage: proxy.connectionString })
    const tick = { environment, log: () => undefined, by: 'timer', schedule: '0 * * * * *' }
    expect(await cast({ ...tick, kind: 'timer' })).toMatchObject({ ended: 'CaughtUp', entries: 0 })
    const before = proxy.seen.length
    expect(await tickBackfill(tick)).toBeUndefined()
    expect(proxy.seen.slice(before).map(tableOf)).toEqual(['BackfillTable'])
    expect(proxy.seen.filter((request) => request.includes('Table'))).toHaveLength(3)
  } finally {
    await proxy.close()
  }
  const deploy = readFileSync(join(__dirname, '..', '..', 'docs', 'deploy.md'), 'utf8')
  expect(deploy).toContain('counted: 3 to blobs, 3 to tables, 1 to DICOM, none to FHIR')
})
