import { Command } from 'commander'
import { type RunRecord, type StatusAnswer, status } from '../lib/composition/status'
import { type Output, exitCodesHelp, operator, show, withJson } from './operator'
import { ago, counts, plural, textTable } from './text-table'

/** `dicomcast status`: does it work, how far behind, what failed. */
export const statusCommand = (): Command =>
  withJson(new Command('status'))
    .description('whether it works, how far behind it is, and what failed')
    .addHelpText('after', exitCodesHelp('it works, but needs attention; 3 when it does not work'))
    .action(async (output: Output) =>
      show(await status(operator()), output, statusLines, ({ state }) => exitCodes[state]),
    )

const exitCodes = { fine: 0, behind: 1, broken: 3 } as const
const headlines = { fine: 'All is well.', behind: 'It works, and needs a look.', broken: 'It does not work.' }

const shownRuns = 10
const hops = ['dicom', 'fhir', 'storage'] as const
/** A replay or a resync leaves the checkpoint where it is. */
const movesCheckpoint = ({ kind }: RunRecord): boolean => kind !== 'replay' && kind !== 'resync'

const statusLines = (answer: StatusAnswer): ReadonlyArray<string> => {
  const { checkpoint, head, backlog, lagS, lease, failures, runs, health, entriesPerSecond, configuration } = answer
  const addresses = {
    dicom: configuration.dicomWeb.endpoint,
    fhir: configuration.fhir.endpoint,
    storage: configuration.storage,
  }
  return [
    headlines[answer.state],
    ...answer.reasons.map((reason) => `  ${reason}`),
    '',
    `Checkpoint  ${checkpoint === undefined ? 'unknown' : `${checkpoint.sequence} of ${head ?? 'unknown'}`}`,
    `Backlog     ${backlog === undefined ? 'unknown' : backlog === 0 ? 'none' : `${plural(backlog, 'entry', 'entries')}, the oldest ${ago(lagS ?? 0)} old`}`,
    ...(checkpoint?.stuckSince === undefined ? [] : [`Stuck since ${checkpoint.stuckSince}`]),
    `Holes       ${checkpoint?.openHoles ?? 'unknown'} open`,
    `Lease       ${lease.held === null ? 'unknown' : lease.held ? `held for ${ago(lease.heldForS ?? 0)} by run ${lease.runId ?? 'unknown'}` : 'free'}`,
    ...(entriesPerSecond === undefined ? [] : [`Speed       ${entriesPerSecond} entries/s`]),
    '',
    ...textTable(
      ['SERVICE', 'HEALTH', 'MS', 'ADDRESS'],
      hops.map((hop) => {
        const each = health[hop]
        return [hop, each.healthy ? 'answers' : each.reason, Math.round(each.ms), addresses[hop]]
      }),
    ),
    '',
    ...textTable(
      ['TABLE', 'ROWS', 'CODES'],
      Object.entries(failures).map(([table, { rows, more, codes }]) => [
        ...[table, more ? `${rows} and more` : rows],
        rows === 0 ? '' : counts(codes),
      ]),
    ),
    ...(runs.length === 0
      ? []
      : [
          '',
          ...textTable(
            ['LAST RUNS', 'WHAT', 'WHO', 'ENDED', 'ENTRIES', 'STORED', 'RECORDED', 'TO', 'SECONDS'],
            runs
              .slice(0, shownRuns)
              .map((run) => [
                ...[new Date(run.startedAt).toISOString().slice(0, 19), run.kind, run.by, run.ended],
                ...[run.entries, run.stored, run.recorded, movesCheckpoint(run) ? run.to : ''],
                (run.durationMs / 1000).toFixed(1),
              ]),
          ),
        ]),
  ]
}
