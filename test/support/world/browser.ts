import { afterAll, beforeAll } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'

const run = promisify(execFile)
const root = join(__dirname, '..', '..', '..')

/** Unpacks where TMPDIR says; the libraries that a bare system lacks only for what looks like a Lambda. */
const unpack = `
  import chromium from '@sparticuz/chromium'
  console.log(JSON.stringify({ path: await chromium.executablePath(), args: chromium.args }))
`

interface Unpacked {
  readonly path: string
  readonly args: ReadonlyArray<string>
}

// Made for a Lambda: they weaken what is tested here, or end the browser with its first page.
const notForUs = /^--(single-process|no-zygote|headless|disable-web-security|allow-running-insecure-content)/

const environment = (extra: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ),
  ...extra,
})

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 2_000)

const launchPackaged = async (folder: string): Promise<Browser> => {
  const env = environment({ TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' })
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', unpack], { cwd: root, env })
  const { path: executablePath, args: recommended } = JSON.parse(stdout) as Unpacked
  const args = [...recommended.filter((flag) => !notForUs.test(flag)), '--no-sandbox']
  try {
    return await chromium.launch({ executablePath, args })
  } catch {
    const libraries = join(folder, 'al2023', 'lib')
    await readdir(libraries)
    const fonts = join(folder, 'fonts')
    const withLibraries = environment({ LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: fonts })
    return await chromium.launch({ executablePath, args, env: withLibraries })
  }
}

const launchInstalled = async (): Promise<Browser> => {
  const reasons: string[] = []
  for (const channel of ['chrome', 'msedge', 'chromium']) {
    try {
      return await chromium.launch({ channel })
    } catch (error) {
      reasons.push(`${channel}: ${reasonOf(error)}`)
    }
  }
  throw new Error(
    `There is no browser for this test. Install Google Chrome or Microsoft Edge: only for Linux on x64 one comes with an npm package.\n${reasons.join('\n')}`,
  )
}

/** One real headless Chromium a file: from the npm package on Linux x64, elsewhere the Chrome or Edge that is installed. */
export const useBrowser = (): (() => Browser) => {
  let browser: Browser | undefined
  let folder: string | undefined
  beforeAll(async () => {
    if (process.platform === 'linux' && process.arch === 'x64') {
      folder = await mkdtemp(join(tmpdir(), 'dicomcast-chromium-'))
      browser = await launchPackaged(folder)
    } else browser = await launchInstalled()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })
  return () => {
    if (browser === undefined) throw new Error('the browser has not started')
    return browser
  }
}
