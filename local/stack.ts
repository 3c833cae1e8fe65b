import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAzurite } from './azurite'
import { type DicomService, startDicomService } from './dicom/service'
import { type FhirService, startFhirService } from './fhir/service'
import { startFunctionsHost } from './functions-host'
import { startHapi } from './hapi'
import { keptPorts, somePorts } from './kept-ports'
import { startOrthanc } from './orthanc'
import { summaryOf, warningOf, type RunSummary } from './stack-log'
import { castTimer, stackSettings, wake, type OwnServers } from './stack-settings'

export interface StackOptions extends OwnServers {
  /**
   * First of three ports in a row: functions, DICOM, FHIR. Free ones when it is 0, and in place of taken ones by default;
   * with `keep` those of the first start, whatever comes: FHIR holds the DICOM service's address.
   */
  readonly port?: number | undefined
  readonly keep?: string | undefined
  /** HAPI in place of the local FHIR service; it holds everything in memory. */
  readonly hapi?: boolean | undefined
  /** False: the timer only runs when it is fired. */
  readonly scheduled: boolean
  readonly env: NodeJS.ProcessEnv
  readonly say: (what: string, text: string) => void
  readonly onRun: (run: RunSummary) => void
}

export interface Stack {
  readonly dicomUrl: string
  readonly fhirUrl: string
  readonly functionsUrl: string
  readonly connectionString: string
  readonly schedule: string
  /** Fires the timer function once. */
  readonly cast: () => Promise<RunSummary>
  /** From now on the local DICOM service wakes the app; false when there is none. */
  readonly publishEvents: () => boolean
  readonly exited: Promise<void>
  readonly close: () => Promise<void>
}

/** Starts storage, DICOM service, FHIR service and the function app, in this order; what has started is closed on failure. */
export const startStack = async (options: StackOptions): Promise<Stack> => {
  const { say, keep } = options
  const closers: Array<() => Promise<void>> = []
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne()
  }
  const started = <A extends { readonly close: () => Promise<void> }>(service: A): A => {
    closers.push(service.close)
    return service
  }
  const kept = (file: string): { readonly stateFile?: string } =>
    keep === undefined ? {} : { stateFile: join(keep, file) }

  try {
    if (keep !== undefined) await mkdir(join(keep, 'azurite'), { recursive: true, mode: 0o700 })
    const [functionsPort, dicomPort, fhirPort] =
      keep === undefined ? await somePorts(options.port) : await keptPorts(keep, options.port)

    say('Storage', 'starting Azurite …')
    const azurite = started(await startAzurite({ folder: keep === undefined ? undefined : join(keep, 'azurite') }))
    say('Storage', `${azurite.tableUrl} (Azurite, ${keep === undefined ? 'in memory' : `kept in ${keep}`})`)

    const dicom = started(await startDicom(options, dicomPort, kept('dicom.json')))
    const whoseDicom = options.dicomwebUrl !== undefined ? ' (yours)' : options.orthanc === true ? ' (Orthanc)' : ''
    say('DICOM', `${dicom.url}${whoseDicom}`)

    const startFhir = async (): Promise<Service<FhirService>> => {
      if (options.hapi !== true) return started(await startFhirService({ port: fhirPort, ...kept('fhir.json') }))
      return started(await startHapi({ port: fhirPort, onProgress: (text) => say('FHIR', text) }))
    }
    const fhir = options.fhirUrl === undefined ? await startFhir() : { url: options.fhirUrl }
    const [dicomUrl, fhirUrl] = [dicom.url, fhir.url]
    const whose = options.fhirUrl !== undefined ? ' (yours)' : options.hapi === true ? ' (HAPI FHIR, in memory)' : ''
    say('FHIR', `${fhirUrl}${whose}`)

    const runs: RunSummary[] = []
    const { connectionString } = azurite
    const env = stackSettings(
      options.env,
      { dicom: dicomUrl, fhir: fhirUrl, connectionString },
      options,
      options.scheduled,
    )
    const host = started(
      await startFunctionsHost({
        env,
        port: functionsPort,
        onLog: (line) => {
          const run = summaryOf(line)
          const warning = run === undefined ? warningOf(line) : undefined
          if (warning !== undefined) say('Functions', warning)
          if (run === undefined) return
          runs.push(run)
          options.onRun(run)
        },
      }),
    )
    introduce(host.url, dicom, fhir)
    say('Functions', `${host.url} (${castTimer} ${options.scheduled ? `on ${env.CastSchedule}` : 'fired by hand'})`)

    return {
      dicomUrl,
      fhirUrl,
      functionsUrl: host.url,
      connectionString,
      schedule: env.CastSchedule ?? '',
      exited: host.exited,
      publishEvents: publishing(dicom, host.url),
      close,
      cast: async () => {
        const before = runs.length
        const fired = await host.fire(castTimer)
        // The summary travels beside the answer and may come a moment later.
        for (let waited = 0; runs.length === before && waited < 1_000; waited += 20) await sleep(20)
        return runs[before] ?? { ended: 'Failed', reason: fired.succeeded ? 'it left no summary' : fired.error }
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Ours, or only an address. */
type Service<A> = A | { readonly url: string }

type Closable = { readonly close: () => Promise<void> }

const startDicom = async (
  { dicomwebUrl, orthanc, keep }: StackOptions,
  port: number,
  kept: { readonly stateFile?: string },
): Promise<Service<DicomService> & Closable> => {
  if (dicomwebUrl !== undefined) return { url: dicomwebUrl, close: async () => undefined }
  if (orthanc !== true) return startDicomService({ port, ...kept })
  const { dicomWebUrl, close } = await startOrthanc({
    port,
    folder: keep === undefined ? undefined : join(keep, 'orthanc'),
  })
  return { url: dicomWebUrl, close }
}

/** The pages of what is ours link to each other. */
const introduce = (functions: string, dicom: Service<DicomService>, fhir: Service<FhirService>): void => {
  const [ourDicom, ourFhir] = ['standBeside' in dicom ? dicom : undefined, 'standBeside' in fhir ? fhir : undefined]
  const neighbours = { functions, dicom: ourDicom?.url, fhir: ourFhir?.url }
  ourDicom?.standBeside(neighbours)
  ourFhir?.standBeside(neighbours)
}

const publishing = (dicom: Service<DicomService>, functionsUrl: string) => (): boolean => {
  if (!('publishTo' in dicom)) return false
  dicom.publishTo(`${functionsUrl}/api/${wake}`)
  return true
}

/** Fires until the feed is caught up. The schedule goes on beside it: a tick that holds the lease is waited for. */
export const castUntilCaughtUp = async (stack: Pick<Stack, 'cast'>): Promise<RunSummary> => {
  for (;;) {
    const run = await stack.cast()
    if (run.ended === 'LeaseHeld') await sleep(1_000)
    else if (run.ended !== 'BatchDone' && run.ended !== 'OutOfTime') return run
    else if (run.to !== undefined && run.to === run.head) return run
  }
}
