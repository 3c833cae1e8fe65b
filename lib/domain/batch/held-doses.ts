import type { ImagingStudy, Observation, Reference } from 'fhir/r4'
import { codeSystems } from '../fhir/code-systems'
import { hasIdentifier } from '../fhir/identifiers'
import { isSourceOf } from '../fhir/provenance'
import { type DoseKind, type DoseOwner, doseIdentifier, doseKindOf, doseUidOf } from '../mapping/dose/identity'
import { isOriginals } from '../mapping/dose/original'
import type { DoseReport } from '../mapping/dose/report'
import { type ObservationIndex, studiesOf } from './observation-index'

/** A study as it will be. FHIR demands a subject; a study that others wrote may have none. */
export interface WrittenStudy {
  readonly reference: string
  readonly subject: Reference | undefined
}

/** What is known of the doses of one study while its transaction is planned. */
export interface StudyDoses extends DoseOwner {
  readonly index: ObservationIndex
  /** The study as FHIR holds it; none when it is new there. */
  readonly base: ImagingStudy | undefined
  /** As it will be; none when it is deleted, or never was. */
  readonly study: WrittenStudy | undefined
  /** SOPInstanceUIDs that it will have, those of other classes than reports left out. */
  readonly live: ReadonlySet<string>
  /** Of its live reports those in hand, by SOPInstanceUID; of copies in two series the last. */
  readonly reports: ReadonlyMap<string, DoseReport>
  /** All its live reports are in hand. */
  readonly isWhole: boolean
  /** A report of it was taken out. */
  readonly lostReports: boolean
  /** A copy of a report was taken out, and what the one that stays says is not in hand. */
  readonly lostCopies: boolean
  /** Resources that the server refuses to delete, as references. */
  readonly keep: ReadonlySet<string>
  /** Takes an Observation for this study; false when another study of the batch has it. */
  readonly claim: (id: string) => boolean
  /** Whose another study is, by its id, where that is known. */
  readonly subjectOf: (studyId: string) => Reference | undefined
}

/** `summary 1.2.3`, `event 1.2.4` */
export type DoseKey = `${DoseKind} ${string}`
export const doseKey = (kind: DoseKind, uid: string): DoseKey => `${kind} ${uid}`

/** An Observation of ours of this study. */
export interface Held {
  readonly observation: Observation
  readonly id: string
  readonly kind: DoseKind
  readonly uid: string
}

export interface HeldDoses {
  readonly byKey: ReadonlyMap<DoseKey, Held>
  readonly byId: ReadonlyMap<string, Held>
  /** More of the same: one is enough. */
  readonly doubles: ReadonlyArray<Held>
  /** Of other systems, in the same study under the same UID: they are not touched, and not doubled. */
  readonly others: ReadonlyMap<DoseKey, Observation>
  /** What the original wrote for the study. */
  readonly originals: ReadonlyArray<Observation>
}

type Named = Pick<Held, 'kind' | 'uid'>

interface Wanted extends Named {
  readonly key: DoseKey
  readonly identity: string
}

const asIdentifier = (uid: string): string => `urn:oid:${uid}`

/** What the reports in hand are written as. */
const inHand = (doses: StudyDoses): ReadonlyArray<Wanted> => {
  const wanted = (kind: DoseKind, uid: string): Wanted => ({
    ...{ key: doseKey(kind, uid), kind, uid },
    identity: doseIdentifier(doses, kind, uid).value ?? '',
  })
  return [...doses.reports].flatMap(([sop, { events }]) => [
    wanted('summary', sop),
    ...events.map((event) => wanted('event', doseUidOf(event, 'event'))),
  ])
}

/** By its identity, whatever somebody has made of its code and its UIDs; else by these. */
const nameOf = (
  doses: StudyDoses,
  byIdentity: ReadonlyMap<string, Named>,
  observation: Observation,
): Named | undefined => {
  const [known] = (observation.identifier ?? []).flatMap(({ system, value = '' }) =>
    system === codeSystems.uri ? (byIdentity.get(value) ?? []) : [],
  )
  if (known !== undefined) return known
  const named = (kind: DoseKind): Named => ({ kind, uid: doseUidOf(observation, kind) })
  const coded = doseKindOf(observation)
  if (coded !== undefined) return named(coded)
  return (['summary', 'event'] as const).map(named).find(({ kind, uid }) => {
    const { system, value = '' } = doseIdentifier(doses, kind, uid)
    return hasIdentifier(observation, system, value)
  })
}

