import type { FhirResource, ImagingStudy, ImagingStudySeries, ImagingStudySeriesInstance, Patient } from 'fhir/r4'
import type { EntryError } from '../../lib/domain/cast-error'
import { agreedIn, isRebuilt } from './backfill/excuses'
import { type Causes, nameOf } from './causes'
import { type Report, reportClass } from './dose-report'
import { type dosesIn, dosesOf } from './doses'
import { type Image, type Row, type Tags, keyText, mayBeThere, studyText } from './feed-model'
import { isUnseen } from './forbidden'
import { type ExpectedImage, type ExpectedStudy, isUnknowable, newest, personText, wasKnowns } from './reference'
import type { Services } from './runs'

export interface Stage {
  readonly services: Services
  readonly causes: Causes
  /** Sequences that stand in a fail table. */
  readonly failed: ReadonlySet<number>
  /** Images (keyText) that stand in a fail table, for whatever reason. */
  readonly named: ReadonlySet<string>
  /** Images (keyText) that a note ever listed. */
  readonly listed: ReadonlySet<string>
  /** Why, by sequence. */
  readonly codes: ReadonlyMap<number, EntryError['_tag']>
  readonly doses: ReturnType<typeof dosesIn>
  /** Images (keyText) of studies that a backfill has recorded as a whole, and passed by. */
  readonly passed: ReadonlySet<string>
  /** All rows were read again in order, at rest: then every value is known exactly. */
  readonly replayed: boolean
}

interface Stored {
  readonly series: ImagingStudySeries
  readonly instance: ImagingStudySeriesInstance
}

export const patientIdOf = (patient: FhirResource | undefined): string =>
  patient?.resourceType === 'Patient' ? (patient.identifier ?? []).map(({ value }) => value).join(' ') : ''

const bySequence = (left: Row, right: Row): number => left.sequence - right.sequence
const describedBy = ({ description }: Tags): string | undefined => description

/** A study in FHIR, none when it is not there, against what the feed says of it. */
export const checkStudy = (
  stage: Stage,
  study: ExpectedStudy,
  found: ImagingStudy | undefined,
): ReadonlyArray<string> => {
  const { problems, settled } = compareImages(stage, study, found)
  if (found === undefined || (found.series ?? []).length === 0) return problems
  return [
    ...problems,
    ...checkSubject(stage, study, settled, found),
    ...checkValues(stage, study, settled, found),
    ...checkDoses(stage, study, settled, found),
  ]
}

/** Rows that say: nobody knows whose it is. */
const ofOwnership: ReadonlySet<EntryError['_tag'] | undefined> = new Set<EntryError['_tag']>([
  ...(['PatientMismatch', 'DemographicsConflict', 'PatientAmbiguous', 'PatientInactive'] as const),
  ...(['IssuerUnknown', 'TagsRejected'] as const),
])

/** Rows that say: FHIR does not take it, or does not let it go. */
const isOfFhir: ReadonlySet<EntryError['_tag'] | undefined> = new Set<EntryError['_tag']>([
  ...(['FhirRejected', 'OutlastedRetries'] as const),
])

/** Who read its study whole brought it in; of what no page holds its own row could not be read any more, once that was forbidden. */
const isOfWhole = (
  { services: { forbidden }, codes }: Stage,
  { image: { key, poison, oversized }, row }: ExpectedImage,
): boolean =>
  codes.get(row.sequence) === 'EntryMalformed' && oversized && !poison && forbidden?.ever.has(studyText(key)) === true

/** Until all is read again nobody knows what became of it before the backfill passed it by: it stands there as it was. */
const mayBePassed = ({ passed, replayed }: Stage, { key }: Image): boolean => !replayed && passed.has(keyText(key))

