// Prints docs/mapping.md from the mapping rules (after `npm run build`).
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { mappingTable } = createRequire(import.meta.url)('../dist/lib/domain/mapping/table.js')
const path = new URL('../docs/mapping.md', import.meta.url)
writeFileSync(path, mappingTable())
console.log('docs/mapping.md is written from the mapping rules')
