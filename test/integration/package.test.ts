import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { unzipSync } from 'fflate'
import { findFiles } from '../../local/dicom/sample-studies'
import { startDicomService } from '../../local/dicom/service'
import { storeFiles } from '../../local/dicom/stow-client'
import { startFhirService } from '../../local/fhir/service'
import { storeSamples } from '../../local/stack-samples'
import { stackSettings } from '../../local/stack-settings'
import { useAzurite } from '../support/world/azurite'
import { type LoadedApp, loadApp, nodes, repository, runPackage } from '../support/world/package-app'

const azurite = useAzurite()
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'dicomcast-package-')))
const staged = join(scratch, 'app')
const zip = join(scratch, 'app.zip')
beforeAll(() => runPackage(staged, zip), 60_000)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const closers: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const load = async (...parameters: Parameters<typeof loadApp>): Promise<LoadedApp> => {
  const app = await loadApp(...parameters)
  closers.push(app.close)
  return app
}

/** Which packages the app evaluates when it is loaded: V8 counts what runs, and esbuild names each module's wrapper. */
const evaluated = (folder: string, name: string): ReadonlyArray<string> => {
  const coverage = join(scratch, name)
  execFileSync(
    process.execPath,
    [
      '-e',
      `require(process.argv[1]).injectCoreModule(() => {}); require(process.argv[2])`,
      join(repository, 'dist', 'local', 'functions-host', 'core-api.js'),
      join(folder, 'main.js'),
    ],
    // From a cache V8 would count less.
    { env: { ...process.env, NODE_V8_COVERAGE: coverage, NODE_DISABLE_COMPILE_CACHE: '1' } },
  )
  interface Report {
    readonly result: ReadonlyArray<{
      readonly url: string
      readonly functions: ReadonlyArray<{
        readonly functionName: string
        readonly ranges: ReadonlyArray<{ readonly count: number }>
      }>
    }>
  }
  const report = JSON.parse(readFileSync(join(coverage, readdirSync(coverage)[0] ?? ''), 'utf8')) as Report
  const functions = report.result.find(({ url }) => url.endsWith('/main.js'))?.functions ?? []
  const names = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0).map(({ functionName }) => functionName)
  return [...new Set(names.flatMap((each) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(each)?.[1] ?? []))]
}

const heavy = /storage-queue|identity|msal|opentelemetry|applicationinsights|monitor|arrow/

