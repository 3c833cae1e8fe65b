// npm run simulate -- --seeds N [--seed S] [--without 'feed: stray,feed: move']: N histories from seed S on (1), none of them
// with these kinds of trouble; a seed alone prints its history.
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { inThread } from './in-threads.mjs'
import { loadTypeScript } from './load-typescript.mjs'

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, seed: { type: 'string' }, without: { type: 'string' } },
})
const wholeNumber = (name, fallback) => {
  const number = Number(values[name] ?? fallback)
  if (Number.isInteger(number) && number > 0) return number
  console.error(`--${name} must be a whole number above 0`)
  process.exit(2)
}
const first = wholeNumber('seed', 1)
const count = wholeNumber('seeds', values.seed === undefined ? 2_000 : 1)

loadTypeScript()
const require = createRequire(import.meta.url)
const { gaps, nothing, table, together } = require('../seeds.ts')
const { simulate } = require('../simulate.ts')
const { faultKinds } = require('../faults.ts')
const without = faultKinds.filter((kind) => (values.without ?? '').split(',').includes(kind))

const printHistory = async (seed) => {
  const { history, violations } = await simulate(seed, { recording: true, without: new Set(without) })
  console.log(history.join('\n'))
  console.log(`\nseed ${seed}: ${violations.length === 0 ? 'nothing was lost' : violations.join('\n  ')}`)
  console.log(`again: npm run simulate -- --seed ${seed}`)
  return violations.length === 0
}

if (count === 1) process.exitCode = (await printHistory(first)) ? 0 : 1
else {
  const threads = Math.min(count, Math.max(1, availableParallelism()))
  const started = performance.now()
  let report = nothing
  let told = 0
  const onReport = (one) => {
    report = together(report, one)
    for (const { seed, violations } of one.failures) console.log(`seed ${seed}: ${violations.join('\n  ')}`)
    if (report.seeds - told < count / 10 && report.seeds < count) return
    told = report.seeds
    console.log(`${report.seeds} of ${count} histories, ${Math.round((performance.now() - started) / 1000)} s`)
  }
  const seeds = Array.from({ length: count }, (_, index) => first + index)
  await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      inThread(
        { seeds: seeds.filter((_seed, index) => index % threads === thread), untilFirst: false, without },
        onReport,
      ),
    ),
  )
  console.log(`\n${table(report)}\n`)
  const [failure] = [...report.failures].sort((left, right) => left.seed - right.seed)
  if (failure !== undefined) await printHistory(failure.seed)
  // A few histories cannot meet everything.
  const missing = count < 1_000 ? [] : gaps(report)
  for (const gap of missing) console.log(gap)
  console.log(`${report.failures.length} of ${count} histories failed`)
  process.exitCode = report.failures.length === 0 && missing.length === 0 ? 0 : 1
}
