import { setTimeout as sleep } from 'node:timers/promises'
import type { ImagingStudy } from 'fhir/r4'
import { startAzurite } from '../../local/azurite'
import { type DicomService, startDicomService } from '../../local/dicom/service'
import { type FhirService, startFhirService } from '../../local/fhir/service'
import { type LogLine, startFunctionsHost } from '../../local/functions-host'
import { stackSettings } from '../../local/stack-settings'
import { created } from '../support/world/cast-images'
import { startProxy } from './proxy'

// From the image to FHIR, woken by events: the services and the compiled function app, as `npm start` has them.

interface Stack {
  readonly dicom: DicomService
  readonly fhir: FhirService
  /** Deliveries of events, until now. */
  readonly calls: () => number
  /** Runs that had the lease, until now. */
  readonly runs: () => number
  readonly close: () => Promise<void>
}

const hadLease = ({ message }: LogLine): boolean => {
  if (!message.startsWith('{')) return false
  const line = JSON.parse(message) as { readonly message: string; readonly ended: string }
  return line.message === 'cast' && line.ended !== 'LeaseHeld'
}

const openStack = async (): Promise<Stack> => {
  const azurite = await startAzurite()
  const dicom = await startDicomService()
  const fhir = await startFhirService()
  const urls = { dicom: dicom.url, fhir: fhir.url, connectionString: azurite.connectionString }
  // The timer stays out of it: what is measured is the events.
  const env = { ...stackSettings(process.env, urls, {}, true), CastSchedule: '0 0 0 1 1 *' }
  let runs = 0
  const host = await startFunctionsHost({ env, onLog: (line) => (runs += hadLease(line) ? 1 : 0) })
  let calls = 0
  const webhook = await startProxy(host.url, 0, ({ method }) => (calls += method === 'POST' ? 1 : 0))
  dicom.publishTo(`${webhook.url}/api/wake`)
  return {
    ...{ dicom, fhir, calls: () => calls, runs: () => runs },
    close: async () => {
      webhook.close()
      await host.close()
      await Promise.all([dicom.close(), fhir.close(), azurite.close()])
    },
  }
}

const lookEveryMs = 10

/** When each image of these studies was first to be read, ms after they were stored; in the order they came. */
const untilReadable = async ({ fhir }: Stack, uids: ReadonlyArray<string>, images: number): Promise<Array<number>> => {
  const started = performance.now()
  const query = uids.map((uid) => `urn:dicom:uid|urn:oid:${uid}`).join(',')
  const url = `${fhir.url}/ImagingStudy?_count=500&_elements=numberOfInstances&identifier=${encodeURIComponent(query)}`
  const readAfter: Array<number> = []
  while (readAfter.length < images) {
    const answer = await fetch(url)
    const { entry = [] } = (await answer.json()) as { entry?: ReadonlyArray<{ resource: ImagingStudy }> }
    const held = entry.reduce((total, { resource }) => total + (resource.numberOfInstances ?? 0), 0)
    while (readAfter.length < held) readAfter.push(performance.now() - started)
    if (performance.now() - started > 60_000) throw new Error(`${held} of ${images} images are in FHIR after a minute`)
    await sleep(lookEveryMs)
  }
  return readAfter
}

export interface EventMeasure {
  /** Of each image, ms. */
  readonly singles: ReadonlyArray<number>
  readonly burst: ReadonlyArray<number>
  readonly calls: number
  readonly runs: number
}

export const measureEvents = async (singles: number, burst: number): Promise<EventMeasure> => {
  const stack = await openStack()
  try {
    const storeOne = async (index: number): Promise<number> => {
      const study = `1.2.41.${index + 1}`
      stack.dicom.control.append(created({ study, patientId: `P${index}` }))
      const [ms = NaN] = await untilReadable(stack, [study], 1)
      return ms
    }
    // The first finds a host that has only just begun.
    await storeOne(singles)
    const ofSingles: Array<number> = []
    for (let index = 0; index < singles; index++) ofSingles.push(await storeOne(index))

    const [calls, runs] = [stack.calls(), stack.runs()]
    const perStudy = 100
    const uids = Array.from({ length: burst / perStudy }, (_, index) => `1.2.42.${index + 1}`)
    const images = Array.from({ length: burst }, (_, index) => {
      const study = uids[Math.floor(index / perStudy)] ?? ''
      return created({ study, patientId: study.replaceAll('.', ''), instance: (index % perStudy) + 1 })
    })
    stack.dicom.control.append(...images)
    const ofBurst = await untilReadable(stack, uids, burst)
    // The last delivery is answered behind what it brought.
    await sleep(1_000)
    return { singles: ofSingles, burst: ofBurst, calls: stack.calls() - calls, runs: stack.runs() - runs }
  } finally {
    await stack.close()
  }
}
