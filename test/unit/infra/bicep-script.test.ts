import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'

const root = join(__dirname, '..', '..', '..')
const copy = mkdtempSync(join(tmpdir(), 'dicomcast-bicep-'))
const variants = ['private', 'refused-no-dicom', 'refused-dicom-id'].map((name) => `variants/${name}.bicepparam`)
for (const each of ['main.bicep', 'main.bicepparam', 'modules/alerts.bicep', ...variants]) {
  cpSync(join(root, 'infra', each), join(copy, 'infra', each))
}
cpSync(join(root, '.ci', 'bicep.mjs'), join(copy, '.ci', 'bicep.mjs'))
afterAll(() => rmSync(copy, { recursive: true, force: true }))

// Stands in for the compiler: does what it is told for each command, and what is asked of it when all is well.
const compiler = join(copy, 'compiler')
writeFileSync(
  compiler,
  `#!${process.execPath}
const fs = require('node:fs')
const [command, ...args] = process.argv.slice(2)
const wrong = process.env.WRONG
const file = args.find((each) => each.startsWith('infra/'))
const text = file === undefined ? '' : fs.readFileSync(file, 'utf8')
if (command === '--version') console.log('Bicep CLI of a test')
if (command === 'build') console.log('{"built":true}')
if (command === 'format') console.log(wrong === 'format' && file.endsWith('alerts.bicep') ? text + '// more' : text)
if (command === wrong && command !== 'format') console.error(file + '(1,1) : Warning no-unused-params: …')
if (command === 'snapshot') {
  const refusal = /Refused: (.*)/.exec(text)
  if (refusal && wrong !== 'refusal') {
    console.error(wrong === 'words' ? 'array index 10 is out of bounds' : refusal[1])
    process.exit(1)
  }
  fs.writeFileSync(file.replace('.bicepparam', '.snapshot.json'), '{"predictedResources":[1,2]}')
}
`,
)
chmodSync(compiler, 0o755)

const check = (wrong: string, BICEP = compiler) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, '.ci', 'bicep.mjs')], {
    env: { WRONG: wrong, BICEP, PATH: '', HOME: copy },
    encoding: 'utf8',
  })
  return { status, said: stdout + stderr }
}

// The stand-in is started by its first line, which Windows does not read.
const onUnix = process.platform === 'win32' ? describe.skip : describe

onUnix('npm run check:bicep', () => {
  it('passes when the compiler has nothing to say, and keeps the template and what it predicts', () => {
    const { status, said } = check('')
    expect(said).toContain('infra: no problem')
    expect(status).toBe(0)
    expect(readFileSync(join(copy, 'dist', 'bicep', 'main.json'), 'utf8')).toContain('built')
    expect(existsSync(join(copy, 'dist', 'bicep', 'private.snapshot.json'))).toBe(true)
    expect(existsSync(join(copy, 'infra', 'variants', 'private.snapshot.json'))).toBe(false)
  }, 30_000)

  it.each([
    ['a warning of the compiler', 'build', '✕ infra/main.bicep compiles'],
    ['a remark of the linter', 'lint', '✕ infra/main.bicep has nothing for the linter'],
    ['a parameter file with a warning', 'build-params', '✕ infra/main.bicepparam compiles'],
    ['a file of another format', 'format', '✕ infra/modules/alerts.bicep is formatted'],
    ['a variant that is not refused', 'refusal', '✕ infra/variants/refused-no-dicom.bicepparam is refused'],
    ['a refusal in other words', 'words', '✕ infra/variants/refused-dicom-id.bicepparam is refused'],
  ])(
    'fails on %s',
    (_, wrong, found) => {
      const { status, said } = check(wrong)
      expect(said).toContain(found)
      expect(status).toBe(1)
    },
    30_000,
  )

  it('fails where there is no compiler', () => {
    expect(check('', '')).toEqual({ status: 2, said: 'There is no Bicep compiler here: az bicep install\n' })
  })
})
