import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { mappingTable } from '../../lib/domain/mapping/table'

it('docs/mapping.md is what the rules say; if not: npm run docs:mapping', () => {
  expect(readFileSync(join(__dirname, '..', '..', 'docs', 'mapping.md'), 'utf8')).toBe(mappingTable())
})
