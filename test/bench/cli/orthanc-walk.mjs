// npm run bench:orthanc [-- --studies N]: what a comparison with a real Orthanc costs, and what one of 300,000 studies would.
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../simulation/cli/load-typescript.mjs'

const { values } = parseArgs({ options: { studies: { type: 'string', default: '3000' } } })

loadTypeScript()
await createRequire(import.meta.url)('../orthanc-walk.ts').measureWalk(Number(values.studies))