const compareImages = (
  stage: Stage,
  study: ExpectedStudy,
  found: ImagingStudy | undefined,
): { readonly problems: ReadonlyArray<string>; readonly settled: ReadonlyArray<ExpectedImage> } => {
  const { services, causes, failed, codes, replayed } = stage
  const { others, verdicts } = services.fhir
  const problems: Array<string> = []
  const settled: Array<ExpectedImage> = []
  const present = new Map<string, Stored>(
    (found?.series ?? []).flatMap((series) =>
      (series.instance ?? []).map((instance) => [`${series.uid} ${instance.uid}`, { series, instance }] as const),
    ),
  )
  // A server that refuses something also refuses to change what it took before a run was killed.
  const isKept = verdicts.rejectedEverything() || causes.isDoubtful(study)
  // Whoever deletes the subject of a study puts it in doubt whose it is.
  const isOrphaned = others.orphaned.has(`ImagingStudy/${found?.id}`) && services.feed.disagreed.has(nameOf(study))
  // The subject is nobody whom we could mistake for another: there only the identifiers speak.
  const isElsewhere = ({ patientId }: Tags): boolean =>
    patientId !== '' && others.registered.get(`ImagingStudy/${found?.id}`) !== undefined
  const wasLetIn = ({ rows }: Image): boolean =>
    rows.some(({ tags }) => tags !== undefined && services.storage.people.has(personText(tags)))
  const mayBeCorrection = ({ patientId }: Tags, image: Image): boolean =>
    patientId !== '' && (wasKnowns(image) || wasLetIn(image))
  for (const each of study.images) {
    const { key } = each.image
    const id = `${key.series} ${key.instance}`
    const there = present.get(id)
    present.delete(id)
    const isFailed = failed.has(each.row.sequence)
    const isPassed = mayBePassed(stage, each.image)
    const isTaken = !replayed && others.taken.has(key.instance)
    if (each.isDoubtful) {
      const isNamed = stage.named.has(keyText(key))
      if (there === undefined && each.tags !== undefined && !isTaken && !isNamed && !isPassed)
        problems.push(`${key.instance} is missing, and nothing tells it`)
    } else if (each.tags === undefined) {
      const isOfService = isOfFhir.has(codes.get(each.row.sequence)) || isPassed
      const isExcused = isOfService || isUnseen(services.forbidden, each.image) || mayBeThere(services.feed, each.image)
      if (there !== undefined && !isExcused) problems.push(`${key.instance} is deleted or withdrawn, and FHIR has it`)
    } else if (isFailed) {
      const isNobodys = ofOwnership.has(codes.get(each.row.sequence))
      const mayBoth = isNobodys ? isOrphaned : isKept
      // The identifier is two Patients', and one of them is the subject: unless its images want to be somebody else's.
      const { patientId } = each.tags
      const isNoDoubt =
        codes.get(each.row.sequence) === 'PatientAmbiguous' &&
        subjectOf(services, found) === patientId &&
        study.images.every(({ tags }) => tags === undefined || tags.patientId === patientId)
      if (isNoDoubt && there === undefined && !causes.isConfused(patientId))
        problems.push(`${key.instance} is recorded as ambiguous, and its study is that person's already`)
      // Whoever let it in was killed before its row went: it goes within a day.
      const isLetIn = services.storage.people.has(personText(each.tags))
      // A note that hid nothing is gone, and the row is looked at within a day.
      const isOfNote = codes.get(each.row.sequence) === 'Rejected'
      const isThere = isLetIn || isOfNote || isOfWhole(stage, each)
      if (there !== undefined && (isNobodys || !each.older) && !isNoDoubt && !isThere && !mayBoth)
        problems.push(`${key.instance} is recorded, and FHIR has it`)
    } else if (there === undefined) {
      if (!isTaken && !isPassed) problems.push(`${key.instance} (${each.row.sequence}) is missing`)
    } else {
      const mayStand = isPassed || services.storage.people.has(personText(each.tags))
      if (isUnknowable(each.tags) && !isElsewhere(each.tags) && !mayBeCorrection(each.tags, each.image) && !mayStand)
        problems.push(`${key.instance} is in FHIR, and nobody knows whose it is`)
      settled.push(each)
      problems.push(...checkInstance(each.tags, there))
    }
  }
  for (const id of present.keys()) problems.push(`${id} is in FHIR, and never was in the feed`)
  return { problems, settled }
}

