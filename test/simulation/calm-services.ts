import type { Services } from './runs'
import { makeFeed } from './feed-model'
import { makeFhirStore, type Transaction } from './fhir-store'
import { newLeaseBlob } from './lease'
import { makeOtherSystems } from './other-systems'
import { newStorage } from './tables'
import type { World } from './world'

/** Services on which nothing happens by chance; `isRefused`: transactions that the FHIR server never takes. */
export const calmServices = (world: World, isRefused: (bundle: Transaction) => boolean = () => false): Services => {
  const store = makeFhirStore({ staleStatus: 412, refusesToDelete: () => false }, world.violate)
  return {
    feed: makeFeed(world, () => false),
    fhir: {
      store,
      verdicts: {
        of: (bundle) => (isRefused(bundle) ? 'rejected' : 'fine'),
        rejects: () => false,
        failsFor: () => false,
        rejectedEverything: () => false,
        any: () => false,
        failsForSome: () => false,
      },
      others: makeOtherSystems(world, store),
      committed: () => undefined,
      pending: 0,
    },
    storage: newStorage(),
    lease: newLeaseBlob(),
    pageCap: 100,
    hasWindows: true,
  }
}
