import { Command, Option } from 'commander'
import { resyncStudy, verifyOne } from '../lib/composition/studies'
import { parseConfirm, parseStudy, parseVerifyScope } from '../lib/requests/requests'
import { exitCodesHelp, given, operator, parsed, refused, show, withJson } from './operator'
import { resyncExitCode, resyncLines } from './resync'
import { type WalkOptions, reportLines, walkStudies } from './verify-walk'

interface Options extends WalkOptions {
  readonly partition?: string
  readonly all?: true
  readonly since?: string
  readonly sample?: string
  readonly confirm?: string
}

/** `dicomcast verify`: does FHIR hold what DICOM has? */
export const verifyCommand = (): Command =>
  withJson(new Command('verify'))
    .description('compare one study, or many, with what FHIR holds, and print what differs')
    .argument('[study]', 'a StudyInstanceUID')
    .option('--partition <name>', 'its partition (default: Microsoft.Default)')
    .addOption(new Option('--all', 'all studies of the DICOM service').conflicts(['since', 'sample']))
    .addOption(new Option('--since <time>', 'studies that have changed since then').conflicts('sample'))
    .option('--sample <number>', 'this many studies, chosen at random')
    .option('--repair', 'resync those that differ')
    .option(
      '--confirm <number>',
      'with --repair: this many studies may be taken out of FHIR because DICOM has them no more',
    )
    .option('--strict', 'exit with 1 also where images are known to be missing, because they stand in a fail table')
    .option('--resume <file>', 'keep how far a walk over many studies has come in this file, and continue from there')
    .addHelpText('after', exitCodesHelp('something differs'))
    .action(run)

const run = async (study: string | undefined, options: Options): Promise<void> => {
  const { partition, all, since, sample, resume, confirm } = options
  if (study !== undefined) {
    if ([all, since, sample, resume, confirm].some((each) => each !== undefined)) {
      return refused(
        ['give a study, or one of --all, --since and --sample (and --resume and --confirm with these)'],
        options,
      )
    }
    const request = parsed(parseStudy(given({ study, partition })), options, { study: '<study>' })
    if (request === undefined) return
    const who = operator()
    const report = await verifyOne(who, request)
    if (options.repair !== true || report._tag === 'Left' || report.right.inStep) {
      return show(report, options, reportLines, ({ inStep }) => (inStep ? 0 : 1))
    }
    return show(await resyncStudy(who, request), options, resyncLines, resyncExitCode)
  }
  if (partition !== undefined) return refused(['--partition: goes with a study'], options)
  const scope = parsed(parseVerifyScope(given({ all, since, sample })), options)
  const confirmed = confirm === undefined ? undefined : parsed(parseConfirm(given({ confirm })), options)?.confirm
  if (scope === undefined || (confirm !== undefined && confirmed === undefined)) return
  await walkStudies(operator(), scope, options, confirmed)
}
