import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import type { Page } from 'playwright-core'
import { useBrowser } from '../support/world/browser'
import { backfillIn, fill } from '../support/world/backfill-world'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const browser = useBrowser()
const newWorld = useOperateWorld()

/** No worker in the app: what is on the page stands still until the test works on it. */
const still = { 'AzureWebJobs.backfillWork.Disabled': 'true', DicomCast__HoleAge: '00:00:01' }

const opened = async (world: OperateWorld) => {
  const context = await browser().newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${world.host.url}/api/dashboard`)
  return { page, complaints, close: () => context.close() }
}

/** Reached with Tab, pressed with Enter. */
const press = async (page: Page, label: string): Promise<void> => {
  for (let tabs = 0; tabs < 80; tabs++) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate('document.activeElement.getAttribute("aria-label")')) !== label) continue
    return page.keyboard.press('Enter')
  }
  throw new Error(`no Tab leads to ${label}`)
}

/** What axe finds in the block. */
const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe)
  const found = (await page.evaluate('axe.run("#backfill")')) as { violations: ReadonlyArray<{ id: string }> }
  return found.violations.map(({ id }) => id)
}

const focused = (page: Page) => page.evaluate('document.activeElement.id || document.activeElement.dataset.key')

it('begins a backfill after it was counted, shows how far it is and how it ended, and cancels one, all by keyboard', async () => {
  const world = await newWorld({ app: still })
  fill(world, 12)
  const { page, complaints, close } = await opened(world)
  const block = page.locator('#backfill')
  await block.getByText('None is at work').waitFor()

  await press(page, 'What would a backfill do: only count')
  await page.getByText('It would read 12 studies, about 36 images. Until it is over nothing else writes').waitFor()
  expect(await focused(page)).toBe('backfill button')
  expect(await world.call('GET', 'backfill')).toMatchObject({ status: 404 })

  await page.keyboard.press('Enter')
  await page.getByText('It has begun.').waitFor()
  expect(await focused(page)).toBe('backfillTitle')
  await block.getByText('It waits until every entry up to the head of the feed can be seen').waitFor()
  const bar = async (what: string) => page.evaluate(`document.querySelector("#backfillBar").${what}`)
  // Nothing is counted yet. axe looks for the name of a role, and not for that of a progress element.
  expect([await bar('position'), await bar('labels.length')]).toEqual([-1, 1])
  expect(await violations(page)).toEqual([])
  expect(await page.locator('[role=status]').count()).toBe(2)

  const backfill = backfillIn(world)
  // Somewhere in the middle: one lane is through, others are at work.
  while ((await backfill.status()).done.images === 0) {
    if ((await backfill.step()) === undefined) await sleep(20).then(backfill.tick)
  }
  const { done, lanesAtWork } = await backfill.status()
  await page.getByRole('button', { name: 'Refresh now' }).click()
  await block.getByText(`${done.images} of about 36 images`).waitFor()
  expect(await bar('position')).toBeCloseTo(done.images / 36)
  expect(await block.innerText()).toMatch(new RegExp(`Lanes\\s+${lanesAtWork} of 8\\s+at work`))
  await backfill.run()
  await page.getByRole('button', { name: 'Refresh now' }).click()
  await block.getByText('The last one is done').waitFor()
  expect(await violations(page)).toEqual([])
  expect(await block.innerText()).toMatch(/Done\s+12 studies\s+36 images, 36 written, 0 not cast/)

  await page.getByRole('button', { name: 'What would a backfill do: only count' }).click()
  await page.getByRole('button', { name: 'Begin a backfill of 12 studies, about 36 images' }).click()
  await page.getByText('It has begun.').waitFor()
  await press(page, 'Cancel the backfill')
  await page.getByText('Press again to cancel it.').waitFor()
  expect(await world.call('GET', 'backfill')).toMatchObject({ json: { state: 'waiting' } })
  await page.keyboard.press('Enter')
  await page.getByText('Cancelled: the feed goes on from where it stood.').waitFor()
  await block.getByText('The last one was cancelled').waitFor()
  expect(await world.call('GET', 'status')).toMatchObject({ json: { gate: { state: 'running' } } })
  expect(complaints).toEqual([])
  await close()
}, 60_000)

it('offers none for an archive without a change feed', async () => {
  const world = await newWorld({ app: { DicomWeb__Source: 'dicomweb' } })
  const { page, close } = await opened(world)
  await page.locator('#facts').getByText('Compared').waitFor()
  expect(await page.locator('#backfill').isVisible()).toBe(false)
  await close()
}, 60_000)
