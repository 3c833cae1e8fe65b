// `npm run check:workflows`: actionlint and zizmor over .github, offline. Any finding fails. They are not on npm: a tool that
// cannot be installed (no Go, no Python, no network) is named and left out, unless DICOMCAST_WORKFLOWS=required (CI).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const place = join(root, 'node_modules', '.cache', 'dicomcast-workflows')
const suffix = process.platform === 'win32' ? '.exe' : ''
const workflows = readdirSync(join(root, '.github', 'workflows')).map((file) => `.github/workflows/${file}`)

const tools = [
  {
    name: 'actionlint',
    version: '1.7.12',
    folder: '.',
    install: (version) => ['go', 'install', `github.com/rhysd/actionlint/cmd/actionlint@v${version}`],
    check: workflows,
  },
  {
    name: 'zizmor',
    version: '1.32.0',
    folder: 'bin',
    install: (version) => [
      'python3',
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--target',
      'DIR',
      `zizmor==${version}`,
    ],
    check: ['--offline', '--no-progress', '.github'],
  },
]

const run = ([program, ...args], options = {}) => spawnSync(program, args, { cwd: root, ...options })

/** The program of a tool in exactly this version; `undefined` when it cannot be had here. */
const installed = ({ name, version, folder, install }) => {
  const home = join(place, `${name}-${version}`)
  const program = join(home, folder, `${name}${suffix}`)
  if (existsSync(program)) return program
  const command = install(version).map((word) => (word === 'DIR' ? home : word))
  const { status, stderr, error } = run(command, { env: { ...process.env, GOBIN: home }, encoding: 'utf8' })
  if (status === 0 && existsSync(program)) return program
  const why = error?.message ?? stderr.trim().split('\n').at(-1)
  console.log(`${name} ${version} is left out: ${why}`)
  return undefined
}

const isRequired = process.env.DICOMCAST_WORKFLOWS === 'required'

for (const tool of tools) {
  const program = installed(tool)
  if (program === undefined) {
    if (isRequired) process.exitCode = 1
    continue
  }
  const { status } = run([program, ...tool.check], { stdio: 'inherit' })
  console.log(`${tool.name} ${tool.version}: ${status === 0 ? 'nothing found' : `ended with ${status}`}`)
  if (status !== 0) process.exitCode = 1
}
