import type { Endpoint, FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { CastSettings } from '../../lib/app/context'
import { studiesByName } from './check-end'
import { patientIdOf } from './check-study'
import { dosesIn } from './doses'
import { type Feed, keyText, studyText } from './feed-model'
import type { FhirStore } from './fhir-store'
import { claimsOf, foldFeed } from './reference'
import type { Services } from './runs'

// A feed at rest ends the same, however it is cut into batches; and as it ended while it was moving.

/** What a store holds, without what nobody can know before: ids, versions, and the order of lists. */
export const contentOf = (store: FhirStore): ReadonlyArray<string> => {
  const nameOf = (resource: FhirResource | undefined): string => {
    switch (resource?.resourceType) {
      case 'Patient':
        return `Patient ${patientIdOf(resource)}`
      case 'Endpoint':
        return `Endpoint ${(resource as Endpoint).address}`
      case 'ImagingStudy': {
        const { identifier = [], endpoint = [] } = resource as ImagingStudy
        return `Study ${identifier[0]?.value} of ${endpoint.map(({ reference = '' }) => nameOf(store.get(reference))).join()}`
      }
      case 'Observation': {
        const { identifier = [], partOf = [] } = resource as Observation
        return `Dose ${identifier[0]?.value} of ${partOf.map(({ reference = '' }) => nameOf(store.get(reference))).join()}`
      }
      default:
        return `nothing`
    }
  }
  const plain = (value: unknown, key = ''): unknown => {
    if (key === 'reference' && typeof value === 'string') return nameOf(store.get(value))
    if (Array.isArray(value)) {
      return value
        .map((each) => plain(each))
        .sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1))
    }
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => !['id', 'versionId', 'lastUpdated'].includes(name))
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, each]) => [name, plain(each, name)]),
    )
  }
  return (['Patient', 'Endpoint', 'ImagingStudy', 'Observation'] as const)
    .flatMap((type) => store.all(type) as ReadonlyArray<FhirResource>)
    .map((resource) => JSON.stringify(plain(resource)))
    .sort()
}

/**
 * Where images disagree, and one is another person's by name, too, both reasons are true: which one is told depends on
 * when it was looked at last.
 */
const rowsOf = ({ storage, feed }: Services): ReadonlyArray<string> => {
  const expected = foldFeed(feed)
  return [...storage.fails.values()]
    .map(({ row }) => {
      const image = feed.rows.find(({ sequence }) => sequence === row.sequence)?.image
      if (image === undefined) return `${row.sequence} ${row.error._tag}`
      const study = expected.get(studyText(image.key))
      const isEither = row.error._tag === 'DemographicsConflict' && study !== undefined && claimsOf(study).size > 1
      return `${keyText(image.key)} ${isEither ? 'PatientMismatch' : row.error._tag}`
    })
    .sort()
}

/** Whose each study is, its images and its doses. */
const whose = (services: Services, feed: Feed): ReadonlyMap<string, string> => {
  const { store } = services.fhir
  const doses = dosesIn(store).byStudy
  const expected = foldFeed(feed)
  return new Map(
    [...studiesByName(services)].flatMap(([name, study]): ReadonlyArray<readonly [string, string]> => {
      const one = expected.get(name)
      // Who of them came first depends on when they were cast; nobody can say whom a study belonged to.
      if (one === undefined || claimsOf(one).size > 1 || (study.series ?? []).length === 0) return []
      const patient = store.get(study.subject.reference ?? '') as Patient | undefined
      const images = (study.series ?? []).flatMap(({ uid, instance = [] }) =>
        instance.map((each) => `${uid}/${each.uid}`),
      )
      const { summaries = {}, events = [] } = doses.get(`ImagingStudy/${study.id}`) ?? {}
      const listed = Object.entries(summaries).sort(([left], [right]) => (left < right ? -1 : 1))
      return [[name, JSON.stringify([patientIdOf(patient), images.sort(), listed, events])]]
    }),
  )
}

const differences = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): string => {
  const missing = left.filter((each) => !right.includes(each))
  const more = right.filter((each) => !left.includes(each))
  return [...missing.map((each) => `  - ${each}`), ...more.map((each) => `  + ${each}`)].join('\n').slice(0, 3_000)
}

/** `cast`: all of the feed, from its beginning, into services that hold nothing yet. */
export const checkCuts = async (
  moving: Services,
  settings: CastSettings,
  cast: (settings: CastSettings, name: string) => Promise<Services>,
): Promise<ReadonlyArray<string>> => {
  const one = await cast({ ...settings, batchSize: 1, maxBatches: 0 }, 'row by row ')
  const whole = await cast({ ...settings, batchSize: 1_000, maxBatches: 0 }, 'at once ')
  const [left, right] = [
    [...contentOf(one.fhir.store), ...rowsOf(one)],
    [...contentOf(whole.fhir.store), ...rowsOf(whole)],
  ]
  const problems: Array<string> = []
  if (JSON.stringify(left) !== JSON.stringify(right)) {
    problems.push(`row by row (-) it ends otherwise than at once (+):\n${differences(left, right)}`)
  }
  const { verdicts, others } = moving.fhir
  if (
    verdicts.any() ||
    others.taken.size > 0 ||
    others.doubled.size > 0 ||
    moving.storage.people.size > 0 ||
    moving.feed.poisoned.size > 0
  )
    return problems
  const [was, is] = [whose(moving, moving.feed), whose(whole, moving.feed)]
  const registered = new Set(
    [...studiesByName(moving)].flatMap(([name, { id }]) => (others.registered.has(`ImagingStudy/${id}`) ? [name] : [])),
  )
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    if (registered.has(name)) continue
    if (was.get(name) !== is.get(name)) {
      problems.push(`${name} is ${was.get(name)} by the moving feed, and ${is.get(name)} by the feed at rest`)
    }
  }
  return problems
}
