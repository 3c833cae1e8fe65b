// Compiles the app into dist/, and takes away what an older version had left there: the Functions host loads every file of
// dist/functions, so a function whose source is gone would be registered once more.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

const root = join(import.meta.dirname, '..')
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [compiler, '-p', 'tsconfig.build.json', '--listEmittedFiles'],
  { cwd: root, encoding: 'utf8' },
)
const lines = stdout.split('\n')
const emitted = lines.filter((line) => line.startsWith('TSFILE: '))
const others = lines.filter((line) => line !== '' && !line.startsWith('TSFILE: '))
if (others.length > 0) console.error(others.join('\n'))
if (stderr !== '') console.error(stderr)

if (status === 0) {
  const current = new Set(emitted.map((line) => resolve(line.slice('TSFILE: '.length).trim())))
  for (const folder of ['functions', 'lib', 'cli', 'local']) {
    for (const entry of readdirSync(join(root, 'dist', folder), { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      if (entry.isFile() && !current.has(file)) rmSync(file)
    }
  }
}
process.exitCode = status ?? 1
