import { Command } from 'commander'
import { type ErrorTable, type FailurePage, allFailures } from '../lib/composition/failures'
import { allTables, parseFailuresList, parseTable } from '../lib/requests/requests'
import { type Output, exitCodesHelp, failed, given, operator, parsed, withJson, write } from './operator'
import { plural, textTable } from './text-table'

interface Options extends Output {
  readonly study?: string
  readonly code?: string
  readonly since?: string
  readonly limit?: string
}

/** `dicomcast failures`: what could not be cast, and why. */
export const failuresCommand = (): Command =>
  withJson(new Command('failures'))
    .description('what could not be cast, or only in part, and why')
    .argument('[table]', 'one table; all of them when it is left out')
    .option('--study <uid>', 'only rows of this study')
    .option('--code <code>', 'only rows with this code, such as PatientMismatch')
    .option('--since <time>', 'only rows written since then, such as 2026-11-23T20:00:00Z')
    .option('--limit <number>', 'at most this many rows per table (default 100, at most 100000)')
    .addHelpText('after', exitCodesHelp('there are rows'))
    .action(run)

const run = async (name: string | undefined, options: Options): Promise<void> => {
  const { study, code, since, limit } = options
  const query = parsed(parseFailuresList(given({ study, code, since, limit })), options)
  if (query === undefined) return
  const table = name === undefined ? undefined : parseTable(name)
  if (table?._tag === 'Left') return void parsed({ _tag: 'Left', left: [table.left] }, options)
  const asked: ReadonlyArray<ErrorTable> = table === undefined ? allTables : [table.right]
  const found: Array<FailurePage & { readonly table: ErrorTable }> = []
  const who = operator()
  for (const each of asked) {
    const page = await allFailures(who, each, query)
    if (page._tag === 'Left') return failed(page, options)
    found.push({ table: each, ...page.right })
  }
  write(...(options.json === true ? [JSON.stringify(found)] : found.flatMap(tableLines)))
  process.exitCode = found.some(({ rows }) => rows.length > 0) ? 1 : 0
}

const tableLines = ({ table, rows, next }: FailurePage & { readonly table: ErrorTable }): ReadonlyArray<string> => [
  `${table}: ${rows.length === 0 ? 'empty' : plural(rows.length, 'row')}${next === undefined ? '' : ', and more'}`,
  ...(rows.length === 0
    ? []
    : textTable(
        ['SEQUENCE', 'CODE', 'COUNT', 'STUDY', 'REASON'],
        rows.map((row) => [
          row.sequence === 0 ? '' : row.sequence,
          row.code,
          row.count,
          row.studyInstanceUid ?? '',
          row.reason,
        ]),
      ).map((line) => `  ${line}`)),
]
