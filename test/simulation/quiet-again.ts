import type { FhirResource, Observation } from 'fhir/r4'
import { causesOf } from './causes'
import { studiesByName } from './check-end'
import { patientIdOf } from './check-study'
import type { FhirStore } from './fhir-store'
import { type ExpectedStudy, foldFeed } from './reference'
import type { Services } from './runs'

// A quiet feed that is cast once more writes nothing: no resource gets another version, and none is new.

const resourcesIn = (store: FhirStore): ReadonlyArray<FhirResource> =>
  (['Patient', 'ImagingStudy', 'Endpoint', 'Observation'] as const).flatMap(
    (type) => store.all(type) as ReadonlyArray<FhirResource>,
  )

const versionOf = (store: FhirStore, { resourceType, id }: FhirResource): string =>
  `${resourceType}/${id}, version ${store.versionOf(`${resourceType}/${id}`)}`

/** How it stands between two casts. */
interface Quiet {
  readonly versions: ReadonlySet<string>
  /** Studies that are not cast at once, by name: something is refused or unread, or others doubled their Patient. */
  readonly refused: ReadonlySet<string>
}

const sequencesOf = ({ images }: ExpectedStudy): ReadonlyArray<number> =>
  images.flatMap(({ image }) => image.rows.map(({ sequence }) => sequence))

/** A run ends at what FHIR fails for, and batches are small behind it: what comes there may come in two of them. */
const tornBehind = ({ fhir }: Services, refused: ReadonlyArray<ExpectedStudy>): ((study: ExpectedStudy) => boolean) => {
  const ends = fhir.verdicts.failsForSome() ? refused.flatMap(sequencesOf) : []
  return (study) => Math.max(...sequencesOf(study)) > Math.min(...ends)
}

const refusedIn = (services: Services): ReadonlySet<string> => {
  const { isRefused } = causesOf(services)
  const studies = [...foldFeed(services.feed, services.hidesForQuality)]
  // Of several Patients whom others made, the one of a study that is cast is known from then on: by the next cast.
  const { doubled } = services.fhir.others
  const isDoubled = ({ upserts }: ExpectedStudy): boolean =>
    upserts.some(({ tags }) => doubled.has(tags?.patientId ?? ''))
  // Around what cannot be read the feed is read in pieces: an older row comes in a batch of its own.
  const isTorn = tornBehind(services, studies.map(([, study]) => study).filter(isRefused))
  const isUnread = (name: string): boolean =>
    services.feed.poisoned.has(name) || services.forbidden?.ever.has(name) === true
  const isApart = (name: string, study: ExpectedStudy): boolean =>
    isRefused(study) || isDoubled(study) || isUnread(name) || isTorn(study)
  return new Set(studies.flatMap(([name, study]) => (isApart(name, study) ? [name] : [])))
}

export const quietNow = (services: Services): Quiet => {
  const { store } = services.fhir
  const versions = new Set(resourcesIn(store).map((resource) => versionOf(store, resource)))
  return { versions, refused: refusedIn(services) }
}

/** `before`: how it stood before the last cast. */
export const writtenAgain = (services: Services, before: Quiet): ReadonlyArray<string> => {
  const { feed, fhir, hidesForQuality } = services
  // What is refused is taken apart in each cast: older rows of its study, and of its Patient, are written before newer ones.
  const now = refusedIn(services)
  const apart = [...foldFeed(feed, hidesForQuality)].filter(([name]) => now.has(name) || before.refused.has(name))
  const people = new Set(apart.flatMap(([, { upserts }]) => upserts.map(({ tags }) => tags?.patientId ?? '')))
  const names = new Set(apart.map(([name]) => name))
  const studies = new Set(
    [...studiesByName(services)].flatMap(([name, { id }]) => (names.has(name) ? [`ImagingStudy/${id}`] : [])),
  )
  const isApart = (resource: FhirResource): boolean => {
    if (resource.resourceType === 'Patient') return people.has(patientIdOf(resource))
    const of = resource.resourceType === 'Observation' ? (resource as Observation).partOf?.[0]?.reference : undefined
    return studies.has(of ?? `${resource.resourceType}/${resource.id}`)
  }
  return resourcesIn(fhir.store)
    .filter((resource) => !before.versions.has(versionOf(fhir.store, resource)) && !isApart(resource))
    .map((resource) => `${versionOf(fhir.store, resource)}, was written again for the same rows`)
}
