import { setTimeout as sleep } from 'node:timers/promises'
import { Cron } from 'croner'
import { Command, InvalidArgumentError, Option } from 'commander'
import { keepHeapSmall } from '../lib/adapters/heap'
import { jsonLog } from '../lib/adapters/log'
import { type CastReport, type RunKind, cast, configurationProblems, exitCodeOf } from '../lib/composition/cast'
import { betweenMs } from '../lib/composition/reconcile'
import { reconcileIfDue } from '../lib/composition/reconcile-due'
import { isToldOfMore } from '../lib/composition/wake'
import { tellEnding } from './operator'
import { beginning, progressLine } from './progress'
import { environment } from './settings'
import { indented, plural } from './text-table'
import { userName } from './user-name'

interface CastCommandOptions {
  readonly untilCaughtUp?: boolean
  readonly maxBatches?: number
  readonly watch?: boolean
  readonly budget?: number
  readonly json?: boolean
}

const parseBatches = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1.')
  return Number(text)
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

/** `90s`, `15m`, `2h` or `hh:mm:ss`, as ms. */
const parseBudget = (text: string): number => {
  const [, amount, unit] = /^(\d{1,6})(s|m|h)$/.exec(text) ?? []
  if (amount !== undefined && Number(amount) > 0) return Number(amount) * (unitsMs[unit ?? 's'] ?? 1_000)
  const [, hours, minutes, seconds] = /^(\d{1,3}):([0-5]\d):([0-5]\d)$/.exec(text) ?? []
  const total = Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1_000
  if (!(total > 0)) throw new InvalidArgumentError('Give a duration such as 90s, 15m, 2h or 00:15:00.')
  return total
}

/** `dicomcast cast`: the timer's run, outside Azure Functions. */
export const castCommand = (): Command =>
  new Command('cast')
    .description('cast changes from the DICOM service into FHIR: one batch, unless told otherwise')
    .addOption(
      new Option('--until-caught-up', 'cast batch after batch until the head of the feed is reached').conflicts(
        'maxBatches',
      ),
    )
    .option('--max-batches <number>', 'cast at most this many batches', parseBatches)
    .option('--watch', 'run on CastSchedule until stopped (SIGTERM or Ctrl-C ends it after the current batch)')
    .option('--budget <duration>', 'longest time for one run, e.g. 90s, 15m, 2h (default: no limit)', parseBudget)
    .option('--json', 'one line of JSON per run on stdout, the one of the log; other logs go to stderr')
    .addHelpText('after', help)
    .action(async (options: CastCommandOptions) => {
      keepHeapSmall()
      const env = environment()
      const stop = stopOnSignals()
      tellBegin(env, options)
      process.exitCode = options.watch === true ? await watch(env, options, stop) : await runOnce(env, options, stop)
    })

const help = `
Settings come from the environment, then from local.settings.json in this folder (see local.settings.sample.json).

Exit codes:
  0  CaughtUp, BatchDone, OutOfTime, Stopped
  2  ConfigurationInvalid, or an invalid option
  3  ServiceUnavailable, AccessDenied, FeedReset, FhirRejectsAll, CheckpointMoved, LeaseLost
  4  LeaseHeld: another run is active; GateClosed: the whole installation is paused or busy otherwise
  5  WaitingForHoles: numbers of the feed are missing, and too many are waited for already
  70 something unexpected: a fault of this program`

interface Stopper {
  readonly stopping: () => boolean
  /** Resolves when a signal came. */
  readonly signalled: Promise<void>
}

const stopOnSignals = (): Stopper => {
  let stopping = false
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        stopping = true
        tellEnding('the batch in hand')
        resolve()
      })
    }
  })
  return { stopping: () => stopping, signalled }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Every cast writes one line: a program reads it on stdout, for a person it is told in words. All else goes to stderr. */
const logs = (json: boolean) => {
  let prefix = ''
  const others = jsonLog((line) => process.stderr.write(`${line}\n`))
  const log: typeof others = (level, message, fields = {}) => {
    if (message !== 'cast') return others(level, message, fields)
    prefix = `${new Date().toISOString()} ${level} run ${String(fields['runId'])} `
    if (json) jsonLog((line) => process.stdout.write(`${line}\n`))(level, message, fields)
  }
  return { log, prefix: () => prefix }
}

