import { afterEach, expect } from '@jest/globals'
import type { FhirResource } from 'fhir/r4'
import { type Orthanc, type OrthancOptions, startOrthanc } from '../../local/orthanc'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { type Ended, dicomcast } from '../support/world/command-line'
import { type Held, heldByFhir, heldByOrthanc, withEither } from './both-sides'
import { type OrthancClient, openOrthanc } from './orthanc-client'

/** A world whose archive is an Orthanc of its own. The local DICOM service stands idle beside it. */
export interface OrthancWorld extends CastWorld, Omit<OrthancClient, 'get'> {
  readonly orthanc: Orthanc
  readonly client: OrthancClient
  readonly run: (...args: ReadonlyArray<string>) => Promise<Ended>
  readonly runWith: (overrides: Overrides, ...args: ReadonlyArray<string>) => Promise<Ended>
  readonly inOrthanc: () => Promise<Held>
  readonly inFhir: () => Held
  /** Casts all that the log tells of, and wants that to end so. */
  readonly castAll: (ended?: string) => ReturnType<CastWorld['cast']>
  /** `dicomcast reconcile --json` */
  readonly reconcile: (...options: ReadonlyArray<string>) => Promise<Reconciled>
  /** Both sides hold the same, and this many studies. */
  readonly expectEqual: (studies: number) => Promise<void>
}

/** What one comparison has come to. */
export type Reconciled = Readonly<Record<string, unknown>> & { readonly code: unknown }

export interface OrthancWorldOptions {
  readonly orthanc?: OrthancOptions
  readonly settings?: Overrides
  /** `name:password` of the tests' own requests. */
  readonly user?: string
}

export const useOrthancWorld = (): ((options?: OrthancWorldOptions) => Promise<OrthancWorld>) => {
  const newWorld = useCastWorld()
  const closers: Array<() => Promise<void>> = []
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()))
  })
  return async ({ orthanc: options, settings = {}, user } = {}) => {
    const orthanc = await startOrthanc(options)
    closers.push(orthanc.close)
    const world = await newWorld({
      settings: { DicomWeb__Source: 'orthanc', DicomWeb__Endpoint: orthanc.dicomWebUrl, ...settings },
    })
    const client = openOrthanc(orthanc, user)
    const inOrthanc = (): Promise<Held> => heldByOrthanc(client)
    const inFhir = (): Held =>
      heldByFhir(
        <R extends FhirResource>(type: R['resourceType']) =>
          world.fhir.store.ofType(type) as unknown as ReadonlyArray<R>,
      )
    const { get: _get, ...requests } = client
    return {
      ...{ ...world, ...requests, orthanc, client, inOrthanc, inFhir },
      castAll: async (ended = 'CaughtUp') => {
        const report = await world.cast({}, { maxBatches: 0 })
        if (report.ended !== ended) throw new Error(`A run ended ${report.ended}: ${report.reason}`)
        return report
      },
      reconcile: async (...options) => {
        const { code, stdout, stderr } = await dicomcast(world.environment(), 'reconcile', '--json', ...options)
        if (!stdout.startsWith('{')) throw new Error(`reconcile ended ${String(code)}: ${stdout}${stderr}`)
        return { ...(JSON.parse(stdout) as Readonly<Record<string, unknown>>), code }
      },
      run: (...args) => dicomcast(world.environment(), ...args),
      runWith: (overrides, ...args) => dicomcast(world.environment(overrides), ...args),
      expectEqual: async (studies) => {
        const [held, fhir] = [await inOrthanc(), inFhir()]
        expect(fhir).toEqual(withEither(held, fhir))
        expect(held.length).toBe(studies)
      },
    }
  }
}
