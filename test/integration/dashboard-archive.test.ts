import { expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { useBrowser } from '../support/world/browser'
import { startFakeOrthanc } from '../support/world/fake-orthanc'
import { useOperateWorld } from '../support/world/operate-world'

const browser = useBrowser()
const newWorld = useOperateWorld()

it('the page compares an archive without a change feed with FHIR when it is asked to, and says what came of it', async () => {
  const orthanc = await startFakeOrthanc()
  const world = await newWorld({ settings: { DicomWeb__Endpoint: orthanc.url, DicomWeb__Source: 'orthanc' } })
  orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
  const context = await browser().newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${world.host.url}/api/dashboard`)
  await page.getByText('Never', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Compare the archive with FHIR now' }).click()
  await page.getByText('Compared: 2 studies, 2 differing, 0 gone.').waitFor()
  expect([held(world, 'ImagingStudy').length, complaints]).toEqual([2, []])
  await context.close()
  await orthanc.close()
})
