import { Command } from 'commander'
import { type Renamed, rename } from '../lib/composition/rename'
import { parseRename } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, show, withJson } from './operator'
import { progressBar, stepsOn } from './progress'

interface Options extends Output {
  readonly from: string
  readonly dryRun?: boolean
}

/** `dicomcast rename-service`: the DICOM service has another URL from now on. */
export const renameServiceCommand = (): Command =>
  withJson(new Command('rename-service'))
    .description('the DICOM service has another URL, which DicomWeb__Endpoint names already: storage and FHIR follow')
    .requiredOption('--from <url>', 'the URL that DicomWeb__Endpoint had')
    .option('--dry-run', 'show what would be re-pointed, and write nothing')
    .addHelpText(
      'after',
      `
From its first step to its last nobody casts, with either URL. Whatever ends it early, the same command goes on.
It is for one service under a new name, with the same images. Another service is another feed.
${exitCodesHelp('it is not finished: the same command goes on')}`,
    )
    .action(run)

const run = async ({ from, dryRun = false, ...output }: Options): Promise<void> => {
  const request = parsed(parseRename(given({ from })), output)
  if (request === undefined) return
  const bar = progressBar(output.json !== true && process.stderr.isTTY)
  const done = await rename({ ...operator(), steps: stepsOn(bar, 'studies') }, request, dryRun)
  bar.end()
  show(done, output, lines, ({ dryRun: looked, finished }) => (looked || finished ? 0 : 1))
}

const lines = ({ dryRun, from, to, endpoints, studies, refused, finished, stop }: Renamed): ReadonlyArray<string> => {
  const counts = `Endpoints: ${endpoints} · studies that referred to an administrator’s: ${studies}`
  if (dryRun) {
    return finished ? [`${from} is ${to} already.`] : [`${from} would become ${to}.`, `To be re-pointed: ${counts}`]
  }
  return finished
    ? [`${from} is ${to} now; the next run goes on.`, `Re-pointed: ${counts}`, ...refused.map(refusedLine)]
    : [
        `Not finished (${stop?.reason ?? ''}): nobody casts until the same command has gone on.`,
        `Re-pointed: ${counts}`,
      ]
}

const refusedLine = (study: string): string =>
  `FHIR does not take study ${study} as it stands: mend it, and give it the new Endpoint by hand.`
