import { afterEach, describe, expect, it } from '@jest/globals'
import { join } from 'node:path'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { sole } from '../support/fhir/cast-fhir'
import { useBrowser } from '../support/world/browser'
import { created, deleted, images, uidsOf } from '../support/world/cast-images'
import {
  type OperateWorld,
  beat,
  closeGate,
  noStorage,
  takeLease,
  useOperateWorld,
} from '../support/world/operate-world'

const browser = useBrowser()
const newWorld = useOperateWorld()
const contexts: BrowserContext[] = []
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()))
})

interface Opened {
  readonly page: Page
  /** What the console, uncaught errors and the content security policy complained of. */
  readonly complaints: ReadonlyArray<string>
  /** Every request of the page, with its key. */
  readonly requests: ReadonlyArray<{ readonly url: string; readonly key: string | undefined }>
}

const open = async (world: OperateWorld, query = '', options: BrowserContextOptions = {}): Promise<Opened> => {
  const context = await browser().newContext({ viewport: { width: 1280, height: 900 }, ...options })
  contexts.push(context)
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  const requests: Array<Opened['requests'][number]> = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => requests.push({ url: request.url(), key: request.headers()['x-functions-key'] }))
  await page.goto(`${world.host.url}/api/dashboard${query}`)
  return { page, complaints, requests }
}

const verdict = async (page: Page, words: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name: words, exact: true }).waitFor()

const poisoned = { study: '1.2.840.113619.2.55.3.604688119', instance: 2 }
const poison = {
  fault: 'rejectResource',
  match: { bodyIncludes: `"${uidsOf(poisoned).sopInstanceUid}"` },
} as const