/** At once, so that nobody wonders what it does, and how to end it. */
const tellBegin = (env: Environment, { watch: watching, json }: CastCommandOptions): void => {
  if (json === true || !process.stderr.isTTY) return
  process.stderr.write(`${beginning(env, watching === true ? scheduleOf(env) : undefined)}\n`)
}

/** A run, and behind it the comparison with an archive that has no change feed, when that is due. */
const tick = async (...given: Parameters<typeof runOnce>): Promise<number> => {
  const [env, options, { stopping }] = given
  const code = await runOnce(...given)
  if (code !== 0 || stopping()) return code
  const { log } = logs(options.json === true)
  const again = (): Promise<number> => runOnce(env, { ...options, budget: betweenMs }, { ...given[2] })
  await reconcileIfDue({ environment: env, log, by: userName(), stopping }, again)
  return code
}

const runOnce = async (
  env: Environment,
  options: CastCommandOptions,
  { stopping }: Stopper,
  kind: RunKind = 'cast',
): Promise<number> => {
  const json = options.json === true
  const line = progressLine(!json && process.stderr.isTTY)
  const { log, prefix } = logs(json)
  const report = await cast({
    environment: env,
    log,
    maxBatches: options.untilCaughtUp === true ? 0 : (options.maxBatches ?? 1),
    ...(options.budget === undefined ? {} : { budgetMs: options.budget }),
    ...(options.watch === true && kind === 'cast' ? { schedule: scheduleOf(env) } : {}),
    stopping,
    kind,
    by: kind === 'wake' ? 'event' : userName(),
    progress: line.show,
  })
  line.end()
  // None when it is the checkpoint that cannot be read: the report says so.
  const problems = report.ended === 'ConfigurationInvalid' ? configurationProblems(env) : []
  if (problems.length > 0) {
    process.stderr.write(`The configuration is not complete:\n${problems.map((each) => `  ${each}\n`).join('')}`)
  } else if (!json) print(report, options.watch === true ? prefix() : '')
  return exitCodeOf(report.ended)
}

const scheduleOf = (env: Environment): string => env['CastSchedule']?.trim() || '0 * * * * *'

/** Whoever watches looks so often whether an event came: each look is a request to storage. */
const lookEveryMs = 2_000

/** A run that a service ended is no end of watching: the next tick is the retry. A wrong configuration is. */
const watch = async (env: Environment, options: CastCommandOptions, stop: Stopper): Promise<number> => {
  const first = await tick(env, options, stop)
  if (first === 2 || stop.stopping()) return first === 2 ? 2 : 0
  let running: Promise<unknown> = Promise.resolve()
  const oneByOne = async (kind: RunKind): Promise<void> => {
    running = running.then(() => tick(env, options, stop, kind))
    await running
  }
  const job = new Cron(scheduleOf(env), { timezone: 'UTC', protect: true }, () => oneByOne('cast'))
  const operator = { environment: env, log: logs(options.json === true).log, by: 'event' }
  for (;;) {
    await Promise.race([stop.signalled, sleep(lookEveryMs, undefined, { ref: false })])
    if (stop.stopping()) break
    if (await isToldOfMore(operator)) await oneByOne('wake')
  }
  job.stop()
  await running
  return 0
}

/** `prefix`: when, how it went, and which run, for whoever keeps the lines. */
const print = (report: CastReport, prefix: string): void => {
  const { ended, from, to, head, entries, stored, unchanged, superseded, skipped, recorded, failed, reason } = report
  const rows = Object.entries(failed).map(([table, count]) => `\n  ${count} in ${table}`)
  process.stdout.write(
    `${prefix}${ended}: sequence ${from} → ${to} of ${head}; ${plural(entries, 'entry', 'entries')}: ${stored} stored, ${unchanged} unchanged, ` +
      `${superseded} superseded, ${skipped === 0 ? '' : `${skipped} skipped, `}${recorded} recorded${rows.join('')}\n` +
      `  ${report.dicomRequests} DICOM and ${report.fhirRequests} FHIR requests, ${plural(report.fhirBytesSent, 'byte')} sent to FHIR, ` +
      `${plural(report.retries, 'retry', 'retries')}, ${(report.durationMs / 1000).toFixed(1)} s\n` +
      (reason === '' ? '' : `${indented(reason).join('\n')}\n`),
  )
}
