import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { StackResult } from '../local/stack-result'
import type { RunSummary } from '../local/stack-log'
import type { Stored } from '../local/stack-samples'
import { hintsOf } from './local-stack-hints'
import { parsePort, untilStopped } from './local-service'

interface Options {
  readonly once?: true
  readonly dicom?: string
  readonly dicomweb?: string
  readonly fhir?: string
  readonly hapi?: true
  readonly orthanc?: true
  readonly keep?: string
  readonly port?: number
}

export const stackCommand = (): Command =>
  new Command('stack')
    .description('everything at once, with real DICOM files: storage, DICOM service, FHIR service and the function app')
    .option('--once', 'cast once, show the result and exit')
    .option('--dicom <folder>', 'store the DICOM files in this folder and below instead of the samples')
    .option('--dicomweb <url>', 'your own DICOM service instead of the local one (the files are stored there)')
    .option('--fhir <url>', 'your own FHIR server instead of the local one (it is written to)')
    .addOption(
      new Option(
        '--hapi',
        'HAPI FHIR instead of the local FHIR service (needs a JDK 17 or newer, and Maven)',
      ).conflicts(['fhir', 'keep']),
    )
    .addOption(
      new Option(
        '--orthanc',
        'Orthanc instead of the local DICOM service (apt-get install orthanc orthanc-dicomweb)',
      ).conflicts('dicomweb'),
    )
    .option('--keep <folder>', 'keep what is stored in this folder from start to start (default: in memory)')
    .option(
      '--port <number>',
      'first of three ports: functions, DICOM, FHIR (default 7071; 0: free ones; with --keep those of the first start)',
      parsePort,
    )
    .addHelpText('after', '\nSettings such as Patient__PatientSystemId or CastSchedule are taken from the environment.')
    .action(run)

const run = async (options: Options): Promise<void> => {
  const { castUntilCaughtUp, startStack } = await import('../local/stack.js')
  const { storeSamples } = await import('../local/stack-samples.js')
  const { readResult } = await import('../local/stack-result.js')
  const { resultLines, runLine } = await import('../local/stack-report.js')

  const { PortsTaken } = await import('../local/kept-ports.js')
  const { NotInstalled } = await import('../local/not-installed.js')

  const stopped = untilStopped()
  let watching = false
  const stack = await startStack({
    port: options.port,
    dicomwebUrl: options.dicomweb,
    fhirUrl: options.fhir,
    hapi: options.hapi,
    orthanc: options.orthanc,
    keep: options.keep === undefined ? undefined : resolve(options.keep),
    scheduled: options.once !== true,
    env: process.env,
    say,
    onRun: (summary) => {
      if (!watching || didSomething(summary)) say(watching ? clock() : nameOf(summary), runLine(summary))
    },
  }).catch((error: unknown) => {
    if (!(error instanceof PortsTaken || error instanceof NotInstalled)) throw error
    console.error(`dicomcast: ${error.message}`)
    process.exitCode = 2
  })
  if (stack === undefined) return

  let result: StackResult | undefined
  const show = async (): Promise<number> => {
    const stored = await storeSamples(stack.dicomUrl, options.dicom, progress)
    sayStored(stored)
    const last = options.once === true ? await stack.cast() : await castUntilCaughtUp(stack)
    result = await readResult(stack.fhirUrl, stack.connectionString)
    const rows = result.errors
      .filter((table) => table.rows.length > 0)
      .map((table) => `${table.rows.length} ${table.table}`)
    print('', ...resultLines(result, last, options.orthanc === true ? "Orthanc's log" : undefined))
    if (options.dicom === undefined) print('', onPurpose)
    print(
      `Counts: ${stored.stored} instances stored, ${stored.refused.length} refused; ` +
        `${result.totals.studies} studies, ${result.totals.patients} patients, ${result.totals.observations} dose observations; ` +
        `rows: ${rows.join(', ') || 'none'}`,
    )
    return ['CaughtUp', 'BatchDone', 'OutOfTime'].includes(last.ended) ? 0 : 1
  }

  // Ctrl-C works at any moment, also while files are stored. What was in hand then fails, and nobody needs to hear of it.
  try {
    const shown = await Promise.race([show(), stopped])
    process.exitCode = shown ?? 0
    if (options.once !== true && shown !== undefined) {
      const own = { dicomwebUrl: options.dicomweb, fhirUrl: options.fhir, orthanc: options.orthanc }
      const isOurFhir = options.fhir === undefined && options.hapi !== true
      const [study] = result?.studies ?? []
      print(
        '',
        ...hintsOf({ stack, isWoken: stack.publishEvents(), own, isOurFhir, study: study?.studyInstanceUid }),
        '',
      )
      watching = true
      process.exitCode = (await Promise.race([stopped, stack.exited.then(() => 1)])) ?? 0
      if (process.exitCode === 1) console.error('dicomcast: the function app has ended by itself.')
    }
  } finally {
    await stack.close()
  }
  process.exit()
}

const onPurpose =
  'Four of the sample files have no PatientID, and are there on purpose: nobody knows whose they are, so FHIR gets none of them.'

const nameOf = ({ kind }: RunSummary): string => (kind === 'reconcile' ? 'Compare' : 'Cast')

const didSomething = ({ ended, entries = 0 }: RunSummary): boolean =>
  entries > 0 || !['CaughtUp', 'LeaseHeld'].includes(ended)

const sayStored = ({ files, stored, alreadyThere, refused }: Stored): void => {
  const others = alreadyThere === 0 ? '' : `, ${alreadyThere} there already`
  say('Files', `${stored} of ${files} stored${others}, ${refused.length} refused by the DICOM service`)
  for (const { file, reason } of refused) say('', `${file}: ${reason}`)
}

const progress = (done: number, of: number): void => {
  if (done % 250 === 0 && done < of) say('Files', `${done} of ${of} …`)
}

const print = (...lines: ReadonlyArray<string>): void => console.log(lines.join('\n'))
const say = (what: string, text: string): void => console.log(`${what.padEnd(10)} ${text}`)
const clock = (): string => new Date().toTimeString().slice(0, 8)
