// npm run bench [-- --only NAME] [-- --profile] [-- --hapi]: measures the built app, and writes docs/bench when all was measured.
// `--hapi`: into a HAPI, beside the original's way of writing; nothing else.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../simulation/cli/load-typescript.mjs'

const { values } = parseArgs({
  options: {
    ...{ only: { type: 'string' }, profile: { type: 'boolean', default: false } },
    hapi: { type: 'boolean', default: false },
  },
})

loadTypeScript()
const require = createRequire(import.meta.url)
const { measures } = require('../measures.ts')
const { startServices } = require('../app.ts')
const { markdown, svg } = require('../report.ts')
const { profile } = require('../profile.ts')
const { besideOriginal } = require('../hapi.ts')

const all = values.hapi ? { hapi: besideOriginal } : measures
const names = Object.keys(all).filter((name) => values.only === undefined || values.only === name)
if (names.length === 0) {
  console.error(`--only must be one of ${Object.keys(measures).join(', ')}`)
  process.exit(2)
}

if (values.profile) console.log(await profile())
else {
  const services = await startServices()
  const rows = []
  try {
    for (const name of names) {
      const measured = await all[name](services)
      rows.push(...measured)
      for (const { measure, goal, measured: value } of measured) console.log(`${measure}: ${value} (goal ${goal})`)
    }
  } finally {
    services.close()
  }
  if (values.only === undefined && !values.hapi) {
    const folder = new URL('../../../docs/bench/', import.meta.url)
    mkdirSync(folder, { recursive: true })
    writeFileSync(new URL('README.md', folder), markdown(rows, new Date().toISOString().slice(0, 10)))
    writeFileSync(new URL('bench.svg', folder), svg(rows))
    console.log('\nwritten to docs/bench')
  }
}
