import { Command } from 'commander'
import { type RunRecord, type StatusAnswer, status } from '../lib/composition/status'
import { backfillLines } from './backfill'
import { type Output, exitCodesHelp, operator, show, withJson } from './operator'
import { ago, counts, indented, plural, textTable } from './text-table'

/** `dicomcast status`: does it work, how far behind, what failed. */
export const statusCommand = (): Command =>
  withJson(new Command('status'))
    .description('whether it works, how far behind it is, and what failed')
    .addHelpText('after', exitCodesHelp('it works or is paused, but needs attention; 3 when it does not work'))
    .action(async (output: Output) =>
      show(await status(operator()), output, statusLines, ({ state }) => exitCodes[state]),
    )

const exitCodes = { fine: 0, behind: 1, paused: 1, broken: 3 } as const
const headlines = {
  fine: 'All is well.',
  behind: 'It works, and needs a look.',
  paused: 'It is paused.',
  broken: 'It does not work.',
}

const shownRuns = 10
const hops = ['dicom', 'fhir', 'storage'] as const
const tables = [
  'DicomFailToStoreExceptionTable',
  'FhirFailToStoreExceptionTable',
  'TransientFailureExceptionTable',
  'InvalidDicomTagExceptionTable',
  'TransientRetryExceptionTable',
] as const
const unknown = 'unknown'
/** A replay or a resync leaves the checkpoint where it is. */
const movesCheckpoint = ({ kind }: RunRecord): boolean => kind !== 'replay' && kind !== 'resync'

const statusLines = (answer: StatusAnswer): ReadonlyArray<string> => [
  headlines[answer.state],
  ...[...answer.reasons, ...answer.warnings].flatMap(indented),
  '',
  ...factLines(answer),
  ...(answer.backfill === undefined ? [] : ['', ...backfillLines(answer.backfill)]),
  '',
  ...serviceLines(answer),
  '',
  ...tableLines(answer),
  '',
  ...takeOverLines(answer),
  ...runLines(answer.runs),
]

const factLines = (answer: StatusAnswer): ReadonlyArray<string> => {
  const { checkpoint, feed, gate, head, backlog, lagS, lease, timer, entriesPerSecond } = answer
  const age = lagS === undefined ? 'the oldest of unknown age' : `the oldest ${ago(lagS)} old`
  const held = `held for ${lease.heldForS === undefined ? 'an unknown time' : ago(lease.heldForS)} by run ${lease.runId ?? unknown}`
  return [
    `Version     ${answer.version}`,
    `Timer       ${timerWords(timer, answer.health.storage.healthy)}`,
    `Succeeded   ${timer.lastSucceededAt ?? (answer.health.storage.healthy ? 'never' : unknown)}`,
    `Feed        ${feed === undefined ? 'has no name yet' : feedWords(feed)}`,
    `Gate        ${gate === undefined ? unknown : gateWords(gate)}`,
    ...(answer.archive === undefined ? [] : archiveLines(answer.archive)),
    ...(answer.archive?.source === 'dicomweb'
      ? []
      : [
          `Checkpoint  ${checkpoint === undefined ? unknown : `${checkpoint.sequence} of ${head ?? unknown}`}`,
          `Backlog     ${backlog === undefined ? unknown : backlog === 0 ? 'none' : `${plural(backlog, 'entry', 'entries')}, ${age}`}`,
        ]),
    ...(checkpoint?.stuckSince === undefined ? [] : [`Stuck since ${checkpoint.stuckSince}`]),
    // Numbers of a log are missing wherever something was deleted.
    ...(answer.archive === undefined
      ? [`Holes       ${checkpoint === undefined ? unknown : `${checkpoint.openHoles} open`}`]
      : []),
    `Lease       ${lease.held === null ? unknown : lease.held ? held : 'free'}`,
    ...(entriesPerSecond === undefined ? [] : [`Speed       ${entriesPerSecond} entries/s`]),
  ]
}

const archiveLines = ({ source, schedule, reconciliation }: NonNullable<StatusAnswer['archive']>): string[] => {
  const every = schedule === null ? 'only by hand: dicomcast reconcile' : `schedule ${schedule}`
  if (reconciliation === undefined) return [`Archive     ${source}`, `Compared    never; ${every}`]
  const { startedAt, endedAt, doneAt, compared, differing, gone, notRead } = reconciliation
  const before = doneAt === undefined ? '' : `, the one before done ${doneAt}`
  return [
    `Archive     ${source}`,
    `Compared    ${endedAt ?? `not done yet, begun ${startedAt}${before}`}: ${plural(compared, 'study', 'studies')}, ${differing} differing, ` +
      `${gone} gone${notRead === 0 ? '' : `, ${notRead} could not be read`}; ${every}`,
  ]
}

