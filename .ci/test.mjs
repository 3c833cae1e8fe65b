// What `npm test` runs: everything, on every system, without a shell script. Ends with the line `N passed, N failed`.
import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

// The processes that tests start compile the same files a thousand times.
const compileCache = await mkdtemp(join(tmpdir(), 'dicomcast-compiled-'))
const env = { ...process.env, NODE_COMPILE_CACHE: compileCache }

/** Runs Node itself (the one that runs us), so nothing depends on the system's shell or on another Node's PATH. */
const node = (...args) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' })
    child.once('error', reject).once('exit', (code) => resolve(code === 0))
  })

let passed = 0
let failed = 0

/** What it says comes in one piece, when it has ended: others run beside it. */
const check = async (script) => {
  const child = spawn(process.execPath, ['--run', script], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk))
  const [code] = await once(child, 'close')
  console.log(`\n▸ ${script}`)
  process.stdout.write(Buffer.concat(said))
  if (code === 0) passed += 1
  else failed += 1
}

// Every step runs, also after one that failed: one look at the output tells all that is wrong.
await check('build')
await Promise.all([check('check:lint'), check('check:types').then(() => check('check:format'))])
for (const script of ['check:boundaries', 'check:rooms']) await check(script)

/** Runs these projects of jest.config.mjs, and counts their tests. Each core has a worker: Jest would leave one idle. */
const jest = async (...projects) => {
  console.log(`\n▸ jest: ${projects.join(', ')}`)
  const scratch = await mkdtemp(join(tmpdir(), 'dicomcast-test-'))
  try {
    const program = join(createRequire(import.meta.url).resolve('jest/package.json'), '..', 'bin', 'jest.js')
    const outputFile = join(scratch, 'jest.json')
    const succeeded = await node(
      program,
      '--json',
      `--outputFile=${outputFile}`,
      '--forceExit',
      '--maxWorkers=100%',
      '--selectProjects',
      ...projects,
    )
    const result = JSON.parse(await readFile(outputFile, 'utf8').catch(() => '{}'))
    passed += result.numPassedTests ?? 0
    // A test file that cannot even be loaded holds no test, and is a failure all the same.
    const failures = (result.numFailedTests ?? 0) + (result.numRuntimeErrorTestSuites ?? 0)
    failed += succeeded ? failures : Math.max(failures, 1)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

await jest('unit', 'contract', 'integration', 'fuzz')
// By itself: it takes every core there is.
await jest('simulation')
await jest('processes')

// Servers that are not ours need programs that not everybody has; CI must (`.ci/run`).
const beside = async (project, module, find, needs) => {
  const tools = await import(`../dist/local/${module}.js`).then(
    (loaded) => loaded[find](),
    () => ({ missing: 'the build has failed' }),
  )
  if (!('missing' in tools)) await jest(project)
  else if (process.env[`DICOMCAST_${project.toUpperCase()}`] === 'required') {
    console.error(`\n▸ jest: ${project} cannot run, and must: ${tools.missing}`)
    failed += 1
  } else console.log(`\n▸ jest: ${project} is left out, it needs ${needs}: ${tools.missing}`)
}
await beside('orthanc', 'orthanc', 'findOrthanc', 'Orthanc and its DICOMweb plugin')
await beside('hapi', 'hapi', 'findHapiTools', 'a JDK of 17 or newer and Maven')

await rm(compileCache, { recursive: true, force: true })
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
