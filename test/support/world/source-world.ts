import { afterEach } from '@jest/globals'
import { type Ended, dicomcast } from './command-line'
import { type CastWorld, type Overrides, useCastWorld } from './cast-world'
import { type FakeOrthanc, startFakeOrthanc } from './fake-orthanc'

export interface SourceWorld extends CastWorld {
  readonly orthanc: FakeOrthanc
  readonly dicomcast: (...args: ReadonlyArray<string>) => Promise<Ended>
  /** `study: instances` of what FHIR holds, in order. */
  readonly held: () => Promise<ReadonlyArray<string>>
}

/** A world whose archive has no change feed. */
export const useSourceWorld = (): ((settings?: Overrides) => Promise<SourceWorld>) => {
  const newWorld = useCastWorld()
  const archives: FakeOrthanc[] = []
  afterEach(async () => {
    await Promise.all(archives.splice(0).map(({ close }) => close()))
  })
  return async (settings = {}) => {
    const orthanc = await startFakeOrthanc()
    archives.push(orthanc)
    const world = await newWorld({
      settings: { DicomWeb__Endpoint: orthanc.url, DicomWeb__Source: 'orthanc', ...settings },
    })
    return {
      ...world,
      orthanc,
      dicomcast: (...args) => dicomcast(world.environment(), ...args),
      held: async () => {
        const response = await fetch(`${world.fhir.url}/ImagingStudy?_count=1000`)
        const { entry = [] } = (await response.json()) as Searchset
        return entry
          .map(({ resource: { identifier, series = [] } }) => {
            const uid = identifier.find(({ system }) => system === 'urn:dicom:uid')?.value.replace('urn:oid:', '')
            return `${uid}: ${series.reduce((sum, { instance = [] }) => sum + instance.length, 0)}`
          })
          .sort()
      },
    }
  }
}

interface Searchset {
  readonly entry?: ReadonlyArray<{
    readonly resource: {
      readonly identifier: ReadonlyArray<{ readonly system: string; readonly value: string }>
      readonly series?: ReadonlyArray<{ readonly instance?: ReadonlyArray<unknown> }>
    }
  }>
}
