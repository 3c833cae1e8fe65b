// npm run simulate:mutants: plants one fault after the other in the product, and wants each found by the simulator.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { inThread } from './in-threads.mjs'
import { loadTypeScript } from './load-typescript.mjs'

const within = 2_000

loadTypeScript()
const { mutants } = createRequire(import.meta.url)('../mutants.ts')
const root = new URL('../../../', import.meta.url)

const seeds = Array.from({ length: within }, (_, index) => index + 1)

const judge = async ({ name, edits }) => {
  const lost = edits.find(({ file, from }) => readFileSync(new URL(file, root), 'utf8').split(from).length !== 2)
  if (lost !== undefined) return { name, fault: `its text does not stand exactly once in ${lost.file}: ${lost.from}` }
  let report
  await inThread({ seeds, untilFirst: true, edits }, (one) => {
    report = one
  })
  const [found] = report.failures
  return found === undefined
    ? { name, fault: `it survived ${within} histories` }
    : { name, seed: found.seed, how: found.violations[0].split('\n')[0] }
}

const waiting = [...mutants]
const outcomes = []
const next = async () => {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const outcome = await judge(mutant)
    outcomes.push(outcome)
    const { name, seed, how, fault } = outcome
    console.log(`${(fault === undefined ? `seed ${seed}` : 'NOT FOUND').padEnd(10)} ${name.padEnd(62)} ${fault ?? how}`)
  }
}
await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, next))
const survivors = outcomes.filter(({ fault }) => fault !== undefined)
console.log(`\n${outcomes.length - survivors.length} of ${mutants.length} planted faults were found`)
process.exitCode = survivors.length === 0 ? 0 : 1
