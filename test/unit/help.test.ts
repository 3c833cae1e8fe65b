import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { failureCodes } from '../../lib/app/ports-operator'
import { helpGroups, helpMarkdown } from '../../lib/composition/help'
import { packageVersion } from '../../lib/composition/version'

const root = join(__dirname, '..', '..')
const path = join(root, 'docs', 'operations.md')
const chapter = /(<!-- help:[^>]*-->\n\n)([\s\S]*?)(\n<!-- \/help -->)/

describe('what it means, and what to do', () => {
  it('is told by docs/operations.md and by the page in the same words (DICOMCAST_RUNBOOK=1 writes them)', () => {
    if (process.env['DICOMCAST_RUNBOOK'] === '1') {
      const text = readFileSync(path, 'utf8')
      const written = text.replace(chapter, (_, begin: string, __, end: string) => begin + helpMarkdown() + end)
      writeFileSync(path, written)
    }
    expect(chapter.exec(readFileSync(path, 'utf8'))?.[2]).toBe(helpMarkdown())
  })

  it('has an entry with cause and remedy for every code, every ending and every symptom, under names that differ', () => {
    const entries = helpGroups.flatMap(({ entries }) => [...entries])
    const ids = entries.map(([id]) => id.toLowerCase())
    expect(new Set(ids).size).toBe(ids.length)
    for (const code of failureCodes) expect(ids).toContain(code.toLowerCase())
    for (const [id, { cause, remedy }] of entries) {
      expect([id, /^\p{Lu}|^\/|^“/u.test(cause), /[.!]$/.test(cause), /[.!]$/.test(remedy)]).toEqual([
        id,
        true,
        true,
        true,
      ])
    }
  })
})

it('the version of the program is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(packageVersion).toBe(version)
})