/** It belongs to the study by its identity, else by the first study that it is part of. */
const isOfStudy = (doses: StudyDoses, observation: Observation, kind: DoseKind, uid: string): boolean => {
  const { settings, base, study } = doses
  const { system, value = '' } = doseIdentifier(doses, kind, uid)
  if (hasIdentifier(observation, system, value)) return true
  const [first] = studiesOf(settings.fhirBase, observation)
  if (first !== undefined) return first === base?.id
  // The version before has left some that are part of no study.
  return observation.subject?.reference !== undefined && observation.subject.reference === study?.subject?.reference
}

const candidatesOf = ({ index, base }: StudyDoses, wanted: ReadonlyArray<Wanted>): ReadonlyArray<Observation> => {
  const named = (value: string): ReadonlyArray<Observation> => index.byIdentifier.get(value) ?? []
  const found = [
    ...(index.byStudy.get(base?.id ?? '') ?? []),
    ...wanted.flatMap(({ uid, identity }) => [...named(identity), ...named(asIdentifier(uid))]),
  ]
  return [...new Map(found.map((each) => [each.id ?? '', each])).values()]
}

const originalsOf = ({ settings, index, base, study, uid, claim }: StudyDoses): ReadonlyArray<Observation> => {
  if (base?.id === undefined) return []
  const subject: Reference | undefined = base.subject
  // A run that died while the study moved to another Patient has left some behind, or ahead.
  const subjects = [subject, study?.subject].flatMap((each) => each?.reference ?? [])
  const of = { uid, study: `ImagingStudy/${base.id}`, subjects }
  const isInPlace = (each: Observation): boolean =>
    studiesOf(settings.fhirBase, each).every((id) => id === base.id) && isOriginals(each, of)
  return (index.byIdentifier.get(asIdentifier(uid)) ?? []).filter((each) => isInPlace(each) && claim(each.id ?? ''))
}

/** Which of the reports in hand an Observation of another system is about. */
const othersKeys = (
  { settings, base }: StudyDoses,
  byValue: ReadonlyMap<string, ReadonlyArray<DoseKey>>,
  observation: Observation,
): ReadonlyArray<DoseKey> => {
  const isInStudy = studiesOf(settings.fhirBase, observation).includes(base?.id ?? '')
  return (observation.identifier ?? []).flatMap(({ system, value = '' }) =>
    system === codeSystems.uri || (system === codeSystems.dicomUid && isInStudy) ? (byValue.get(value) ?? []) : [],
  )
}

/** What FHIR holds of a study's doses, each Observation told by its identity and whose it is. */
export const holdDoses = (doses: StudyDoses): HeldDoses => {
  const { settings, partition, claim } = doses
  const wanted = inHand(doses)
  const byValue = new Map(
    wanted.flatMap(({ key, uid, identity }) => [[asIdentifier(uid), [key]] as const, [identity, [key]] as const]),
  )
  const byIdentity = new Map(wanted.map((each) => [each.identity, each]))
  const known: Array<Held> = []
  const toBeKnown: Array<Held> = []
  const others = new Map<DoseKey, Observation>()
  const originals = originalsOf(doses)
  const isOriginal = new Set(originals.map(({ id }) => id))
  for (const observation of candidatesOf(doses, wanted)) {
    const { id = '' } = observation
    if (isOriginal.has(id)) continue
    if (!isSourceOf(observation.meta, settings.dicom, partition)) {
      for (const key of othersKeys(doses, byValue, observation)) others.set(key, observation)
      continue
    }
    const named = nameOf(doses, byIdentity, observation)
    if (named === undefined) continue
    const { kind, uid } = named
    if (!isOfStudy(doses, observation, kind, uid) || !claim(id)) continue
    const { system, value = '' } = doseIdentifier(doses, kind, uid)
    const list = hasIdentifier(observation, system, value) ? known : toBeKnown
    list.push({ observation, id, kind, uid })
  }
  const byKey = new Map<DoseKey, Held>()
  const doubles: Array<Held> = []
  for (const each of [...known, ...toBeKnown]) {
    const key = doseKey(each.kind, each.uid)
    if (byKey.has(key)) doubles.push(each)
    else byKey.set(key, each)
  }
  const all = [...known, ...toBeKnown]
  return { byKey, byId: new Map(all.map((each) => [each.id, each])), doubles, others, originals }
}
