import { afterEach, expect } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { FhirResource } from 'fhir/r4'
import { type ReconcileOptions, type Reconciled, reconcile } from '../../lib/composition/reconcile'
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
  readonly reconcile: (overrides?: Overrides, options?: ReconcileOptions) => Promise<Reconciled>
  /** Both sides hold the same, and this many studies. */
  readonly expectEqual: (studies: number) => Promise<void>
}

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
      reconcile: async (overrides, options) => {
        const operator = { environment: world.environment(overrides), log: () => undefined, by: 'anna' }
        const done = await reconcile(operator, options)
        if (E.isLeft(done)) throw new Error(`A comparison ended ${JSON.stringify(done.left)}`)
        return done.right
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
