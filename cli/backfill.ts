import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import {
  type BackfillProgress,
  type Foreseen,
  backfillStatus,
  cancel,
  dryRunBackfill,
  startBackfill,
} from '../lib/composition/backfill'
import type { Answer, Operator } from '../lib/composition/operator'
import { parseBackfill } from '../lib/requests/backfill'
import { readStudies } from './backfill-studies'
import { stateWords, watchBackfill } from './backfill-watch'
import { type Output, exitCodesHelp, given, operator, parsed, refused, show, withJson } from './operator'
import { progressBar } from './progress'
import { ago, plural } from './text-table'

/** `dicomcast backfill`: all studies of the archive at once, on many workers. */
export const backfillCommand = (): Command =>
  new Command('backfill')
    .description('rebuild all studies of the archive on many workers, then let the feed go on')
    .addCommand(startCommand())
    .addCommand(statusCommand())
    .addCommand(cancelCommand())

interface StartOptions extends Output {
  readonly lanes?: string
  readonly partition?: ReadonlyArray<string>
  readonly since?: string
  readonly studiesFile?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const startCommand = (): Command =>
  withJson(new Command('start'))
    .description('begin one: nothing else writes until it is over')
    .option('--lanes <n>', 'writers at the most (1 to 64, default 8)')
    .option('--partition <name...>', 'only these partitions; the checkpoint stays then')
    .option('--since <time>', 'only studies of which the feed has an entry since then; the checkpoint stays then')
    .option(
      '--studies-file <file>',
      'only these: a StudyInstanceUID, or partition/StudyInstanceUID, a line; the checkpoint stays then',
    )
    .option('--dry-run', 'count what it would be about, and write nothing')
    .option('--yes', 'begin')
    .addHelpText(
      'after',
      `
The work is on a queue: the function app takes it, and so does any number of dicomcast work.
Casts, replays and resyncs are refused until it is over. docs/backfill.md says when it is worth it.
${exitCodesHelp()}`,
    )
    .action(start)

const start = async ({
  lanes,
  partition,
  since,
  studiesFile,
  dryRun = false,
  yes,
  ...output
}: StartOptions): Promise<void> => {
  if (!dryRun && yes !== true)
    return refused(['--yes: it closes the installation for all other writers; say so'], output)
  const typed = { partitions: '--partition', studies: '--studies-file', confirm: '--yes' }
  const named = studiesFile === undefined ? undefined : parsed(readStudies(studiesFile), output, typed)
  if (studiesFile !== undefined && named === undefined) return
  const options = given({ lanes, partitions: partition, since, studies: named, confirm: yes })
  const request = parsed(parseBackfill(options, dryRun), output, typed)
  if (request === undefined) return
  if (dryRun) return show(await dryRunBackfill(operator(), request), output, foreseenLines)
  show(await startBackfill(operator(), request), output, backfillLines)
}

const foreseenLines = ({ partitions, whole, missing = 0 }: Foreseen): ReadonlyArray<string> => [
  ...partitions.map(
    ({ partition, studies, images }) =>
      `${partition}: ${plural(studies, 'study', 'studies')}, about ${plural(images, 'image', 'images')}`,
  ),
  ...(missing === 0 ? [] : [`${plural(missing, 'study', 'studies')} named, and not in the archive`]),
  ...(whole ? [] : ['There are more: the counting was ended before its end.']),
]

const statusCommand = (): Command =>
  withJson(new Command('status'))
    .description('how far it is, or how the last one ended')
    .option('--watch', 'look until it is over; on a terminal with a progress bar')
    .addHelpText('after', exitCodesHelp('it is at work, or has studies to look at'))
    .action(async ({ watch, ...output }: Output & { readonly watch?: true }) => {
      const who = operator()
      const found = watch === true ? await watching(who, output) : await backfillStatus(who)
      show(found, output, backfillLines, exitCode)
    })

const lookEveryMs = 2_000

/** Ctrl-C ends the looking, not the backfill. */
const watching = (who: Operator, { json }: Output): Promise<Answer<BackfillProgress>> =>
  watchBackfill({
    read: () => backfillStatus(who),
    bar: progressBar(json !== true && process.stderr.isTTY),
    pause: () => sleep(lookEveryMs),
    stopping: () => who.stopping?.() ?? false,
  })

const exitCode = ({ state, done, leftOver, tooManyGone = 0 }: BackfillProgress): number =>
  state === 'over' && done.failed + leftOver.failed + tooManyGone === 0 ? 0 : 1

const cancelCommand = (): Command =>
  withJson(new Command('cancel'))
    .description('end it early: what is done stays, and the feed goes on from where it stood')
    .addHelpText('after', exitCodesHelp())
    .action(async (output: Output) => show(await cancel(operator()), output, backfillLines))

const percent = (done: number, all: number): string => (all === 0 ? '' : ` (${Math.floor((100 * done) / all)} %)`)

/** Also a block of the status. */
export const backfillLines = (backfill: BackfillProgress): ReadonlyArray<string> => {
  const { state, by, startedAt, listed, settled, done, leftOver, lanes, lanesAtWork, lanesWaiting } = backfill
  const { ended, endedAt, checkpoint, tooManyGone, given: named, since, imagesPerS, secondsLeft } = backfill
  const failed = done.failed + leftOver.failed
  const over = ended === undefined ? stateWords[state] : ended === 'Done' ? 'is done' : 'was cancelled'
  return [
    `Backfill    ${over}; begun by ${by} at ${startedAt}${endedAt === undefined ? '' : `, ended at ${endedAt}`}`,
    `Listed      ${plural(listed.studies, 'study', 'studies')}, about ${plural(listed.images, 'image', 'images')}${listed.whole ? '' : ' so far'}${named === undefined ? '' : `; of ${plural(named, 'study', 'studies')} that were named`}`,
    `Done        ${plural(done.studies, 'study', 'studies')}, ${plural(done.images, 'image', 'images')}${percent(settled.images, listed.images)}; ${done.written} written, ${done.notCast} not cast`,
    ...(done.leftOver + leftOver.cast === 0
      ? []
      : [`Left over   ${plural(done.leftOver, 'study', 'studies')} by workers; ${leftOver.cast} cast at the end`]),
    `Lanes       ${lanesAtWork} of ${lanes} at work${lanesWaiting === 0 ? '' : `; ${lanesWaiting} of them wait, since a service asked for less`}`,
    ...(imagesPerS === undefined ? [] : [`Speed       ${imagesPerS} images/s`]),
    ...(secondsLeft === undefined ? [] : [`Time left   about ${ago(secondsLeft)}`]),
    ...(checkpoint === undefined ? [] : [`Checkpoint  ${checkpoint}: the feed goes on from there`]),
    ...(tooManyGone === undefined
      ? []
      : [
          `${plural(tooManyGone, 'study', 'studies')} that ${named !== undefined ? 'were named' : since !== undefined ? 'the feed names' : 'FHIR holds'} are not in the archive's list: too many to be taken out unasked. ` +
            'Is it the right archive, and whole? dicomcast verify --all names them',
        ]),
    ...(failed === 0
      ? []
      : [`${plural(failed, 'study', 'studies')} to look at: dicomcast failures --code OutlastedRetries lists them`]),
  ]
}
