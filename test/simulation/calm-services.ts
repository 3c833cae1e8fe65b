import type { ImagingStudy } from 'fhir/r4'
import type { CastSettings } from '../../lib/app/context'
import { settingsOf } from '../support/world/domain-settings'
import { makeCurrentCheck } from './check-current'
import type { Services } from './runs'
import { type Tags, makeFeed } from './feed-model'
import { type Flavour, makeFhirStore, type Transaction } from './fhir-store'
import { newLeaseBlob } from './lease'
import { makeOtherSystems } from './other-systems'
import { newStorage } from './tables'
import type { Verdict } from './verdicts'
import { type World, fhirBase } from './world'

/** What a FHIR server never takes: transactions, and deletions of what others refer to. */
interface Refusals {
  readonly verdictOn?: (bundle: Transaction) => Verdict
  readonly refusesToDelete?: () => boolean
  readonly flavour?: Partial<Flavour>
}

/** Services on which nothing happens by chance. */
export const calmServices = (
  world: World,
  { verdictOn = () => 'fine', refusesToDelete = () => false, flavour = {} }: Refusals = {},
): Services => {
  const store = makeFhirStore(
    { staleStatus: refusesToDelete() ? 409 : 412, refusesToDelete, ...flavour },
    world.violate,
  )
  return {
    feed: makeFeed(world, () => false),
    fhir: {
      store,
      verdicts: {
        of: verdictOn,
        rejects: () => false,
        failsFor: () => false,
        rejectedEverything: () => false,
        any: () => false,
        failsForSome: () => false,
      },
      others: makeOtherSystems(world, store),
      current: makeCurrentCheck(store),
      committed: () => undefined,
      pending: 0,
    },
    storage: newStorage(),
    lease: newLeaseBlob(),
    pageCap: 100,
    hasWindows: true,
  }
}

/** The SOPInstanceUIDs of its studies. */
export const instancesIn = ({ entry = [] }: Transaction): ReadonlyArray<string> =>
  entry
    .flatMap(({ resource }) => (resource?.resourceType === 'ImagingStudy' ? [resource as ImagingStudy] : []))
    .flatMap(({ series = [] }) => series.flatMap(({ instance = [] }) => instance))
    .map(({ uid }) => uid)

/** What every image of these tests says, and what this one says of its own. */
export const tagsWith = (own: Partial<Tags> & { readonly number: number }): Tags => ({
  ...{ patientId: 'P1', family: 'Family', given: 'Ann', description: 'one', accession: undefined },
  ...{ seriesDescription: undefined, modality: 'CT', sopClass: '1.2.840.10008.5.1.4.1.1.2' },
  ...own,
})

export const calmSettings = (batchSize: number): CastSettings => ({
  ...settingsOf(),
  dicom: { root: 'https://dicom.example', version: 'v2' },
  fhirBase,
  ...{ batchSize, backfillReads: 4, maxBatches: 0, maxBundleEntries: 500, maxBundleBytes: 8_000_000 },
  ...{ holeAgeMs: 120_000, totalRetryDurationMs: 600_000, hidesRejectedForQuality: false, startFrom: 'beginning' },
})