const subjectOf = ({ fhir: { store } }: Services, found: ImagingStudy | undefined): string =>
  patientIdOf(store.get(found?.subject.reference ?? ''))

const checkInstance = (tags: Tags, { series, instance }: Stored): ReadonlyArray<string> => [
  ...(instance.number === tags.number ? [] : [`${instance.uid} has number ${instance.number}, not ${tags.number}`]),
  ...(instance.sopClass.code === `urn:oid:${tags.report === undefined ? tags.sopClass : reportClass}`
    ? []
    : [`${instance.uid} has another class`]),
  ...(series.modality.code === undefined ? [`${series.uid} has no modality`] : []),
]

const checkSubject = (
  stage: Stage,
  study: ExpectedStudy,
  settled: ReadonlyArray<ExpectedImage>,
  found: ImagingStudy,
): ReadonlyArray<string> => {
  const {
    services: { feed, fhir },
    replayed,
  } = stage
  const reference = found.subject.reference ?? ''
  const theirs = fhir.others.registered.get(`ImagingStudy/${found.id}`)
  if (theirs !== undefined) {
    const named = new Set(settled.map(({ tags }) => tags?.patientId))
    return [
      ...(reference === theirs.reference
        ? []
        : [`its subject is ${reference}, and another system said ${theirs.reference}`]),
      ...(named.size > 1 ? [`nobody can say whose it is, and its images say ${[...named].join(', ')}`] : []),
    ]
  }
  const patient: Patient | undefined = fhir.store.all('Patient').find(({ id }) => reference === `Patient/${id}`)
  if (patient === undefined) {
    // Somebody deleted it, and as long as the images disagree, or one cannot be read, nobody says who takes its place.
    const name = studyText({ partition: study.partition, study: study.uid })
    const mayBeGone = !replayed || feed.disagreed.has(name) || feed.poisoned.has(name)
    return mayBeGone && fhir.others.patients.has(reference) ? [] : ['its subject is not there']
  }
  const told = settled.filter(({ image }) => !mayBePassed(stage, image))
  const claimed = new Set(told.map(({ tags }) => tags?.patientId))
  const ever = new Set(study.upserts.map(({ tags }) => tags?.patientId))
  const subject = patientIdOf(patient)
  if (claimed.size === 0) return ever.has(subject) ? [] : [`its subject ${subject} is nobody's`]
  return claimed.size === 1 && claimed.has(subject)
    ? []
    : [`its subject is ${subject}, its images say ${[...claimed].join(', ')}`]
}

/** Which Observations there are of it, exactly; nothing is known of those that an image which was refused had before. */
const checkDoses = (
  stage: Stage,
  study: ExpectedStudy,
  settled: ReadonlyArray<ExpectedImage>,
  found: ImagingStudy,
): ReadonlyArray<string> => {
  const { services, causes, failed, doses, replayed } = stage
  const { images } = study
  const { fhir, storage } = services
  const isOld = images.some(({ image }) => isUnseen(services.forbidden, image) || mayBePassed(stage, image))
  // What it took before it refused everything stands there as well.
  const mayBoth = fhir.verdicts.rejectedEverything()
  const isDisputed = images.some(
    ({ row, older, isDoubtful }) => isDoubtful || ((older || mayBoth) && failed.has(row.sequence)),
  )
  // Whoever let an image in was killed before its row went: its dose is there, too.
  const isLetIn = images.some(
    ({ row, tags }) => tags !== undefined && failed.has(row.sequence) && storage.people.has(personText(tags)),
  )
  // Somebody deleted the study, or one of its images stood in one that was deleted: its doses hang on what is gone.
  const isTaken = images.some(({ image }) => fhir.others.taken.has(image.key.instance))
  // Until it is read whole, doses stand there as the original wrote them (check-original.ts).
  const isOriginals = !replayed && fhir.account?.dosed.has(study.uid) === true
  if (isDisputed || isLetIn || isOriginals || isTaken || isOld || causes.isRefused(study)) return []
  // Of copies in two series the last row is the last word.
  const inOrder = [...settled].sort((left, right) => left.row.sequence - right.row.sequence)
  const reports = new Map(
    inOrder.flatMap(({ image, tags }): ReadonlyArray<[string, Report]> =>
      tags?.report === undefined ? [] : [[image.key.instance, tags.report]],
    ),
  )
  const there = doses.byStudy.get(`ImagingStudy/${found.id}`)
  const [wanted, has] = [dosesOf(reports), there ?? dosesOf(new Map())]
  const withdrawn = has.withdrawn.filter((uid) => wanted.summaries[uid] !== undefined || wanted.events.includes(uid))
  const text = ({ summaries, events }: typeof has): string =>
    JSON.stringify([Object.entries(summaries).sort(([left], [right]) => (left < right ? -1 : 1)), events])
  return [
    ...(text(wanted) === text(has) ? [] : [`its doses are ${text(has)}, not ${text(wanted)}`]),
    ...withdrawn.map((uid) => `${uid} is withdrawn, and its report is there`),
  ]
}

