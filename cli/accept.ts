import { Command } from 'commander'
import { type Accepted, acceptConflict } from '../lib/composition/feed'
import { parseAccept } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, show, withJson } from './operator'
import { progressBar, stepsOn } from './progress'
import { replayLines, rowsLeft } from './replay'

interface Options extends Output {
  readonly patient: string
  readonly identifier: string
  readonly dryRun?: true
}

/** `dicomcast accept`: lets one conflict of demographics through. */
export const acceptCommand = (): Command =>
  withJson(new Command('accept'))
    .description(
      'let one conflict of demographics through: these images are this Patient’s, though name, birth date or sex differ',
    )
    .requiredOption('--patient <id>', 'the Patient whose images they are')
    .requiredOption('--identifier <system|value>', 'the identifier under which they came; |value when it has no system')
    .option('--dry-run', 'show what would become of each row, and write nothing')
    .addHelpText(
      'after',
      `
It holds for images that say the same of the person, now and later, and for nobody else who comes under the identifier.
Look at both people first: dicomcast failures --code DemographicsConflict
${exitCodesHelp('rows are left')}`,
    )
    .action(run)

const run = async (options: Options): Promise<void> => {
  const { patient, identifier, dryRun = false } = options
  const request = parsed(parseAccept(given({ patient, identifier })), options, {
    patient: '--patient',
    identifier: '--identifier',
  })
  if (request === undefined) return
  const bar = progressBar(options.json !== true && process.stderr.isTTY)
  const done = await acceptConflict({ ...operator(), steps: stepsOn(bar, 'rows') }, request, dryRun)
  bar.end()
  show(done, options, acceptLines, ({ replay }) => (rowsLeft(replay) > 0 ? 1 : 0))
}

const acceptLines = ({ patient, replay }: Accepted): ReadonlyArray<string> => [
  replay.dryRun
    ? `${patient} would be taken for the person of these images.`
    : `${patient} is the person of these images.`,
  ...replayLines(replay),
]