/** FHIR refuses one image of three, and one image of another study has a PatientID of its own. */
const withFailures = async (): Promise<OperateWorld> => {
  const world = await newWorld()
  world.fhir.faults.set([poison])
  world.dicom.control.append(
    ...images(3, { study: poisoned.study }),
    ...images(2, { study: '1.2.840.1.1' }),
    created({ study: '1.2.840.1.1', instance: 3, patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607' }),
  )
  expect((await world.call('POST', 'catch-up')).status).toBe(200)
  return world
}

const fhirTable = '[data-table=FhirFailToStoreExceptionTable]'

describe('GET /api/dashboard', () => {
  it('is one page that nothing else can get into', async () => {
    const world = await newWorld()
    const response = await fetch(`${world.host.url}/api/dashboard?code=secret`)
    const html = await response.text()
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      ),
    })
    expect(html).not.toContain('secret')
    expect(html).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(| style=| on\w+="/)
    expect(html.match(/\b(?:src|href)="[^"]*"/g)).toEqual(['href="data:,"', 'href="#main"'])
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//)
  })

  it('of a healthy installation says that all is well, in green and in words', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3))
    await world.call('POST', 'catch-up')
    const { page, complaints, requests } = await open(world)
    await verdict(page, 'All is well.')
    expect(await page.locator('#verdict').getAttribute('data-state')).toBe('fine')
    expect(await page.title()).toBe('✓ All is well – DICOMcast')
    expect(await page.locator('#charts').innerText()).toMatch(/Backlog\s+0 entries/)
    expect(await page.locator('#route').innerText()).toBe(
      `${new URL(world.dicom.url).host} → ${new URL(world.fhir.url).host}`,
    )
    expect(await page.locator('#health li').allInnerTexts()).toEqual([
      expect.stringMatching(/^DICOM service\s+✓ answers/),
      expect.stringMatching(/^FHIR service\s+✓ answers/),
      expect.stringMatching(/^Storage\s+✓ answers/),
    ])
    expect(await page.locator('#runs tbody tr').count()).toBe(1)
    await page.getByText('Nothing: all tables are empty.').waitFor()
    expect(complaints).toEqual([])
    expect(requests.filter(({ url }) => !url.startsWith(`${world.host.url}/api/`))).toEqual([])
  })

  it('keeps the key out of the address bar, and sends it in a header', async () => {
    const world = await newWorld()
    const { page, requests } = await open(world, '?code=a%2Bb%3D%3D')
    await verdict(page, 'All is well.')
    expect(page.url()).toBe(`${world.host.url}/api/dashboard`)
    expect(
      await page.evaluate('[history.length, localStorage.length, sessionStorage.length, document.cookie]'),
    ).toEqual([expect.any(Number), 0, 0, ''])
    const [opened, ...others] = requests
    expect(opened?.url).toContain('code=')
    expect(others.length).toBeGreaterThan(0)
    for (const { url, key } of others) expect([url.includes('code='), key]).toEqual([false, 'a+b=='])
  })

  it('asks for a key when the function app wants one', async () => {
    const world = await newWorld()
    const { page } = await open(world)
    await verdict(page, 'All is well.')
    // The local host has no keys: the platform's answer, word for word nothing.
    await page.route('**/api/status', (route) =>
      route.request().headers()['x-functions-key'] === 'right' ? route.fallback() : route.fulfill({ status: 401 }),
    )
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await verdict(page, 'It cannot be seen whether it works.')
    await page.getByLabel('Function key').fill('right')
    await page.keyboard.press('Enter')
    await verdict(page, 'All is well.')
    expect(await page.getByLabel('Function key').isVisible()).toBe(false)
  })

  it('shows what failed and why, replays a row, and sees it go', async () => {
    const world = await withFailures()
    const { page, complaints } = await open(world)
    await verdict(page, 'It works, and needs a look.')
    expect(await page.locator('#reasons li').allInnerTexts()).toEqual([
      '1 entry waits for a person to tell whose images they are: PatientMismatch 1 What to do',
      'Not castable as it is in DICOM: 1 row (PatientMismatch 1) What to do',
      'Not taken by FHIR: 1 row (FhirRejected 1) What to do',
    ])
    const row = page.locator(`${fhirTable} tbody tr`)
    expect(await row.innerText()).toMatch(/2\s+FhirRejected\s+1\s+1\.2\.840\.1…604688119[^]*FHIR refused it with 4\d\d/)
    expect(await page.locator('#identityList tbody tr').innerText()).toMatch(/PatientMismatch\s+1\.2\.840\.1\.1\s+1\s/)

    // It is still refused: the row stays, its attempt is counted, and the page says so.
    const replay = page.getByRole('button', { name: 'Replay entry 2, FhirRejected' })
    await replay.press('Enter')
    await page.getByText(/^Replayed 1 entry: 1 failed again\. FhirRejected: /).waitFor()
    expect(await row.locator('td').nth(2).innerText()).toBe('2')
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toBe(
      'Replay entry 2, FhirRejected',
    )

    // FHIR takes it now: the row goes, the focus does not get lost.
    world.fhir.faults.clear()
    await replay.press('Enter')
    await page.getByText('Replayed 1 entry: 1 stored.').waitFor()
    expect(await page.locator(fhirTable).count()).toBe(0)
    expect(await page.evaluate('document.activeElement.id')).toBe('failuresTitle')
    expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['6 PatientMismatch'] })
    expect(complaints).toEqual([])
  })

  it('replays a whole table, and a study of the work-list', async () => {
    const world = await withFailures()
    const { page } = await open(world)
    world.fhir.faults.clear()
    await page.getByRole('button', { name: 'Replay all of FhirFailToStoreExceptionTable' }).click()
    await page.getByText('Replayed 1 entry: 1 stored.').waitFor()
    const misfiled = { study: '1.2.840.1.1', instance: 3 }
    world.dicom.control.append(deleted(misfiled))
    await page.getByRole('button', { name: 'Replay PatientMismatch of study 1.2.840.1.1' }).click()
    await page.getByText('Replayed 1 entry: 1 superseded by a later entry.').waitFor()
    expect(await world.failed()).toEqual({})
    await page.getByText('Nothing waits for a person’s judgement.').waitFor()
  })

  it('goes on with "Replay all" until each row was tried once, and says how it ended beside that button', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(5, { patientId: null }))
    await world.call('POST', 'catch-up')
    const { page } = await open(world)
    let calls = 0
    // A call takes a thousand rows: here two.
    await page.route('**/api/replay', (route) => {
      calls += 1
      return route.continue({ postData: JSON.stringify({ ...(route.request().postDataJSON() as object), limit: 2 }) })
    })
    await page.getByRole('button', { name: 'Replay all of DicomFailToStoreExceptionTable' }).click()
    const told = page.getByText(/^Replayed 5 entries: 5 failed again\. Each was tried once\. TagsRejected: /)
    await told.waitFor()
    expect([
      calls,
      await page.locator('[data-table=DicomFailToStoreExceptionTable] .cardHead + #message').count(),
    ]).toEqual([3, 1])
    const counts = page.locator('[data-table=DicomFailToStoreExceptionTable] tbody tr td:nth-child(3)')
    expect(await counts.allInnerTexts()).toEqual(['2', '2', '2', '2', '2'])
  })

  it('says first why the last cast ended ill, though every service answers, and leads to what to do', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    world.fhir.faults.set([{ fault: '403', match: { interaction: 'transaction' } }])
    await world.call('POST', 'catch-up')
    const { page } = await open(world)
    await verdict(page, 'It does not work.')
    const [first] = await page.locator('#reasons li').allInnerTexts()
    expect(first).toMatch(/^the last cast \(catch-up, function key\) ended AccessDenied at [^]*\(403\)[^]*What to do$/)
    expect(await page.locator('#health .good').count()).toBe(3)
    expect(await page.locator('#tables > *').first().innerText()).toMatch(/^The last cast ended AccessDenied at /)
    await page.locator('#reasons li').first().getByRole('link').click()
    expect(await page.locator('#help-AccessDenied').getAttribute('open')).toBe('')
  })

  it('says in red that the timer does not run, and since when', async () => {
    const world = await newWorld({ app: { CastSchedule: '0 0 4 * * *' } })
    await beat(world, { TimerAt: new Date(Date.now() - 5 * 24 * 3_600_000) })
    const { page } = await open(world)
    await verdict(page, 'It does not work.')
    expect(await page.locator('#reasons').innerText()).toMatch(
      /^the timer has not run for 5 days, since [^]*What to do$/,
    )
    expect(await page.locator('#facts').innerText()).toMatch(/Timer\s+Does not run\s+last [^]*\(0 0 4 \* \* \*\)/)
  })

  it('leads from a closed gate to what it means', async () => {
    const world = await newWorld()
    await closeGate(world)
    const { page } = await open(world)
    await verdict(page, 'It is paused.')
    expect(await page.locator('#reasons a').getAttribute('href')).toBe('#help-GateClosed')
  })

  it('pauses and resumes the whole installation, and says who did', async () => {
    const world = await newWorld()
    world.dicom.control.append(created())
    await world.call('POST', 'catch-up')
    const { page, complaints } = await open(world)
    await verdict(page, 'All is well.')
    expect(await page.locator('#feedCard').innerText()).toContain(world.dicom.url)
    await page.getByRole('button', { name: 'Pause everything that writes' }).click()
    await page.getByText('Paused: nothing is written from now on.').waitFor()
    await verdict(page, 'It is paused.')
    expect(await page.locator('#feedCard').innerText()).toMatch(/everything is paused\s+since [\d:]+, by function key/)
    expect((await world.call('GET', 'status')).json).toMatchObject({ gate: { state: 'paused', by: 'function key' } })
    await page.getByRole('button', { name: 'Resume what was paused' }).click()
    await page.getByText('Resumed: the next tick goes on.').waitFor()
    await verdict(page, 'All is well.')
    expect(complaints).toEqual([])
  })

  it('renames the DICOM service, after it has told what that would do', async () => {
    const to = 'http://127.0.0.1:9/dicom'
    const world = await newWorld({ app: { DicomWeb__Endpoint: to } })
    world.dicom.control.append(created())
    await world.cast()
    const { page } = await open(world)
    const card = page.locator('#feedCard')
    await card.getByText(`DicomWeb__Endpoint names ${to}`).waitFor()
    await page.getByRole('button', { name: /: only look$/ }).click()
    await page.getByText('To be re-pointed: 1 Endpoint and 0 studies.').waitFor()
    expect(sole(world, 'Endpoint').address).toBe(`${world.dicom.url}/v2`)
    await page.getByRole('button', { name: `Rename ${world.dicom.url} to ${to}`, exact: true }).click()
    await page.getByText('Renamed; re-pointed: 1 Endpoint and 0 studies.').waitFor()
    expect(await card.innerText()).toMatch(new RegExp(`^${to}[^]*It was ${world.dicom.url}`))
    expect([sole(world, 'Endpoint').address, await card.getByRole('button').allInnerTexts()]).toEqual([
      `${to}/v2`,
      ['Pause'],
    ])
  })

  it('shows what cannot be read as not known, in grey: nothing is empty, free or zero', async () => {
    const world = await newWorld({ app: { AzureWebJobsStorage: noStorage } })
    const { page } = await open(world)
    await verdict(page, 'It does not work.')
    await page.locator('#tables .unknown').first().waitFor()
    expect(await page.locator('#tables .unknown h3').allInnerTexts()).toEqual(
      Array.from({ length: 5 }, () => expect.stringMatching(/: not known$/)),
    )
    expect([
      await page.locator('#runs .unknown').innerText(),
      await page.locator('#identityList .unknown').innerText(),
    ]).toEqual(['Not known: the run history cannot be read.', 'Not known: the tables cannot be read.'])
    expect(await page.locator('#main').innerText()).not.toMatch(
      /tables are empty|lease is free|Nobody|No run has done|0 entries/,
    )
    expect(await page.locator('#facts .quietly').count()).toBe(5)
  })

  it('keeps figures of before in grey and under their own time when nothing answers any more', async () => {
    const world = await newWorld()
    const { page } = await open(world)
    await verdict(page, 'All is well.')
    const read = await page.locator('#read').innerText()
    expect(read).toMatch(/^Read at /)
    await page.route('**/api/status', (route) => route.abort())
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await verdict(page, 'It cannot be seen whether it works.')
    expect(await page.locator('#read').innerText()).toBe(read.replace('Read at', 'Not read since'))
    expect(
      await page.evaluate(
        `[...new Set([...document.querySelectorAll('main > section:not(#verdict)')].map((each) => getComputedStyle(each).filter))]`,
      ),
    ).toEqual(['grayscale(1)'])
  })

  it('says so when somebody else has settled a row meanwhile', async () => {
    const world = await withFailures()
    const { page } = await open(world)
    await page.locator(fhirTable).waitFor()
    world.fhir.faults.clear()
    await world.call('POST', 'replay', { table: 'FhirFailToStoreExceptionTable' })
    await page.getByRole('button', { name: 'Replay entry 2, FhirRejected' }).click()
    await page.getByText('Nothing to replay: it has been settled meanwhile.').waitFor()
    expect(await page.locator(fhirTable).count()).toBe(0)
  })

  it.each([320, 390, 768, 1280])('fits a screen of %i pixels, with every button in reach', async (width) => {
    const world = await withFailures()
    const { page } = await open(world, '', { viewport: { width, height: 800 } })
    const replay = page.getByRole('button', { name: 'Replay entry 2, FhirRejected' })
    await replay.waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(
      await page.evaluate(`[...document.querySelectorAll('button')].flatMap((each) => {
        const { left, right } = each.getBoundingClientRect()
        return left >= 0 && right <= innerWidth ? [] : [each.textContent]
      })`),
    ).toEqual([])
    // Cards or columns: a screen reader finds the table.
    expect(await page.getByRole('table', { name: 'FhirFailToStoreExceptionTable: 1 row' }).count()).toBe(1)
    expect(await page.locator(fhirTable).getByRole('cell').count()).toBe(7)
  })

  it('catches up, and says what came of it', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '20' } })
    const timestamp = new Date(Date.now() - 7_200_000).toISOString()
    world.dicom.control.append(...images(100).map((change) => ({ ...change, timestamp })))
    const { page, complaints } = await open(world)
    await verdict(page, 'It works, and needs a look.')
    expect(await page.locator('#charts').innerText()).toMatch(/Backlog\s+100 entries[^]*Lag\s+2 h/)
    world.fhir.faults.set([{ fault: 'slow', delayMs: 300 }])
    await page.getByRole('button', { name: 'Catch up now' }).click()
    await page.getByRole('progressbar').waitFor()
    await page.getByText(/^Caught up: 100 entries read, 100 stored/).waitFor()
    await verdict(page, 'All is well.')
    expect(await page.getByRole('progressbar').isVisible()).toBe(false)
    expect(complaints).toEqual([])
  })

  it('says in red which service is down, and who is in the way', async () => {
    const world = await newWorld({ app: { Fhir__Endpoint: 'http://127.0.0.1:9' } })
    await takeLease(world)
    const { page } = await open(world)
    await verdict(page, 'It does not work.')
    expect(await page.locator('#verdict').getAttribute('data-state')).toBe('broken')
    expect(await page.locator('#reasons').innerText()).toBe('fhir: the connection was refused What to do')
    await page.getByRole('button', { name: 'Catch up now' }).click()
    await page.getByText(/^Another run holds the lease for \d+ s\./).waitFor()
  })

  it('refreshes by itself every 30 seconds, unless told not to', async () => {
    const world = await newWorld()
    const { page } = await open(world)
    await verdict(page, 'All is well.')
    const context = contexts.at(-1)
    await context?.clock.install()
    await page.goto(`${world.host.url}/api/dashboard`)
    await verdict(page, 'All is well.')
    const again = page.waitForResponse('**/api/status')
    await page.clock.fastForward(30_000)
    expect((await again).status()).toBe(200)
    await page.getByLabel('Refresh every 30 s').uncheck()
    let asked = 0
    page.on('request', () => (asked += 1))
    await page.clock.fastForward(90_000)
    expect(asked).toBe(0)
  })

  it('can be used with a keyboard and a screen reader, and holds no patient data', async () => {
    const world = await withFailures()
    const { page } = await open(world)
    await page.locator(fhirTable).waitFor()
    for (const landmark of ['banner', 'main', 'contentinfo'] as const) {
      expect([landmark, await page.getByRole(landmark).count()]).toEqual([landmark, 1])
    }
    // By hand what axe would look at first; each line names what it found wrong.
    expect(
      await page.evaluate(`(() => {
        const all = (selector) => [...document.querySelectorAll(selector)]
        const named = (each) => (each.getAttribute('aria-label') ?? each.textContent).trim() !== ''
        const ids = all('[id]').map(({ id }) => id)
        return [
          ...all('button').filter((each) => !named(each) || each.type === '').map(() => 'a button without a name'),
          ...all('input, progress').filter((each) => each.labels.length === 0).map(({ id }) => id + ' without a label'),
          ...all('table').filter((each) => !each.caption).map(() => 'a table without a caption'),
          ...all('th').filter((each) => !each.scope || !each.textContent).map(() => 'a head without a scope or words'),
          ...all('svg').filter((each) => each.getAttribute('role') !== 'img' || !named(each)).map(() => 'a chart without words'),
          ...all('section').filter((each) => !document.getElementById(each.getAttribute('aria-labelledby'))).map(() => 'a section without a name'),
          ...all('[tabindex]').filter((each) => each.tabIndex > 0).map(() => 'an order of its own'),
          ...all('[onclick], a:not([href])').map(() => 'something that is no button'),
          ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => id + ' twice'),
          ...(document.documentElement.lang === 'en' ? [] : ['no language']),
        ]
      })()`),
    ).toEqual([])
    expect(await page.locator('[role=status]').count()).toBe(2)
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toBe('skip')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    const content = await page.content()
    for (const secret of ['Rivera', 'Stone', '19700102', '19510607', 'P2<']) expect(content).not.toContain(secret)
  })

  it.each(['light', 'dark'] as const)('has a %s dress, with text that stands out', async (colorScheme) => {
    const world = await withFailures()
    const { page } = await open(world, '', { colorScheme })
    await page.locator(fhirTable).waitFor()
    expect(
      await page.evaluate(`(() => {
        const parts = (color) => color.match(/[\\d.]+/g).map(Number)
        const light = (color) => {
          const [r, g, b] = parts(color).map((each) => each / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
          return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const behind = (node) => {
          const color = getComputedStyle(node).backgroundColor
          return parts(color)[3] === 0 && node.parentElement ? behind(node.parentElement) : color
        }
        return [...document.querySelectorAll('h1, h2, h3, p, li, dt, dd, th, td, caption, button, label, footer, figcaption')]
          .filter((node) => node.checkVisibility() && node.textContent.trim() !== '')
          .flatMap((node) => {
            const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x)
            const contrast = (a + 0.05) / (b + 0.05)
            return contrast < 4.5 ? [node.tagName + ' ' + node.textContent.slice(0, 20) + ' ' + contrast.toFixed(2)] : []
          })
      })()`),
    ).toEqual([])
    const background = await page.evaluate('getComputedStyle(document.body).backgroundColor')
    expect(background).toBe(colorScheme === 'dark' ? 'rgb(16, 19, 23)' : 'rgb(245, 246, 248)')
  })
})

