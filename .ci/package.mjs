// `npm run package`: the function app as one CommonJS file, the zip of it that pipelines deploy, and the zip's list of parts.
import { Buffer } from 'node:buffer'
import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { build } from 'esbuild'
import { zipSync } from 'fflate'
import { sbom } from './sbom.mjs'

const root = join(import.meta.dirname, '..')
const json = async (file) => JSON.parse(await readFile(file, 'utf8'))

// Half of the load time is V8 reading the bundle: what is never used stays out. Both are checked by the staged app's cast.
const slimmer = {
  // Its main file loads all of undici: fetch, mocks, caches, web sockets. We use its agents, whose methods that main file
  // adds. Whatever else lib/ imports from undici fails the build: then it belongs here.
  undici: `
    import Dispatcher from 'undici/lib/dispatcher/dispatcher.js'
    import api from 'undici/lib/api/index.js'
    export { default as Agent } from 'undici/lib/dispatcher/agent.js'
    export { default as EnvHttpProxyAgent } from 'undici/lib/dispatcher/env-http-proxy-agent.js'
    export { default as errors } from 'undici/lib/core/errors.js'
    Object.assign(Dispatcher.prototype, api)`,
  // Its main file brings metrics of the process, and with them a telemetry SDK. We write numbers of our own.
  'prom-client': `
    export { default as Counter } from 'prom-client/lib/counter.js'
    export { default as Gauge } from 'prom-client/lib/gauge.js'
    export { default as Registry } from 'prom-client/lib/registry.js'`,
  // @azure/storage-blob loads it to list blobs in Arrow format, when it is asked to. We list none.
  'apache-arrow': `throw new Error('apache-arrow is not in the bundle: .ci/package.mjs leaves it out')`,
}

const slim = {
  name: 'slim',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: new RegExp(`^(${Object.keys(slimmer).join('|')})$`) }, ({ path }) => ({
      path,
      namespace: 'slim',
    }))
    onLoad({ filter: /./, namespace: 'slim' }, ({ path }) => ({ contents: slimmer[path], resolveDir: root }))
  },
}

/** Which sources these are: a pipeline tells it, else git does. */
const commit = async () => {
  const { GITHUB_SHA } = process.env
  if (GITHUB_SHA) return GITHUB_SHA.slice(0, 12)
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root })
    return stdout.trim()
  } catch {
    return 'unknown'
  }
}

/** Bundles every file of functions/ into one. Only what the Functions worker injects stays outside. */
export const bundle = async () => {
  const triggers = (await readdir(join(root, 'functions'))).filter((file) => file.endsWith('.ts')).sort()
  if (triggers.length === 0) throw new Error('functions/ holds no trigger')
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: triggers.map((file) => `import './functions/${file.slice(0, -3)}'`).join('\n'),
      resolveDir: root,
      sourcefile: 'main.ts',
    },
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // The older of the two that Azure runs.
    target: 'node22',
    external: ['@azure/functions-core'],
    // ES modules where a package has them: what is not used falls away, and the rest is one scope instead of hundreds.
    mainFields: ['module', 'main'],
    // lib/ asks for it by `import` and by `require`: without this the bundle would hold both of its editions.
    alias: { '@azure/identity': join(root, 'node_modules', '@azure', 'identity', 'dist', 'esm', 'index.js') },
    plugins: [slim],
    // Names stay: a stack trace in the log must still tell where.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    define: { DICOMCAST_BUILD: JSON.stringify(await commit()) },
    metafile: true,
    write: false,
    outfile: 'main.js',
  })
  return { code: outputFiles[0].contents, metafile }
}

/** The licenses of everything that went into the bundle: they ask to be passed on with it. */
const notices = async (metafile) => {
  const [output] = Object.values(metafile.outputs)
  const used = Object.keys(output.inputs).filter((file) => output.inputs[file].bytesInOutput > 0)
  const packages = new Set(used.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]).filter(Boolean))
  const texts = await Promise.all(
    [...packages].sort().map(async (folder) => {
      const { name, version, license } = await json(join(root, folder, 'package.json'))
      const file = (await readdir(join(root, folder))).find((each) => /^licen[cs]e/i.test(each))
      const text = file === undefined ? `License: ${license}` : await readFile(join(root, folder, file), 'utf8')
      return `${name} ${version}\n\n${text.trim()}\n`
    }),
  )
  return `${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}

/** Writes the folder that is deployed. Without dependencies and scripts a remote build would find nothing to do. */
export const stage = async (folder) => {
  const { name, version, license, engines } = await json(join(root, 'package.json'))
  const { code, metafile } = await bundle()
  const files = {
    'main.js': code,
    'host.json': await readFile(join(root, 'host.json')),
    'package.json': Buffer.from(
      `${JSON.stringify({ name, version, license, private: true, type: 'commonjs', main: 'main.js', engines }, null, 2)}\n`,
    ),
    'THIRD-PARTY-NOTICES.txt': Buffer.from(await notices(metafile)),
  }
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content)
  return { files, metafile }
}

/** The same sources make the same bytes: no time of day goes into the zip. */
export const zip = (files) => Buffer.from(zipSync(files, { level: 9, mtime: new Date(2000, 0, 1) }))

const kilobytes = (bytes) => `${Math.round(bytes / 1024)} KiB`

const main = async () => {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(root, 'dist', 'package') },
      zip: { type: 'string', default: join(root, 'dist', 'dicomcast-functions.zip') },
    },
  })
  const { files, metafile } = await stage(values.out)
  const archive = zip(files)
  await mkdir(dirname(values.zip), { recursive: true })
  await writeFile(values.zip, archive)
  const bom = sbom(await json(join(root, 'package-lock.json')))
  const bomFile = values.zip.replace(/(\.zip)?$/, '.cdx.json')
  await writeFile(bomFile, `${JSON.stringify(bom, null, 2)}\n`)
  const modules = Object.keys(Object.values(metafile.outputs)[0].inputs).length
  const shown = (path) => relative(process.cwd(), path).split(sep).join('/') || '.'
  console.log(`${shown(values.out)}: main.js ${kilobytes(files['main.js'].length)} from ${modules} modules`)
  console.log(`${shown(values.zip)}: ${kilobytes(archive.length)}`)
  console.log(`${shown(bomFile)}: ${bom.components.length} components`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
