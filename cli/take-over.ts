import { Command } from 'commander'
import { type TakenOver, takeOver } from '../lib/composition/take-over'
import { type Output, exitCodesHelp, operator, show, withJson } from './operator'
import { progressBar, stepsOn } from './progress'
import { plural } from './text-table'

interface Options extends Output {
  readonly finish: true
  readonly dryRun?: boolean
}

/** `dicomcast take-over --finish`: nobody goes back to the original DICOMcast. */
export const takeOverCommand = (): Command =>
  withJson(new Command('take-over'))
    .description('the original DICOMcast is given up: what it looks up gets the form of today')
    .requiredOption('--finish', 'after this the original cannot be gone back to')
    .option('--dry-run', 'show what would be changed, and write nothing')
    .addHelpText(
      'after',
      `
Its Endpoint gets our name and address, an identifier that stands beside ours goes, rows of its error tables are cast
again or go. Whatever ends it early, the same command goes on.
${exitCodesHelp('it is not finished, or something stays as the original left it')}`,
    )
    .action(run)

const run = async ({ dryRun = false, finish: _finish, ...output }: Options): Promise<void> => {
  const bar = progressBar(output.json !== true && process.stderr.isTTY)
  const done = await takeOver({ ...operator(), steps: stepsOn(bar, 'studies') }, dryRun)
  bar.end()
  show(done, output, lines, ({ dryRun: looked, finished, left, rowsLeft }) =>
    looked || (finished && left.length + rowsLeft === 0) ? 0 : 1,
  )
}

const lines = (done: TakenOver): ReadonlyArray<string> => {
  const { dryRun, finished, endpoints, patients, rows, left, rowsLeft, stop } = done
  if (dryRun && finished) return ['Nothing is left of the original.']
  const counts = `${plural(endpoints, 'Endpoint')}, ${plural(patients, 'Patient')}, ${plural(rows, 'row')}`
  return [
    dryRun
      ? `To be given today’s form: ${counts}. The original could not be gone back to any more.`
      : finished
        ? `The take-over is finished: ${counts}.`
        : `Not finished (${stop?.reason ?? ''}): the same command goes on. So far: ${counts}.`,
    ...left.map(({ patient, reason }) => `Patient/${patient} stays as it is: ${reason}.`),
    ...(rowsLeft === 0
      ? []
      : [`${plural(rowsLeft, 'row')} of the original stay: nobody knows their instances any more.`]),
  ]
}
