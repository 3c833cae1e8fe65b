import { afterEach, expect } from '@jest/globals'
import type { FhirResource } from 'fhir/r4'
import { type Orthanc, type OrthancOptions, startOrthanc } from '../../local/orthanc'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { type Ended, dicomcast } from '../support/world/command-line'
import { type Held, heldByFhir, heldByOrthanc } from './both-sides'
import { type OrthancClient, openOrthanc } from './orthanc-client'

/** A world whose archive is an Orthanc of its own. The local DICOM service stands idle beside it. */
export interface OrthancWorld extends CastWorld, Omit<OrthancClient, 'get'> {
  readonly orthanc: Orthanc
  readonly client: OrthancClient
  readonly run: (...args: ReadonlyArray<string>) => Promise<Ended>
  readonly runWith: (overrides: Overrides, ...args: ReadonlyArray<string>) => Promise<Ended>
  readonly inOrthanc: () => Promise<Held>
  readonly inFhir: () => Held
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
      settings: { DicomWeb__Endpoint: orthanc.dicomWebUrl, DicomWeb__Version: '', ...settings },
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
      run: (...args) => dicomcast(world.environment(), ...args),
      runWith: (overrides, ...args) => dicomcast(world.environment(overrides), ...args),
      expectEqual: async (studies) => {
        const held = await inOrthanc()
        expect(inFhir()).toEqual(held)
        expect(held.length).toBe(studies)
      },
    }
  }
}
