import { Command } from 'commander'
import { type Resync, resyncStudy } from '../lib/composition/studies'
import { parseStudy } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, show, withJson } from './operator'
import { counts } from './text-table'

/** `dicomcast resync`: makes FHIR hold one study as DICOM has it. */
export const resyncCommand = (): Command =>
  withJson(new Command('resync'))
    .description('rebuild one study in FHIR: add what is missing, correct what differs, remove what is gone')
    .argument('<study>', 'its StudyInstanceUID')
    .option('--partition <name>', 'its partition (default: Microsoft.Default)')
    .addHelpText('after', exitCodesHelp('some of its instances cannot be cast'))
    .action(async (study: string, options: Output & { readonly partition?: string }) => {
      const request = parsed(parseStudy(given({ study, partition: options.partition })), options, { study: '<study>' })
      if (request === undefined) return
      show(await resyncStudy(operator(), request), options, resyncLines, resyncExitCode)
    })

export const resyncExitCode = ({ notCast, stop }: Resync): number =>
  stop === undefined && Object.keys(notCast).length === 0 ? 0 : 1

export const resyncLines = ({
  study,
  stored,
  unchanged,
  removed,
  notCast,
  withdrawn,
  stop,
}: Resync): ReadonlyArray<string> => [
  `${study}: ${stored} stored, ${unchanged} unchanged, ${removed} removed; not cast: ${counts(notCast)}${withdrawn === undefined ? '' : `; withdrawn by the archive: ${withdrawn}`}`,
  ...(stop === undefined ? [] : [`  ended early: ${stop.reason}`]),
]
