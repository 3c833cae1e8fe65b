import { styleText } from 'node:util'
import { Command } from 'commander'
import { type CheckAnswer, type Fact, type FactState, check } from '../lib/composition/check'
import { type Output, exitCodesHelp, operator, show, withJson } from './operator'
import { textTable } from './text-table'

/** `dicomcast check`: will a cast work here, fact by fact. */
export const checkCommand = (): Command =>
  withJson(new Command('check'))
    .description('whether a cast will work: settings, services, rights, clocks; writes nothing of a patient')
    .addHelpText(
      'after',
      `\nIt writes Basic/dicomcast-check to FHIR and leases a blob of its own; no position of a feed, no checkpoint.\n${exitCodesHelp('it works, but needs a look')}`,
    )
    .action(async (output: Output) => show(await check(operator()), output, checkLines, exitCodeOf))

const exitCodeOf = ({ state, facts }: CheckAnswer): number => {
  if (facts.some((each) => each.name === 'settings' && each.state === 'bad')) return 2
  return { fine: 0, look: 1, bad: 3 }[state]
}

const words: Readonly<Record<FactState, string>> = { fine: 'fine', look: 'LOOK', bad: 'BAD', unknown: '?' }
const colours = { fine: 'green', look: 'yellow', bad: 'red', unknown: 'gray' } as const

interface Row {
  readonly of?: Fact
  readonly cells: ReadonlyArray<string>
}

/** A fact of several lines has them under one another, and what to do last. */
const rowsOf = (each: Fact): ReadonlyArray<Row> => {
  const [first = '', ...more] = each.says.split('\n')
  const below = [...more, ...(each.remedy === undefined ? [] : [`→ ${each.remedy}`])]
  return [
    { of: each, cells: [words[each.state], each.name, first] },
    ...below.map((line) => ({ cells: ['', '', line] })),
  ]
}

const checkLines = ({ facts, next }: CheckAnswer): ReadonlyArray<string> => {
  const rows = facts.flatMap(rowsOf)
  const [, ...lines] = textTable(
    ['', '', ''],
    rows.map(({ cells }) => cells),
  )
  return [...lines.map((line, index) => coloured(line, rows[index]?.of)), '', `Next: ${next.command}, ${next.why}`]
}

const coloured = (line: string, of: Fact | undefined): string => {
  if (of === undefined || !process.stdout.isTTY) return line
  const word = words[of.state]
  return styleText(colours[of.state], word) + line.slice(word.length)
}
