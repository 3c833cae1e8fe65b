// `npm run check:bicep`: what only the real compiler can say about infra/. It is not on npm: `az bicep install` brings it.
// Builds, lints, compares the format, and predicts the resources of each variant; a variant that is to be refused must be.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const out = join(root, 'dist', 'bicep')
const suffix = process.platform === 'win32' ? '.exe' : ''

const run = (program, args) => {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: 'utf8' })
  return { ok: error === undefined && status === 0, text: stdout ?? '', said: stderr ?? '' }
}

const candidates = [process.env.BICEP, 'bicep', join(homedir(), '.azure', 'bin', `bicep${suffix}`)]
const bicep = candidates.find((program) => program && run(program, ['--version']).ok)
if (bicep === undefined) {
  console.error('There is no Bicep compiler here: az bicep install')
  process.exit(2)
}
console.log(run(bicep, ['--version']).text.trim())

const problems = []
/** A warning of the compiler is a problem, too. */
const must = (what, { ok, said }) => {
  if (ok && !/: (Warning|Error) /.test(said)) return console.log(`  ${what}`)
  problems.push(what)
  console.error(`✕ ${what}\n${said}`)
}

const files = (folder, ending) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file}`)

mkdirSync(out, { recursive: true })
const built = run(bicep, ['build', 'infra/main.bicep', '--stdout'])
must('infra/main.bicep compiles', built)
writeFileSync(join(out, 'main.json'), built.text)
must('infra/main.bicep has nothing for the linter', run(bicep, ['lint', 'infra/main.bicep']))
must('infra/main.bicepparam compiles', run(bicep, ['build-params', 'infra/main.bicepparam', '--stdout']))

const variants = files('infra/variants', '.bicepparam')
for (const file of [
  ...files('infra', '.bicep'),
  ...files('infra/modules', '.bicep'),
  'infra/main.bicepparam',
  ...variants,
]) {
  const { ok, text, said } = run(bicep, ['format', '--stdout', file])
  // The end of the file is the terminal's as much as the formatter's.
  const same = text.trimEnd() === readFileSync(join(root, file), 'utf8').trimEnd()
  must(`${file} is formatted`, { ok: ok && same, said })
}

const context = ['--subscription-id', '00000000-0000-0000-0000-000000000000', '--location', 'westeurope']
for (const file of variants) {
  const { ok, text, said } = run(bicep, ['snapshot', file, '--mode', 'overwrite', ...context])
  const [, refusal] = /^\/\/ Refused: (.*)$/m.exec(readFileSync(join(root, file), 'utf8')) ?? []
  if (refusal !== undefined) {
    must(`${file} is refused: ${refusal}`, { ok: !ok && `${text}${said}`.includes(refusal), said: '' })
    continue
  }
  must(`${file} can be predicted`, { ok, said })
  if (!ok) continue
  const snapshot = file.replace(/bicepparam$/, 'snapshot.json')
  const kept = join(out, snapshot.slice('infra/variants/'.length))
  renameSync(join(root, snapshot), kept)
  console.log(`    ${JSON.parse(readFileSync(kept, 'utf8')).predictedResources.length} resources`)
}

console.log(problems.length === 0 ? 'infra: no problem' : `infra: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
