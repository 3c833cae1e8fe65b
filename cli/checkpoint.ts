import { Command, Option } from 'commander'
import { type CheckpointMoved, describePassedBy, setCheckpoint } from '../lib/composition/feed'
import { type StatusAnswer, status } from '../lib/composition/status'
import { parseCheckpoint } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, refused, show, withJson, write } from './operator'

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
    const answer = await status(operator())
    if (options.json === true && answer._tag === 'Right') return showJson(answer.right)
    return show(answer, options, checkpointLines, exitCode)
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
  show(await setCheckpoint(operator(), request), options, movedLines)
}

const movedLines = ({ from, to, head, openHoles, passedBy }: CheckpointMoved): ReadonlyArray<string> => [
  `The checkpoint was moved from ${from} to ${to}; the head of the feed is ${head}.`,
  ...(passedBy === undefined
    ? []
    : describePassedBy(passedBy)
        .split('; ')
        .map((part) => `  ${part}`)),
  ...(openHoles === 0 ? [] : [`${openHoles} holes before it stay open: their rows are cast when they come.`]),
]

const exitCode = ({ checkpoint }: StatusAnswer): number => (checkpoint === undefined ? 3 : 0)

/** The checkpoint, and nothing else of the status; null when it is unknown, with the reason. */
const showJson = (answer: StatusAnswer): void => {
  const { checkpoint = null, head = null, health } = answer
  const why = checkpoint === null && !health.storage.healthy ? { reason: health.storage.reason } : {}
  write(JSON.stringify({ checkpoint, head, ...why }))
  process.exitCode = exitCode(answer)
}

const checkpointLines = ({ checkpoint, head, health }: StatusAnswer): ReadonlyArray<string> =>
  checkpoint === undefined
    ? [health.storage.healthy ? 'The checkpoint is unknown.' : health.storage.reason]
    : [`sequence  ${checkpoint.sequence} of ${head ?? 'unknown'}`, `etag      ${checkpoint.etag ?? 'none'}`]
