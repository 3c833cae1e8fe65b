import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { type DicomService, startDicomService } from '../../local/dicom/service'
import { type FhirService, startFhirService } from '../../local/fhir/service'
import { type FunctionsHost, startFunctionsHost } from '../../local/functions-host'
import { experimentSteps } from '../../local/pages/experiment'
import { storeSamples } from '../../local/stack-samples'
import { commandSettings, stackSettings } from '../../local/stack-settings'
import { useAzurite } from '../support/world/azurite'
import { useBrowser } from '../support/world/browser'
import { dicomcast } from '../support/world/command-line'

const azurite = useAzurite()
const browser = useBrowser()
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const markup = '<img src=x onerror="pwned=1">"\'</style></p><script>pwned=2</script>&amp;'

let dicom: DicomService
let fhir: FhirService
let host: FunctionsHost

const text = (vr: string, value: string) => ({ vr, Value: [value] })
const hostile = {
  partitionName: 'Microsoft.Default',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.1',
  sopInstanceUid: '1.2.3.1.1',
}

beforeAll(async () => {
  ;[dicom, fhir] = [await startDicomService(), await startFhirService()]
  await storeSamples(dicom.url)
  const metadata = {
    '00080016': text('UI', '1.2.840.10008.5.1.4.1.1.2'),
    '00080018': text('UI', hostile.sopInstanceUid),
    '00080060': text('CS', markup),
    '0008103E': text('LO', markup),
    '00100010': { vr: 'PN', Value: [{ Alphabetic: markup }] },
    '00100020': text('LO', markup),
    [markup]: text(markup, markup),
  }
  dicom.feed.append([{ ...hostile, action: 'Create', metadata: JSON.stringify(metadata) }])
  const urls = { dicom: dicom.url, fhir: fhir.url, connectionString: azurite().connectionString }
  host = await startFunctionsHost({ env: stackSettings({}, urls, {}, false) })
  expect(await host.fire('castTimer')).toEqual({ succeeded: true })
  fhir.seed({
    resourceType: 'Observation',
    id: 'dose',
    status: 'final',
    code: { text: markup },
    note: [{ text: markup }],
  })
  const neighbours = { functions: host.url, dicom: dicom.url, fhir: fhir.url }
  dicom.standBeside(neighbours)
  fhir.standBeside(neighbours)
})
afterAll(async () => {
  await host.close()
  await Promise.all([dicom.close(), fhir.close()])
})

const withPage = async <A>(url: string, look: (page: Page) => Promise<A>, options: BrowserContextOptions = {}) => {
  const context = await browser().newContext(options)
  try {
    const page = await context.newPage()
    const problems: string[] = []
    page.on('pageerror', ({ message }) => problems.push(message))
    // What the page's own policy refuses is told here.
    page.on('console', (message) => problems.push(message.text()))
    page.on('requestfailed', (request) => problems.push(request.url()))
    await page.goto(url)
    const looked = await look(page)
    expect(problems).toEqual([])
    return looked
  } finally {
    await context.close()
  }
}

const studies = () => fhir.store.ofType('ImagingStudy')
const ofMr = () => studies().find((study) => JSON.stringify(study['modality']).includes('MR'))
const liveImages = () => [...dicom.feed.rows()].map(({ instance }) => instance)
const viewOf = ({ partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid }: typeof hostile): string =>
  `${dicom.url}/_local/view/${[partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid].join('/')}`

/** Every kind of page there is. */
const pages: ReadonlyArray<readonly [name: string, url: () => string]> = [
  ['the stack’s index', () => `${host.url}/`],
  ['the DICOM service', () => `${dicom.url}/`],
  ['the FHIR service', () => `${fhir.url}/`],
  ['a Patient', () => `${fhir.url}/_local/view/Patient/${fhir.store.ofType('Patient')[0]?.id ?? ''}`],
  ['an ImagingStudy', () => `${fhir.url}/_local/view/ImagingStudy/${ofMr()?.id ?? ''}`],
  ['an Observation', () => `${fhir.url}/_local/view/Observation/dose`],
  ['an image', () => viewOf(liveImages().at(-2) ?? hostile)],
  ['an image full of markup', () => viewOf(hostile)],
]

