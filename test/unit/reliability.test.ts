import { describe, expect, it } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(__dirname, '..', '..')
const rows = readFileSync(join(root, 'docs', 'reliability.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?!fault|-)/.test(line))

describe('docs/reliability.md', () => {
  it('has a row for many a fault', () => {
    expect(rows.length).toBeGreaterThan(40)
  })

  it.each(rows)('names a test that there is: %s', (row) => {
    const [, file = '', name = ''] = /`(test\/[^`]+)` “([^”]+)” \|$/.exec(row) ?? []
    expect([file, existsSync(join(root, file))]).toEqual([file, true])
    expect(readFileSync(join(root, file), 'utf8')).toContain(name || 'the name of a test')
  })
})
