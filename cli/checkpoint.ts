import { Command, Option } from 'commander'
import { setCheckpoint } from '../lib/composition/feed'
import { type StatusAnswer, status } from '../lib/composition/status'
import { parseCheckpoint } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, refused, show, withJson } from './operator'

interface Options extends Output {
  readonly toSequence?: string
  readonly toTime?: string
  readonly etag?: string
  readonly confirm?: true
}

/** `dicomcast checkpoint`: shows it; moves it only with its etag and --confirm. */
export const checkpointCommand = (): Command =>
  withJson(new Command('checkpoint'))
    .description(
      'show the checkpoint, or move it: entries after it are cast again, entries that it is moved past are never cast',
    )
    .option('--to-sequence <number>', 'the next run begins after this sequence')
    .addOption(
      new Option(
        '--to-time <time>',
        'the next run begins with what was stored since then, such as 2026-11-23T20:00:00Z',
      ).conflicts('toSequence'),
    )
    .option(
      '--etag <etag>',
      'the etag that was shown: proof that nobody has moved it since ("none" while there is no checkpoint)',
    )
    .option('--confirm', 'yes, move it')
    .addHelpText('after', exitCodesHelp())
    .action(run)

const run = async (options: Options): Promise<void> => {
  const { toSequence, toTime, etag, confirm } = options
  if (toSequence === undefined && toTime === undefined) {
    if (etag !== undefined || confirm === true) return refused(['give --to-sequence or --to-time'], options)
    return show(await status(operator()), options, checkpointLines, ({ checkpoint }) =>
      checkpoint === undefined ? 3 : 0,
    )
  }
  if (etag === undefined || confirm !== true) {
    return refused(
      [
        ...(etag === undefined ? ['--etag: give the one that `dicomcast checkpoint` shows'] : []),
        ...(confirm === true ? [] : ['--confirm: say that you mean it']),
      ],
      options,
    )
  }
  const asked = given({ sequence: toSequence, time: toTime, etag: etag === 'none' ? null : etag, confirm })
  const request = parsed(parseCheckpoint(asked), options, { sequence: '--to-sequence', time: '--to-time' })
  if (request === undefined) return
  show(await setCheckpoint(operator(), request), options, ({ from, to, head, openHoles }) => [
    `The checkpoint was moved from ${from} to ${to}; the head of the feed is ${head}.`,
    ...(openHoles === 0 ? [] : [`${openHoles} holes before it stay open: their rows are cast when they come.`]),
  ])
}

const checkpointLines = ({ checkpoint, head, health }: StatusAnswer): ReadonlyArray<string> =>
  checkpoint === undefined
    ? [health.storage.healthy ? 'The checkpoint is unknown.' : health.storage.reason]
    : [`sequence  ${checkpoint.sequence} of ${head ?? 'unknown'}`, `etag      ${checkpoint.etag ?? 'none'}`]
