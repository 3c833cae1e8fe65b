import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { lineFields } from '../support/assert/cast-report'
import type { SettingDescription } from '../../lib/config/setting'
import { settingDescriptions } from '../../lib/config/settings'

const root = join(__dirname, '..', '..')
const cell = (text: string): string => text.replaceAll('|', '\\|')
const row = ({ name, default: standard, required, expected, meaning }: SettingDescription): string =>
  `| \`${name}\` | ${cell(meaning)} | ${cell(expected)} | ${required ? '**required**' : standard === undefined ? '–' : `\`${cell(standard)}\``} |`

const table = ['| setting | meaning | value | default |', '|---|---|---|---|', ...settingDescriptions.map(row)].join(
  '\n',
)

it('README lists every setting the code reads, with its meaning and default, and no other', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, listed] = /<!-- settings:[^>]*-->\n([\s\S]*?)<!-- \/settings -->/.exec(readme) ?? []
  expect(listed?.trim()).toBe(table)
})

it('README shows the line of a cast with the fields that it has', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, line = '{}'] = /\$ dicomcast cast --json\n(\{.*\})\n/.exec(readme) ?? []
  expect(Object.keys(JSON.parse(line) as object)).toEqual(lineFields)
})
