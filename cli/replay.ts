import { Command } from 'commander'
import { type Replay, replayRows } from '../lib/composition/feed'
import { parseReplay } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, refused, show, withJson } from './operator'
import { progressBar, stepsOn } from './progress'
import { counts, plural, textTable } from './text-table'

interface Options extends Output {
  readonly table?: string
  readonly row?: ReadonlyArray<string>
  readonly study?: string
  readonly partition?: string
  readonly code?: string
  readonly since?: string
  readonly until?: string
  readonly limit?: string
  readonly dryRun?: true
}

/** `dicomcast replay`: casts entries of the fail tables once more. */
export const replayCommand = (): Command =>
  withJson(new Command('replay'))
    .description('cast the entries in the fail tables again; the row of each that succeeds is removed')
    .option('--table <table>', 'all rows of this table')
    .option('--row <table/row...>', 'these rows, named as failures --json lists them')
    .option('--study <uid>', 'all rows of this study')
    .option('--partition <name>', 'only rows of this partition')
    .option('--code <code>', 'only rows with this code, such as IssuerUnknown')
    .option('--since <time>', 'only rows written from then on, such as 2026-11-23T20:00:00Z')
    .option('--until <time>', 'only rows written up to then: goes on with a replay that ended early')
    .option('--limit <number>', 'at most this many rows, those tried least first (default: all)')
    .option('--dry-run', 'show what would become of each row, and write nothing')
    .addHelpText('after', exitCodesHelp('rows are left'))
    .action(run)

const run = async (options: Options): Promise<void> => {
  const { table, row, study, partition, code, since, until, limit, dryRun = false } = options
  if ([table, row, study, code, since].every((each) => each === undefined)) {
    return refused(['give --table, --row, --study, --code or --since'], options)
  }
  if (row?.some((each) => !/^\w+\/[\w-]+$/.test(each)) === true) {
    return refused(
      ['--row: expected a table and a row, such as FhirFailToStoreExceptionTable/0000000000000000042'],
      options,
    )
  }
  const rows = row?.map((each) => ({ table: each.split('/')[0], row: each.split('/')[1] }))
  const request = parsed(parseReplay(given({ table, rows, study, partition, code, since, until, limit })), options, {
    rows: '--row',
  })
  if (request === undefined) return
  const bar = progressBar(options.json !== true && process.stderr.isTTY)
  const done = await replayRows({ ...operator(), steps: stepsOn(bar, 'rows') }, { limit: Infinity, ...request }, dryRun)
  bar.end()
  show(done, options, replayLines, (replay) => (rowsLeft(replay) > 0 ? 1 : 0))
}

export const rowsLeft = ({ left, counts: { Recorded, NotInFeed } }: Replay): number => left + Recorded + NotInFeed

export const replayLines = ({
  dryRun,
  selected,
  replayed,
  left,
  stop,
  until,
  counts: outcomes,
}: Replay): ReadonlyArray<string> => [
  `${plural(selected, 'row')} selected; ${dryRun ? 'a replay would come to' : 'replayed'}: ${counts(outcomes)}${left > 0 ? `; ${left} left` : ''}`,
  ...(stop === undefined ? [] : [`Ended early: ${stop.reason}`]),
  ...(left === 0 || dryRun || until === undefined ? [] : [`The same with --until ${until} goes on with those left.`]),
  ...(replayed.length === 0
    ? []
    : textTable(
        ['SEQUENCE', 'OUTCOME', 'CODE', 'STUDY', 'REASON'],
        replayed.map((row) => [
          row.sequence === 0 ? '' : row.sequence,
          row.outcome,
          row.code ?? '',
          row.studyInstanceUid ?? '',
          row.reason ?? '',
        ]),
      )),
]
