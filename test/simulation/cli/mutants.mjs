// npm run simulate:mutants [-- text] [--within N] [--threads N] [--only]: plants one fault after the other in the product (those
// whose names hold the text), and wants each found by the simulator in N histories (2,000), or by the story that it names;
// `--only`: without the code as it stands, which takes the longest.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { inThread } from './in-threads.mjs'
import { loadTypeScript } from './load-typescript.mjs'
import { failingIn } from './stories.mjs'

const {
  values,
  positionals: [text = ''],
} = parseArgs({
  allowPositionals: true,
  options: { within: { type: 'string' }, threads: { type: 'string' }, only: { type: 'boolean' } },
})
const within = Number(values.within ?? 2_000)
const threads = Number(values.threads ?? availableParallelism())

loadTypeScript()
const mutants = createRequire(import.meta.url)('../mutants.ts').mutants.filter(({ name }) => name.includes(text))
const root = new URL('../../../', import.meta.url)

const seeds = Array.from({ length: within }, (_, index) => index + 1)

const secondsSince = (started) => Math.round((performance.now() - started) / 1_000)

const judge = async ({ edits, under, toldBy }) => {
  const lost = edits.find(({ file, from }) => readFileSync(new URL(file, root), 'utf8').split(from).length !== 2)
  if (lost !== undefined) return { fault: `its text does not stand exactly once in ${lost.file}: ${lost.from}` }
  const started = performance.now()
  if (toldBy !== undefined) {
    const how = await failingIn(toldBy, edits)
    return { seconds: secondsSince(started), ...(how === undefined ? {} : { by: toldBy, how: how.slice(0, 90) }) }
  }
  let report
  await inThread({ seeds, untilFirst: true, edits, under }, (one) => {
    report = one
  })
  const [found] = report.failures
  const seconds = secondsSince(started)
  return found === undefined
    ? { seconds }
    : { seconds, by: `seed ${found.seed}`, how: found.violations[0].split('\n')[0].slice(0, 90) }
}

// The code as it stands comes first: only what passes without a fault tells anything about one.
const asItStands = [
  { name: '(none: the code as it stands)', edits: [] },
  ...mutants
    .filter(({ under }) => under !== undefined)
    .map(({ name, under }) => ({ name: `(none, under the troubles of: ${name.slice(0, 36)}…)`, edits: [], under })),
]
const originals = values.only === true ? [] : asItStands
const all = [...originals, ...mutants]
const waiting = [...all]
const started = performance.now()
const outcomes = new Map()
const next = async () => {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const outcome = await judge(mutant)
    outcomes.set(mutant, outcome)
    const { by, seconds, fault } = outcome
    console.error(
      `${outcomes.size} of ${all.length}, ${secondsSince(started)} s: ${mutant.name}: ${fault ?? by ?? 'nobody'}, ${seconds} s`,
    )
  }
}
await Promise.all(Array.from({ length: Math.max(1, threads) }, next))

const row = (name, verdict, after, how) =>
  `| ${name.padEnd(75)} | ${verdict.padEnd(19)} | ${after.padStart(7)} | ${how}`
console.log(row('planted fault', 'found by', 'after', 'what the simulator says'))
console.log(row('-'.repeat(75), '-'.repeat(19), '-'.repeat(7), '-'.repeat(60)))
const isRight = (mutant) => {
  const { by, fault } = outcomes.get(mutant)
  return fault === undefined && (by === undefined) === originals.includes(mutant)
}
for (const mutant of all) {
  const { by, seconds = 0, how = '', fault } = outcomes.get(mutant)
  const tried = mutant.toldBy ?? `${within} histories`
  const none = originals.includes(mutant) ? `${tried}, nothing lost` : `IT SURVIVED ${tried}`
  const verdict = fault === undefined ? (by ?? 'nobody') : 'NOT PLANTED'
  console.log(row(mutant.name, verdict, `${seconds} s`, fault ?? (by === undefined ? none : how)))
}
const found = mutants.filter(isRight).length
const isSound = originals.every(isRight)
console.log(
  `\n${found} of ${mutants.length} planted faults were found; ${isSound ? 'without one nothing was' : 'BUT THE CODE AS IT STANDS FAILS, TOO'}`,
)
process.exitCode = found === mutants.length && isSound ? 0 : 1
