// npm run bench:backfill [-- --only scaling|reader] [-- --chaos] [-- --hapi]: a backfill measured, or tried; exit 1 when a goal
// is not reached, or FHIR ends otherwise than it must. `--studies N --images N`: how large the archive is; `--full`: 5,000
// studies of 20 images. `--workers N --lanes N`; `--seed N`: of the moments of `--chaos`.
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../simulation/cli/load-typescript.mjs'

const text = { type: 'string' }
const flag = { type: 'boolean', default: false }
const { values } = parseArgs({
  options: {
    ...{ only: text, chaos: flag, hapi: flag, full: flag },
    ...{ studies: text, images: text, workers: text, lanes: text, seed: text },
  },
})

loadTypeScript()
const require = createRequire(import.meta.url)
const { runBench } = require('../backfill.ts')
const numbers = Object.fromEntries(
  ['studies', 'images', 'workers', 'lanes', 'seed'].flatMap((name) =>
    values[name] === undefined ? [] : [[name, Number(values[name])]],
  ),
)
const isMet = await runBench({ ...values, ...numbers })
process.exit(isMet ? 0 : 1)