// The pictures of docs/operations.md: DICOMCAST_SCREENSHOTS=1 npx jest --selectProjects integration dashboard
if (process.env['DICOMCAST_SCREENSHOTS'] === '1') {
  it('is pictured, light and dark', async () => {
    const root = '1.2.826.0.1.3680043.8.498'
    const at = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()
    const world = await newWorld({ settings: { Patient__IsIssuerIdUsed: 'true', DicomCast__BatchSize: '150' } })
    const issuer = { '00100021': { vr: 'LO', Value: ['Elsewhere'] } }
    const poisonedUid = uidsOf({ study: `${root}.4021`, instance: 7 }).sopInstanceUid
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: `"${poisonedUid}"` } }])
    for (let round = 0; round < 8; round += 1) {
      const study = `${root}.40${20 + round}`
      const stamped = [
        ...images([90, 140, 220, 640, 480, 310, 60, 40][round] ?? 0, { study }),
        ...(round === 2
          ? [created({ study, series: 9, patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607' })]
          : []),
        ...(round === 4 ? [1, 2].map((instance) => created({ study: `${root}.77`, instance, elements: issuer })) : []),
      ].map((change, index) => ({ ...change, timestamp: at(160 - round * 20 - index / 40) }))
      world.dicom.control.append(...stamped)
      await world.call('POST', `catch-up?maxBatches=2`)
    }
    world.dicom.control.append(...images(36, { study: `${root}.4040` }).map((each) => ({ ...each, timestamp: at(4) })))
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await open(world, '', { colorScheme })
      await page.locator(fhirTable).waitFor()
      const path = join(__dirname, '..', '..', 'docs', `dashboard-${colorScheme}.png`)
      await page.screenshot({ path, fullPage: true })
    }
  }, 600_000)

  const screens: Readonly<Record<string, () => Promise<OperateWorld>>> = {
    'dead-timer': async () => {
      const world = await newWorld({ app: { CastSchedule: '0 0 4 * * *' } })
      world.dicom.control.append(...images(40))
      await world.call('POST', 'catch-up')
      await beat(world, { TimerAt: new Date(Date.now() - 5 * 24 * 3_600_000) })
      return world
    },
    'writes-refused': async () => {
      const world = await newWorld()
      world.dicom.control.append(...images(40))
      world.fhir.faults.set([{ fault: '403', match: { interaction: 'transaction' } }])
      await world.host.fire('castTimer')
      return world
    },
    'storage-down': () => newWorld({ app: { AzureWebJobsStorage: noStorage } }),
    failures: async () => {
      const world = await newWorld({ settings: { Patient__IsIssuerIdUsed: 'true' } })
      const issuer = { '00100021': { vr: 'LO', Value: ['Elsewhere'] } }
      world.dicom.control.append(
        ...images(1_300, { study: '1.2.840.1.7', patientId: null }),
        ...images(3, { study: '1.2.840.1.1' }),
        created({ study: '1.2.840.1.1', instance: 4, patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607' }),
        ...[1, 2].map((instance) => created({ study: '1.2.840.1.77', instance, elements: issuer })),
      )
      await world.call('POST', 'catch-up')
      return world
    },
    paused: async () => {
      const world = await newWorld({ app: { 'AzureWebJobs.castTimer.Disabled': 'true' } })
      world.dicom.control.append(...images(40))
      await world.call('POST', 'catch-up')
      world.dicom.control.append(...images(7, { study: '1.2.840.1.2' }))
      return world
    },
  }
  it.each(Object.entries(screens))(
    'is pictured: %s',
    async (name, arrange) => {
      const world = await arrange()
      for (const [dress, options] of [
        ['light', { colorScheme: 'light' }],
        ['dark', { colorScheme: 'dark' }],
        ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 } }],
      ] as const) {
        const { page } = await open(world, '', options)
        await page.locator('#tables > *').first().waitFor({ state: 'attached' })
        const path = join(__dirname, '..', '..', 'docs', 'screens', `${name}-${dress}.png`)
        await page.screenshot({ path })
      }
    },
    600_000,
  )
}
