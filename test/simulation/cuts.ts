import type { Endpoint, FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { CastSettings } from '../../lib/app/context'
import type { FailRow } from '../../lib/app/ports'
import { causesOf } from './causes'
import { checkEnd, imageNameOf, studiesByName } from './check-end'
import { patientIdOf } from './check-study'
import { dosesIn } from './doses'
import { type Feed, keyText, mayBeThere, studyText } from './feed-model'
import type { FhirStore } from './fhir-store'
import { withdrawals } from './notes'
import { type ExpectedStudy, claimsOf, foldFeed, personText, wasKnowns } from './reference'
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
const rowsOf = ({ storage, feed, hidesForQuality }: Services): ReadonlyArray<string> => {
  const expected = foldFeed(feed, hidesForQuality)
  // Whose a study was while an image stood in it that a later note withdraws depends on when that was cast, and so does
  // which of the others came in, and where they did not, for which of two reasons.
  const { isHidden } = withdrawals(feed, hidesForQuality === true)
  const isOpen = (name: string): boolean => {
    const study = expected.get(name)
    return study !== undefined && claimsOf(study).size > 1 && study.images.some(({ image }) => isHidden(image.key))
  }
  // What a note lists and leaves has a row of its own only where it came in.
  const isOfWhose = ({ error }: FailRow): boolean =>
    ['PatientMismatch', 'DemographicsConflict'].includes(error._tag) || (error._tag === 'Rejected' && !error.isHidden)
  return [...storage.fails.values()]
    .filter(
      ({ row }) =>
        !isOfWhose(row) ||
        !isOpen(studyText({ partition: row.key.partition ?? '', study: row.key.studyInstanceUid ?? '' })),
    )
    .map(({ row }) => {
      if (row.error._tag === 'Rejected') return `${imageNameOf(feed, row)} ${row.error.code} ${row.error.isHidden}`
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
  const expected = foldFeed(feed, services.hidesForQuality)
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

/** Studies to which something happened that a feed at rest does not tell. */
const whatMayDiffer = (services: Services): ReadonlySet<string> => {
  const { feed, storage, fhir } = services
  const { others } = fhir
  const { isRefused } = causesOf(services)
  const registered = new Set(
    [...studiesByName(services)].flatMap(([name, { id }]) =>
      others.registered.has(`ImagingStudy/${id}`) ? [name] : [],
    ),
  )
  const mayDiffer = ({ images }: ExpectedStudy): boolean =>
    images.some(
      ({ image, said }) =>
        others.taken.has(image.key.instance) ||
        mayBeThere(feed, image) ||
        wasKnowns(image) ||
        said.some((tags) => others.doubled.has(tags.patientId) || storage.people.has(personText(tags))),
    )
  return new Set([
    ...registered,
    ...feed.poisoned,
    ...(services.forbidden?.ever ?? []),
    ...[...foldFeed(feed, services.hidesForQuality)].flatMap(([name, study]) =>
      isRefused(study) || mayDiffer(study) ? [name] : [],
    ),
  ])
}

/** `cast`: all of the feed, from its beginning, into services that hold nothing yet. */
export const checkCuts = async (
  moving: Services,
  settings: CastSettings,
  cast: (settings: CastSettings, name: string) => Promise<Services>,
): Promise<ReadonlyArray<string>> => {
  const one = await cast({ ...settings, batchSize: 1, maxBatches: 0 }, 'row by row ')
  const whole = await cast({ ...settings, batchSize: 1_000, maxBatches: 0 }, 'at once ')
  // What a later note withdraws leaves its values behind, if it was cast before.
  const leavesValues = withdrawals(moving.feed, moving.hidesForQuality === true).of.size > 0
  const told = (services: Services): ReadonlyArray<string> =>
    leavesValues
      ? [...whose(services, moving.feed)].map(([name, what]) => `${name} ${what}`).sort()
      : contentOf(services.fhir.store)
  const [left, right] = [
    [...told(one), ...rowsOf(one)],
    [...told(whole), ...rowsOf(whole)],
  ]
  // What both lack is in no difference.
  const problems: Array<string> = [...checkEnd(one, false), ...checkEnd(whole, false)].map(
    (each) => `cast anew: ${each}`,
  )
  if (JSON.stringify(left) !== JSON.stringify(right)) {
    problems.push(`row by row (-) it ends otherwise than at once (+):\n${differences(left, right)}`)
  }
  const [was, is] = [whose(moving, moving.feed), whose(whole, moving.feed)]
  const mayDiffer = whatMayDiffer(moving)
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    if (mayDiffer.has(name)) continue
    if (was.get(name) !== is.get(name)) {
      problems.push(`${name} is ${was.get(name)} by the moving feed, and ${is.get(name)} by the feed at rest`)
    }
  }
  return problems
}
