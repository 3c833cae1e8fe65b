// `npm run bench:cold`: how long the app takes to load, as one bundle and unbundled. Each run is a fresh process, the two
// take turns, and the medians count. Fails when the bundle does not take less than half: by processor time, since on a busy
// machine the time on the wall tells more about the neighbours. On an idle one the two agree.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stage } from './package.mjs'

const root = join(import.meta.dirname, '..')
const goal = 0.5

// What the Functions worker does: it supplies the core module, and requires what package.json names as main.
const program = `
  const { globSync, readFileSync } = require('node:fs')
  const { join } = require('node:path')
  const [core, folder] = process.argv.slice(1)
  const app = require(core).injectCoreModule(() => {})
  const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const files = main.includes('*') ? globSync(main, { cwd: folder }) : [main]
  const before = Object.keys(require.cache).length
  const [start, cpuStart] = [performance.now(), process.cpuUsage()]
  for (const file of files) require(join(folder, file))
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpuStart)
  console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, files: Object.keys(require.cache).length - before, functions: app.functions.size }))
`

const load = (folder) => {
  const core = join(root, 'dist', 'local', 'functions-host', 'core-api.js')
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', program, core, folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the app in ${folder} does not load:\n${stderr}`)
  const result = JSON.parse(stdout)
  if (result.functions === 0) throw new Error(`the app in ${folder} registers no function`)
  return result
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** Bytes of the bundle by package, the largest first. */
const bySize = ({ inputs }) => {
  const sizes = new Map()
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const name = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? 'our own'
    sizes.set(name, (sizes.get(name) ?? 0) + bytesInOutput)
  }
  return [...sizes].sort(([, a], [, b]) => b - a)
}

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' }, json: { type: 'boolean' } } })
if (!existsSync(join(root, 'dist', 'functions'))) throw new Error('compile first: npm run build')
const folder = await mkdtemp(join(tmpdir(), 'dicomcast-cold-'))
try {
  const { files, metafile } = await stage(folder)
  const apps = { unbundled: root, bundled: folder }
  const runs = { unbundled: [], bundled: [] }
  // The first turn only warms the disk's cache.
  for (let turn = 0; turn <= Number(values.runs); turn++) {
    for (const [name, app] of Object.entries(apps)) {
      const result = load(app)
      if (turn > 0) runs[name].push(result)
    }
  }
  const summaryOf = (results) => ({
    cpuMs: median(results.map(({ cpuMs }) => cpuMs)),
    medianMs: median(results.map(({ ms }) => ms)),
    minMs: Math.min(...results.map(({ ms }) => ms)),
    maxMs: Math.max(...results.map(({ ms }) => ms)),
    files: results[0].files,
  })
  const [unbundled, bundled] = [summaryOf(runs.unbundled), summaryOf(runs.bundled)]
  const ratio = bundled.cpuMs / unbundled.cpuMs
  const wallRatio = bundled.medianMs / unbundled.medianMs
  const bytes = files['main.js'].length
  if (values.json) {
    const measured = { unbundled, bundled, ratio, wallRatio }
    console.log(JSON.stringify({ node: process.version, runs: Number(values.runs), bytes, ...measured }))
  } else {
    console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, ${values.runs} runs each; medians\n`)
    console.log('            processor     wall      min      max   files')
    for (const [name, { cpuMs, medianMs, minMs, maxMs, files: loaded }] of Object.entries({ unbundled, bundled })) {
      const times = [medianMs, minMs, maxMs].map((ms) => `${ms.toFixed(0)} ms`.padStart(8)).join(' ')
      console.log(`${name.padEnd(12)} ${`${cpuMs.toFixed(0)} ms`.padStart(8)} ${times} ${String(loaded).padStart(7)}`)
    }
    console.log(`\nratio ${ratio.toFixed(2)} of processor time (goal < ${goal}), ${wallRatio.toFixed(2)} on the wall`)
    console.log(`main.js ${Math.round(bytes / 1024)} KiB, of which`)
    for (const [name, size] of bySize(Object.values(metafile.outputs)[0]).slice(0, 8)) {
      console.log(`  ${String(Math.round(size / 1024)).padStart(5)} KiB ${name}`)
    }
  }
  process.exitCode = ratio < goal ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
