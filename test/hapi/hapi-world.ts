import { randomUUID } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import type { Basic, Bundle, Endpoint, FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4'
import { checkId } from '../../lib/domain/fhir/position'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { type FhirSession, openSession } from '../support/fhir/fhir-session'
import { hapiUrl } from './hapi-url'

type RunReport = Awaited<ReturnType<CastWorld['cast']>>

interface Kinds {
  readonly Basic: Basic
  readonly Endpoint: Endpoint
  readonly ImagingStudy: ImagingStudy
  readonly Observation: Observation
  readonly Patient: Patient
}

/** A world whose FHIR server is HAPI. Its own, local one stands idle beside it, unless a test casts into both. */
export interface HapiWorld extends CastWorld {
  /** Requests outside our product. */
  readonly session: FhirSession
  /** What HAPI holds of a type of what was written for this world's DICOM service; of another partition, if it is named. */
  readonly stored: <K extends keyof Kinds>(type: K, partition?: string) => Promise<ReadonlyArray<Kinds[K]>>
  readonly position: () => Promise<Basic>
  /**
   * The report, and what HAPI answered meanwhile, as `METHOD path → status`; without the trial of an old If-Match, whose
   * resource all worlds share: a test beside this one may be at it, too.
   */
  readonly watched: () => Promise<{ readonly report: RunReport; readonly requests: ReadonlyArray<string> }>
}

/** Every answer that undici, and so our product, gets from a server while `work` is at work. */
const watching = async (url: string, work: () => Promise<RunReport>) => {
  const { origin, pathname } = new URL(url)
  const requests: string[] = []
  const answered = (message: unknown): void => {
    const { request, response } = message as {
      readonly request: {
        readonly origin: string
        readonly method: string
        readonly path: string
        readonly body?: unknown
      }
      readonly response: { readonly statusCode: number }
    }
    const path = request.path.slice(pathname.length)
    const isTrial = `${request.path} ${String(request.body)}`.includes(`Basic/${checkId}`)
    if (request.origin === origin && !isTrial) {
      requests.push(`${request.method} ${path || '/'} → ${response.statusCode}`)
    }
  }
  const headers = channel('undici:request:headers')
  headers.subscribe(answered)
  try {
    return { report: await work(), requests }
  } finally {
    headers.unsubscribe(answered)
  }
}

/**
 * All worlds share one HAPI: a Patient of one is nobody in another, because each has its own system of PatientIDs, and no
 * DICOM service has the address of an earlier one, whose port the system may well give again.
 */
export const useHapiWorld = (): ((settings?: Overrides) => Promise<HapiWorld>) => {
  const newWorld = useCastWorld()
  return async (settings = {}) => {
    const url = hapiUrl()
    const session = openSession(url)
    /** Page after page: HAPI gives 50 resources at a time, whatever it was asked for. */
    const found = async <K extends keyof Kinds>(type: K, form: Record<string, string>) => {
      const resources: Array<Kinds[K]> = []
      let page = await session.search(type, form)
      for (;;) {
        if (page.status !== 200) throw new Error(`A search for ${type} answered ${page.status}`)
        const { entry = [], link = [] } = page.body as Bundle<Kinds[K] & FhirResource>
        resources.push(...entry.flatMap(({ resource }) => resource ?? []))
        const next = link.find(({ relation }) => relation === 'next')
        if (next === undefined) return resources
        page = await session.get(next.url)
      }
    }
    const positionsOf = async ({ dicom }: CastWorld) =>
      (await found('Basic', { identifier: `urn:ietf:rfc:3986|${dicom.url}` })).filter(
        ({ id }) => id?.startsWith('dicomcast-root-') !== true,
      )
    const start = async (): Promise<CastWorld> => {
      const world = await newWorld({
        settings: {
          Fhir__Endpoint: url,
          Patient__PatientSystemId: `https://patients.example/${randomUUID()}`,
          ...settings,
        },
      })
      return (await positionsOf(world)).length === 0 ? world : start()
    }
    const world = await start()
    return {
      ...world,
      session,
      stored: (type, partition) =>
        found(type, { _source: `${world.dicom.url}${partition === undefined ? '' : `/partitions/${partition}`}` }),
      position: async () => {
        const [position] = await positionsOf(world)
        if (position?.id === undefined) throw new Error('HAPI does not hold our position')
        return (await session.get(`/Basic/${position.id}`)).body as Basic
      },
      watched: () => watching(url, world.cast),
    }
  }
}

/** `Type/id: version` of each, sorted: equal before and after a run that wrote nothing. */
export const versionsOf = (...resources: ReadonlyArray<ReadonlyArray<FhirResource>>): ReadonlyArray<string> =>
  resources
    .flat()
    .map(({ resourceType, id, meta }) => `${resourceType}/${id}: ${meta?.versionId}`)
    .sort()
