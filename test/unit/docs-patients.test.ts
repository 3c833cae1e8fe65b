import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { patientsPage } from '../support/world/pairs-of-people'

it('docs/patients.md is what the guard says; if not: npm run docs:patients', () => {
  expect(readFileSync(join(__dirname, '..', '..', 'docs', 'patients.md'), 'utf8')).toBe(patientsPage())
})