describe('the package', () => {
  it('is one bundle, host.json, a package.json without dependencies or scripts, and the licenses', () => {
    expect(readdirSync(staged).sort()).toEqual(['THIRD-PARTY-NOTICES.txt', 'host.json', 'main.js', 'package.json'])
    expect(JSON.parse(readFileSync(join(staged, 'package.json'), 'utf8'))).toEqual({
      name: 'dicomcast-functions',
      version: expect.any(String),
      license: 'MIT',
      private: true,
      type: 'commonjs',
      main: 'main.js',
      engines: { node: '>=22' },
    })
    expect(readFileSync(join(staged, 'host.json'))).toEqual(readFileSync(join(repository, 'host.json')))
  })

  it('is the same as a zip, byte for byte, at any time and in any time zone', () => {
    const files = unzipSync(readFileSync(zip))
    expect(Object.keys(files).sort()).toEqual(readdirSync(staged).sort())
    for (const [file, content] of Object.entries(files)) {
      expect(Buffer.from(content).equals(readFileSync(join(staged, file)))).toBe(true)
    }
    const again = join(scratch, 'again.zip')
    runPackage(join(scratch, 'again'), again, repository, { TZ: 'Asia/Tokyo' })
    expect(readFileSync(again).equals(readFileSync(zip))).toBe(true)
  }, 60_000)

  it('has a list of its parts beside it, which names whatever went into the bundle', () => {
    const bom = JSON.parse(readFileSync(join(scratch, 'app.cdx.json'), 'utf8')) as {
      readonly bomFormat: string
      readonly components: ReadonlyArray<{ readonly name: string; readonly version: string }>
      readonly dependencies: ReadonlyArray<{ readonly ref: string; readonly dependsOn: ReadonlyArray<string> }>
    }
    expect(bom.bomFormat).toBe('CycloneDX')
    const named = bom.components.map(({ name, version }) => `${name} ${version}`)
    expect(named).toEqual([...new Set(named)])
    const bundled = readFileSync(join(staged, 'THIRD-PARTY-NOTICES.txt'), 'utf8').match(
      /(?<=^|-{80}\n\n)\S+ \d+\.\d+\.\d\S*$/gm,
    )
    expect(bundled?.length).toBeGreaterThan(20)
    expect(bundled?.filter((each) => !named.includes(each))).toEqual([])
    expect(named.filter((each) => /^(jest|esbuild|typescript|azurite|node) /.test(each))).toEqual([])
    const refs = new Set(bom.dependencies.map(({ ref }) => ref))
    expect(bom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((each) => !refs.has(each))).toEqual([])
  })

  it('holds no telemetry SDK, and evaluates @azure/identity and @azure/storage-queue only when they are needed', () => {
    expect(readFileSync(join(staged, 'THIRD-PARTY-NOTICES.txt'), 'utf8')).not.toMatch(
      /^(@opentelemetry\/|applicationinsights|@azure\/monitor)/m,
    )
    const packages = evaluated(staged, 'coverage')
    expect(packages).toContain('undici')
    expect(packages.filter((each) => heavy.test(each))).toEqual([])
  })
})

describe.each(nodes)('the package on Node %s, with no node_modules beside it', (major, executable) => {
  it('is loaded by that Node', () => {
    expect(execFileSync(executable, ['--version'], { encoding: 'utf8' })).toMatch(new RegExp(`^v${major}\\.`))
  })

  it('registers the same functions as the app that is not bundled', async () => {
    const [bundled, unbundled] = [await load(executable, staged), await load(executable, repository)]
    expect(bundled.functions.some((name) => name.startsWith('castTimer'))).toBe(true)
    expect(bundled.functions.toSorted()).toEqual(unbundled.functions.toSorted())
  }, 30_000)

  it('says everything that is wrong with its settings', async () => {
    const app = await load(executable, staged, {
      CastSchedule: '0 0 4 1 1 *',
      'AzureWebJobs.castTimer.Disabled': 'true',
    })
    const { succeeded, error } = await app.cast()
    expect(succeeded).toBe(false)
    for (const setting of ['DicomWeb__Endpoint', 'Fhir__Endpoint', 'AzureWebJobsStorage']) {
      expect(error).toContain(setting)
    }
  }, 30_000)

  it('casts real files', async () => {
    const [dicom, fhir] = [await startDicomService(), await startFhirService()]
    closers.push(dicom.close, fhir.close)
    const { stored } = await storeSamples(dicom.url)
    const { connectionString } = azurite()
    const settings = stackSettings({}, { dicom: dicom.url, fhir: fhir.url, connectionString }, {}, false)
    const app = await load(executable, staged, { ...settings, TableStore__TableNamePrefix: `node${major}` })
    expect(await app.cast()).toEqual({ succeeded: true })
    const line = app.lines.find((each) => each.includes('"message":"cast"'))
    // What the alerts of infra/modules/alerts.bicep ask Application Insights for begins so.
    expect(line).toMatch(/^\{"level":/)
    expect(JSON.parse(line ?? '')).toMatchObject({ message: 'cast', ended: 'CaughtUp', from: 0, entries: stored })
    // What is left out of prom-client is not missed.
    const metrics = await (await fetch(`${app.url}/api/metrics`)).text()
    expect(metrics).toContain(`\ndicomcast_checkpoint_sequence ${stored}\n`)
    expect(metrics).toContain('\ndicomcast_runs_total{ended="CaughtUp"} 1\n')
  }, 60_000)
})

/** What App Service offers an app to get tokens of its managed identity from. */
const startIdentityEndpoint = async (token: string) => {
  const asked: Array<Readonly<Record<string, string | null>>> = []
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    asked.push({ resource: searchParams.get('resource'), clientId: searchParams.get('client_id') })
    const expires = Math.floor(Date.now() / 1_000) + 3_600
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ access_token: token, expires_on: String(expires), token_type: 'Bearer' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked }
}