const feedWords = ({ root, renamingTo, formerRoots }: NonNullable<StatusAnswer['feed']>): string =>
  [
    root,
    ...(renamingTo === undefined ? [] : [`is being renamed to ${renamingTo}`]),
    ...(formerRoots.length === 0 ? [] : [`was ${formerRoots.join(', ')}`]),
  ].join('; ')

const gateWords = ({ state, by, since }: NonNullable<StatusAnswer['gate']>): string =>
  since === undefined || state === 'running' ? state : `${state} since ${since}, by ${by}`

const timerWords = ({ state, schedule, lastRanAt }: StatusAnswer['timer'], isRead: boolean): string => {
  const last = lastRanAt === undefined ? '' : `, last ran at ${lastRanAt}`
  const every = schedule === null ? 'CastSchedule is not set here' : `schedule ${schedule}`
  const words = {
    running: 'runs',
    late: 'does not run',
    paused: 'is paused',
    missing: 'is not there',
    unknown: isRead ? 'has not run yet' : unknown,
  }
  return `${words[state]}: ${every}${last}`
}

const serviceLines = ({ health, configuration }: StatusAnswer): ReadonlyArray<string> => {
  const addresses = {
    dicom: configuration.dicomWeb.endpoint,
    fhir: configuration.fhir.endpoint,
    storage: configuration.storage,
  }
  return textTable(
    ['SERVICE', 'HEALTH', 'MS', 'ADDRESS'],
    hops.map((hop) => {
      const each = health[hop]
      return [hop, each.healthy ? 'answers' : each.reason, Math.round(each.ms), addresses[hop]]
    }),
  )
}

const takeOverLines = ({ takeOver }: StatusAnswer): ReadonlyArray<string> => {
  const finishing = takeOver?.finishing
  return takeOver === undefined
    ? []
    : [
        `The original can be gone back to (taken over ${takeOver.since}); take-over --finish brings its Endpoint, identifiers and rows to today’s form` +
          `${finishing === undefined ? '' : `: ${plural(finishing.endpoints, 'Endpoint')}, ${plural(finishing.rows, 'row')}, and the Patients that --dry-run counts`}.`,
        '',
      ]
}

const tableLines = ({ failures, identity, withdrawn }: StatusAnswer): ReadonlyArray<string> => [
  ...textTable(
    ['TABLE', 'ROWS', 'CODES'],
    tables.map((table) => {
      const count = failures[table]
      if (count === undefined) return [table, unknown, '']
      const { rows, more, codes } = count
      return [table, more ? `at least ${rows}` : rows, rows === 0 ? '' : counts(codes)]
    }),
  ),
  ...(identity === undefined || identity.rows === 0
    ? []
    : [
        `Whose images? ${identity.more ? 'At least ' : ''}${plural(identity.rows, 'entry', 'entries')}: ${counts(identity.codes)}`,
      ]),
  ...(withdrawn === undefined || withdrawn.rows === 0
    ? []
    : [
        `Withdrawn by the archive: ${withdrawn.more ? 'at least ' : ''}${plural(withdrawn.rows, 'instance', 'instances')}, by rejection notes of DCM ${counts(withdrawn.codes)}`,
      ]),
]

const runLines = (runs: StatusAnswer['runs']): ReadonlyArray<string> => {
  if (runs === undefined) return ['LAST RUNS  unknown']
  if (runs.length === 0) return ['LAST RUNS  none has done anything yet']
  return textTable(
    ['LAST RUNS', 'WHAT', 'WHO', 'ENDED', 'ENTRIES', 'STORED', 'RECORDED', 'TO', 'SECONDS'],
    runs
      .slice(0, shownRuns)
      .map((run) => [
        ...[new Date(run.startedAt).toISOString().slice(0, 19), run.kind, run.by, run.ended],
        ...[run.entries, run.stored, run.recorded, movesCheckpoint(run) ? run.to : ''],
        (run.durationMs / 1000).toFixed(1),
      ]),
  )
}
