import { describe, expect, it } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(__dirname, '..', '..')
const rowsOf = (page: string): ReadonlyArray<string> =>
  readFileSync(join(root, 'docs', page), 'utf8')
    .split('\n')
    .filter((line) => /^\| (?!fault|attack|-)/.test(line))

describe.each(['reliability.md', 'security.md'])('docs/%s', (page) => {
  it('has a row for many a fault or attack', () => {
    expect(rowsOf(page).length).toBeGreaterThan(44)
  })

  it.each(rowsOf(page))('names a test that there is: %s', (row) => {
    const [, file = '', name = ''] = /`(test\/[^`]+)` “([^”]+)” \|$/.exec(row) ?? []
    expect([file, existsSync(join(root, file))]).toEqual([file, true])
    expect(readFileSync(join(root, file), 'utf8')).toContain(name || 'the name of a test')
  })
})