describe.each(pages)('%s', (_, url) => {
  it('has nothing that axe finds, in the light and in the dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const violations = await withPage(
        url(),
        async (page) => {
          await page.evaluate(axe)
          const { violations } = (await page.evaluate('axe.run()')) as { violations: ReadonlyArray<{ id: string }> }
          return violations.map(({ id }) => id)
        },
        { colorScheme, bypassCSP: true },
      )
      expect([colorScheme, violations]).toEqual([colorScheme, []])
    }
  })

  it('fits 320 pixels, which is also 1280 at 400 %, and 640 with text at 200 %', async () => {
    const wider = async (page: Page): Promise<unknown> =>
      page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    expect(await withPage(url(), wider, { viewport: { width: 320, height: 640 } })).toBe(0)
    const large = async (page: Page): Promise<unknown> => {
      await page.addStyleTag({ content: 'html { font-size: 200% }' })
      return wider(page)
    }
    expect(await withPage(url(), large, { viewport: { width: 640, height: 800 }, bypassCSP: true })).toBe(0)
  })

  it('links to nothing that is not there, and runs nothing', async () => {
    const [links, state] = await withPage(url(), async (page) => [
      (await page.evaluate('[...document.links].map((each) => each.href)')) as ReadonlyArray<string>,
      await page.evaluate('[typeof pwned, document.querySelectorAll("script, img").length]'),
    ])
    expect(state).toEqual(['undefined', 0])
    for (const each of new Set(links)) {
      const { status } = await fetch(each, { headers: { accept: 'text/html' } })
      expect([each, status]).toEqual([each, 200])
    }
  })
})

const said = (url: string): Promise<string> => withPage(url, (page) => page.locator('main').innerText())

describe('what the pages say', () => {
  it('of an image: each attribute beside its element, what is left out and why, what nobody reads', async () => {
    const image = liveImages().find(
      ({ last }) => last?.metadata?.includes('"19') && last.metadata.includes('"00100030"'),
    )
    const page = await said(viewOf(image ?? hostile))
    expect(page).toMatch(/SOPInstanceUID \(0008,0018\)\n[\d.]+\n+ImagingStudy\.series\.instance\.uid\nuid [\d.]+/)
    expect(page).toMatch(/Left out, and why[\s\S]*Left out: /)
    expect(page).toMatch(/\d+ attributes/)
    expect(page).toContain('Its study in FHIR')
  })

  it('of an image without PatientID: that it is not in FHIR, and where it is listed', async () => {
    const image = liveImages().find(({ last }) => !(last?.metadata ?? '').includes('"00100020":{"vr":"LO","Value"'))
    const page = await said(viewOf(image ?? hostile))
    expect(page).toContain('Not in FHIR: PatientID is missing.')
    expect(page).toContain('DicomFailToStoreExceptionTable')
  })

  it('of what is gone: that it is not there', async () => {
    for (const url of [`${dicom.url}/_local/view/a/b/c/d`, `${fhir.url}/_local/view/Patient/nobody`]) {
      const response = await fetch(url)
      expect([response.status, await response.text()]).toEqual([
        404,
        expect.stringContaining('nothing at this address'),
      ])
    }
  })

  it('the root answers a program as before', async () => {
    for (const url of [dicom.url, fhir.url, host.url]) {
      const response = await fetch(`${url}/`, { headers: { accept: 'application/json' } })
      expect([response.status, response.headers.get('content-type')]).not.toEqual([
        200,
        expect.stringContaining('html'),
      ])
    }
  })
})

const withCurl = spawnSync('bash', ['-c', 'command -v curl']).status === 0 ? it : it.skip

describe('what npm start prints', () => {
  it('has settings with which the commands work on the stack', async () => {
    const { connectionString } = azurite()
    const { code, stdout } = await dicomcast(
      commandSettings({ dicom: dicom.url, fhir: fhir.url, connectionString }, {}),
      'status',
    )
    expect([code, stdout]).toEqual([expect.any(Number), expect.stringContaining('Checkpoint')])
  })

  withCurl('has an experiment: FHIR fails, nothing is lost, and the next cast catches up', async () => {
    const uid = liveImages().at(-2)?.studyInstanceUid ?? ''
    // Not waited for by a blocked thread: the services answer from this process.
    const shell = (command = '') => promisify(execFile)('bash', ['-c', command])
    const described = () => studies().filter(({ description }) => description === 'Changed while FHIR was down').length
    const [fail, change, mend] = experimentSteps(fhir.url, { dicomUrl: dicom.url, uid })
    await shell(fail?.command)
    await shell(change?.command)
    await host.fire('castTimer')
    expect([fhir.faults.list()[0]?.hits, described()]).toEqual([expect.any(Number), 0])
    await shell(mend?.command)
    expect(await host.fire('castTimer')).toEqual({ succeeded: true })
    expect([fhir.faults.list(), described()]).toEqual([[], 1])
  })
})

// The pictures of the README: DICOMCAST_SCREENSHOTS=1 npx jest --selectProjects integration --testPathPatterns local-pages
if (process.env['DICOMCAST_SCREENSHOTS'] === '1') {
  it.each(['light', 'dark'] as const)('an image is pictured beside its FHIR elements: %s', async (colorScheme) => {
    const image = liveImages().find(({ studyInstanceUid }) => JSON.stringify(ofMr()).includes(studyInstanceUid))
    const path = join(__dirname, '..', '..', 'docs', 'screens', `image-beside-fhir-${colorScheme}.png`)
    const options = { colorScheme, viewport: { width: 1100, height: 900 } }
    await withPage(viewOf(image ?? hostile), (page) => page.screenshot({ path }), options)
  })
}
