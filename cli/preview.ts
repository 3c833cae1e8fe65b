import { Command } from 'commander'
import { type Preview, previewBatches } from '../lib/composition/feed'
import { parsePreview } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, show, withJson } from './operator'
import { progressBar, stepsOn } from './progress'
import { counts, plural } from './text-table'

interface Options extends Output {
  readonly batches?: string
  readonly fromSequence?: string
}

/** `dicomcast preview`: what the next batches would do. */
export const previewCommand = (): Command =>
  withJson(new Command('preview'))
    .description('what the next batches would do; writes nothing')
    .option('--batches <number>', 'how many batches (default 1)')
    .option('--from-sequence <number>', 'begin after this sequence (default: at the checkpoint)')
    .addHelpText('after', exitCodesHelp('entries would be recorded in the fail tables'))
    .action(async (options: Options) => {
      const { batches, fromSequence } = options
      const request = parsed(parsePreview(given({ batches, fromSequence })), options)
      if (request === undefined) return
      const asked = { batches: request.batches ?? 1, fromSequence: request.fromSequence }
      const bar = progressBar(options.json !== true && process.stderr.isTTY)
      const looked = await previewBatches({ ...operator(), steps: stepsOn(bar, 'batches') }, asked)
      bar.end()
      show(looked, options, previewLines, ({ recorded }) => (Object.keys(recorded).length > 0 ? 1 : 0))
    })

const previewLines = (preview: Preview): ReadonlyArray<string> => [
  `Sequence ${preview.from} → ${preview.to} of ${preview.head}: ${plural(preview.entries, 'entry', 'entries')}${preview.complete ? '' : ', and there are more'}`,
  `Patients  ${counts(preview.patients)}`,
  `Studies   ${counts(preview.studies)}`,
  `Entries   ${counts({ unchanged: preview.unchanged, superseded: preview.superseded, skipped: preview.skipped })}`,
  `Recorded  ${counts(preview.recorded)}`,
  ...(preview.withdrawn === undefined
    ? []
    : [`Withdrawn ${plural(preview.withdrawn, 'instance', 'instances')}, by the archive`]),
  ...(preview.unmappedIssuers === undefined
    ? []
    : [`Issuers   ${preview.unmappedIssuers} without a system: Patient__IssuerSystems gives them one`]),
  ...repointedLines(preview),
]

const repointedLines = ({ repointed }: Preview): ReadonlyArray<string> => [
  ...(repointed === undefined
    ? []
    : [`Subjects  ${plural(repointed.studies, 'study', 'studies')} would get another Patient`]),
  ...(repointed === undefined || repointed.fromOriginal === 0
    ? []
    : [
        `          ${repointed.fromOriginal} of them are the original’s, whose Patients would be made anew (${repointed.patients}): compare the PatientID system and issuers`,
      ]),
]
