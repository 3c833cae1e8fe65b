// npm run bench:archive [-- --studies N]: an archive is renamed and killed all the way, then verified and repaired; exit 1 when
// anything of it ends otherwise than it must.
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../simulation/cli/load-typescript.mjs'

const { values } = parseArgs({ options: { studies: { type: 'string', default: '2000' } } })

loadTypeScript()
const { showArchive } = createRequire(import.meta.url)('../archive-demo.ts')
process.exitCode = (await showArchive(Number(values.studies))) ? 0 : 1
