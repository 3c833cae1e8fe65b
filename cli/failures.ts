import { Command } from 'commander'
import { type ErrorTable, type FailurePage, type FailureRow, allFailures } from '../lib/composition/failures'
import { whyItStands } from '../lib/composition/status'
import { allTables, parseFailuresList, parseTable } from '../lib/requests/requests'
import { type Output, exitCodesHelp, failed, given, operator, parsed, withJson, write } from './operator'
import { indented, plural } from './text-table'

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

type Listed = FailurePage & { readonly table: ErrorTable }

const run = async (name: string | undefined, options: Options): Promise<void> => {
  const { study, code, since, limit, json } = options
  const query = parsed(parseFailuresList(given({ study, code, since, limit })), options)
  if (query === undefined) return
  const table = name === undefined ? undefined : parseTable(name)
  if (table?._tag === 'Left') return void parsed({ _tag: 'Left', left: [table.left] }, options)
  const asked: ReadonlyArray<ErrorTable> = table === undefined ? allTables : [table.right]
  const found: Array<Listed> = []
  const who = operator()
  const why = await whyItStands(who)
  for (const each of asked) {
    const page = await allFailures(who, each, query)
    if (page._tag === 'Left') return failed(page, options)
    found.push({ table: each, ...page.right })
  }
  // Why nothing goes on comes before what could not be cast; a program that reads the rows finds it beside them.
  if (why !== undefined && json === true) process.stderr.write(`dicomcast: ${why}\n`)
  if (why !== undefined && json !== true) write(why, '')
  write(...(json === true ? [JSON.stringify(found)] : found.flatMap(tableLines)))
  process.exitCode = found.some(({ rows }) => rows.length > 0) ? 1 : 0
}

const tableLines = ({ table, rows, next }: Listed): ReadonlyArray<string> => [
  `${table}: ${rows.length === 0 ? 'empty' : plural(rows.length, 'row')}${next === undefined ? '' : ', and more'}`,
  ...rows.flatMap((row) => rowLines(row).flatMap(indented)),
]

const rowLines = (row: FailureRow): ReadonlyArray<string> => {
  const { table, sequence, code, hop, status, firstSeen, writtenAt, studyInstanceUid, sopInstanceUid, reason } = row
  const service = hop === undefined ? '' : `, service ${hop}${status === undefined ? '' : ` (${status})`}`
  return [
    `${row.row.startsWith('i-') ? '' : `${sequence} `}${code}: ${countWords(row)}${service}, written ${writtenAt}${firstSeen === undefined ? '' : `, since ${firstSeen}`}`,
    ...(studyInstanceUid === undefined ? [] : [`  study     ${studyInstanceUid}`]),
    ...(sopInstanceUid === undefined ? [] : [`  instance  ${sopInstanceUid}`]),
    `  row       ${table}/${row.row}`,
    ...indented(reason),
  ]
}

const countWords = ({ table, count }: FailureRow): string => {
  if (table === 'InvalidDicomTagExceptionTable') return plural(count, 'instance')
  return table === 'TransientRetryExceptionTable' ? plural(count, 'run') : plural(count, 'attempt')
}