/** Exactly, where the order of things leaves no doubt; else one that some row had. */
const checkValues = (
  { services, causes, replayed, codes, listed }: Stage,
  study: ExpectedStudy,
  settled: ReadonlyArray<ExpectedImage>,
  found: ImagingStudy,
): ReadonlyArray<string> => {
  const { upserts, images } = study
  const { feed, fhir, storage } = services
  const isDisagreed = feed.disagreed.has(nameOf(study))
  const isLetIn = upserts.some(({ tags }) => tags !== undefined && storage.people.has(personText(tags)))
  // In a study of others values are filled, and not replaced.
  if (fhir.others.registered.has(`ImagingStudy/${found.id}`)) return []
  // An older version of what is recorded may stay there, when it is no doubt whose it is.
  const isOlder =
    fhir.others.doubled.size > 0 && images.some(({ row }) => codes.get(row.sequence) === 'PatientAmbiguous')
  // What is withdrawn leaves its values, and comes back as a late one.
  const wasWithdrawn = images.some(({ image }) => listed.has(keyText(image.key)))
  const isDoubtful = images.some((each) => each.isDoubtful)
  // A row that the original refused is older than what the original cast since, and says first what only a note said.
  const isOriginals = fhir.account?.studies.has(`ImagingStudy/${found.id}`) === true
  // A backfill sees all images of a study at once: which of them came last, only the feed tells.
  const isUntold = isRebuilt(services, `ImagingStudy/${found.id}`, nameOf(study))
  const wanted =
    isOlder || isDoubtful || ((wasWithdrawn || isOriginals) && !replayed)
      ? undefined
      : isUntold && !replayed
        ? agreedIn(feed, nameOf(study), ({ tags }) => tags?.description)
        : replayed
          ? newest(settled.map(({ row }) => row).sort(bySequence), describedBy)
          : undisputed(upserts, settled, isDisagreed, (isDisagreed && causes.isRefused(study)) || isLetIn)?.description
  if (wanted !== undefined) {
    return found.description === wanted ? [] : [`its description is “${found.description}”, not “${wanted}”`]
  }
  const ever = new Set(upserts.map(({ tags }) => tags?.description))
  return found.description === undefined || ever.has(found.description)
    ? []
    : [`its description “${found.description}” is nobody's`]
}

/**
 * What the newest row says: a late Create after it only fills what is missing, a late Update replaces. A row that named
 * another patient than its study can come with what a late row makes us read, and is then no newer than that row; where the server
 * refused them together, or an operator let them in, they come one by one, as late ones do.
 */
const undisputed = (
  upserts: ReadonlyArray<Row>,
  settled: ReadonlyArray<ExpectedImage>,
  disagreed: boolean,
  lookedAtAgain: boolean,
): Tags | undefined => {
  const last = upserts.at(-1)
  const isOverruled = lookedAtAgain || upserts.some(({ action, late }) => late && (action === 'Update' || disagreed))
  return last !== undefined && !last.late && !isOverruled && settled.some(({ row }) => row === last)
    ? last.tags
    : undefined
}
