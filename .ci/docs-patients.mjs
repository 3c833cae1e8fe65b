// Prints docs/patients.md from the pairs of people that the tests judge.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { loadTypeScript } from '../test/simulation/cli/load-typescript.mjs'

loadTypeScript()
const { patientsPage } = createRequire(import.meta.url)('../test/support/world/pairs-of-people.ts')
writeFileSync(new URL('../docs/patients.md', import.meta.url), patientsPage())
console.log('docs/patients.md is written')