it.each(nodes)(
  'on Node %s it gets tokens of the managed identity that AZURE_CLIENT_ID names',
  async (major, executable) => {
    const bearer = 'a-token-of-the-identity'
    const [dicom, fhir] = [await startDicomService({ bearer }), await startFhirService({ bearer })]
    closers.push(dicom.close, fhir.close)
    const identity = await startIdentityEndpoint(bearer)
    const { connectionString } = azurite()
    const clientId = '11111111-2222-3333-4444-555555555555'
    const app = await load(executable, staged, {
      ...stackSettings({}, { dicom: dicom.url, fhir: fhir.url, connectionString }, {}, false),
      TableStore__TableNamePrefix: `identity${major}`,
      DicomWeb__Authentication__Enabled: 'true',
      Fhir__Authentication__Enabled: 'true',
      Fhir__Authentication__Scope: 'https://fhir.example.org/.default',
      IDENTITY_ENDPOINT: identity.url,
      IDENTITY_HEADER: 'a-header',
      AZURE_CLIENT_ID: clientId,
    })
    await storeFiles(dicom.url, (await findFiles()).slice(0, 10), undefined, bearer)
    expect(await app.cast()).toEqual({ succeeded: true })
    expect(identity.asked).toEqual([
      { resource: 'https://dicom.healthcareapis.azure.com', clientId },
      { resource: 'https://fhir.example.org', clientId },
    ])
  },
  60_000,
)

describe('a planted mistake is found', () => {
  /** A copy of what is packaged, that can be spoiled. */
  const copyWith = (name: string, file: string, change: (text: string) => string): string => {
    const copy = join(scratch, name)
    mkdirSync(copy)
    for (const each of ['functions', 'lib', '.ci', 'package.json', 'package-lock.json', 'host.json', 'tsconfig.json']) {
      cpSync(join(repository, each), join(copy, each), { recursive: true })
    }
    symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'), 'junction')
    writeFileSync(join(copy, file), change(readFileSync(join(copy, file), 'utf8')))
    return copy
  }

  it('a package that is left out of the bundle: it does not load, on either Node', async () => {
    const copy = copyWith('left-out', '.ci/package.mjs', (text) =>
      text.replace(`external: ['@azure/functions-core']`, `external: ['@azure/functions-core', 'croner']`),
    )
    const folder = join(scratch, 'left-out-app')
    runPackage(folder, join(scratch, 'left-out.zip'), copy)
    for (const [, executable] of nodes) {
      await expect(loadApp(executable, folder)).rejects.toThrow("Cannot find module 'croner'")
    }
  }, 60_000)

  it('@azure/identity on the path of a cold start', () => {
    const copy = copyWith('eager', 'functions/cast-timer.ts', (text) => `import '@azure/identity'\n${text}`)
    const folder = join(scratch, 'eager-app')
    runPackage(folder, join(scratch, 'eager.zip'), copy)
    expect(evaluated(folder, 'coverage-eager').filter((each) => heavy.test(each))).not.toEqual([])
  }, 60_000)

  it('something of undici that the bundle leaves out', () => {
    const copy = copyWith(
      'more-undici',
      'functions/cast-timer.ts',
      (text) => `import { RetryAgent } from 'undici'\nconsole.log(RetryAgent)\n${text}`,
    )
    const folder = join(scratch, 'more-undici-app')
    expect(() => runPackage(folder, join(scratch, 'more.zip'), copy)).toThrow('No matching export')
  }, 60_000)
})
