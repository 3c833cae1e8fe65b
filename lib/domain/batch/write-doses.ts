import type { Identifier, Observation, Reference } from 'fhir/r4'
import { type TransactionEntry, createEntry, deleteEntry, updateEntry } from '../fhir/bundle'
import { hasIdentifier, identifierToken, matches } from '../fhir/identifiers'
import { withoutUntrue } from '../fhir/others'
import { ourMeta, sourceOf } from '../fhir/provenance'
import { unchanged } from '../fhir/unchanged'
import { type DoseKind, doseIdentifier } from '../mapping/dose/identity'
import type { ObservationBody } from '../mapping/dose/observation'
import { saysTheSame } from '../mapping/dose/original'
import { extensionsOfOthers, isAnothersWord, isWithdrawn, saidByReports, withdrawn } from '../mapping/dose/standing'
import { isOurOrder } from '../mapping/orders'
import type { DoseKey, Held, HeldDoses, StudyDoses } from './held-doses'
import { studiesOf } from './observation-index'
import { referencedId } from './snapshot'

export type Study = NonNullable<StudyDoses['study']>

/** A study's doses, and what FHIR holds of them. */
export interface Context extends StudyDoses {
  readonly held: HeldDoses
}

/** What a resource says of where it belongs; what others have added to that stays. */
const placed = (
  context: Context,
  existing: Observation,
  kind: DoseKind,
  study: Study,
): Pick<Observation, 'subject' | 'partOf' | 'focus'> => {
  const { fhirBase } = context.settings
  const isStudy = (each: Reference): boolean => referencedId(fhirBase, 'ImagingStudy', each) !== undefined
  const ofStudy = (references: ReadonlyArray<Reference> = []): Array<Reference> => {
    const named = references.find(({ reference }) => reference === study.reference)
    return [named ?? { reference: study.reference }, ...references.filter((each) => !isStudy(each))]
  }
  const isSubject = study.subject === undefined || existing.subject?.reference === study.subject.reference
  return {
    ...(isSubject ? { subject: existing.subject } : { subject: study.subject }),
    partOf: ofStudy(existing.partOf),
    ...(kind === 'summary' ? { focus: ofStudy(existing.focus) } : {}),
  }
}

const identified = (context: Context, { identifier = [] }: Observation, kind: DoseKind, uid: string): Identifier[] => {
  const own = doseIdentifier(context, kind, uid)
  return hasIdentifier({ identifier }, own.system, own.value ?? '') ? identifier : [...identifier, own]
}

const update = ({ settings }: Context, existing: Observation, next: Observation): ReadonlyArray<TransactionEntry> =>
  unchanged(existing, next)
    ? []
    : [updateEntry(settings.fhirBase, withoutUntrue(existing, next), existing.meta?.versionId)]

const without = <K extends keyof Observation>(observation: Observation, ...elements: ReadonlyArray<K>): Observation => {
  const rest: Observation = { ...observation }
  for (const element of elements) delete rest[element]
  return rest
}

const listOrNothing = <K extends string, A>(key: K, list: ReadonlyArray<A>): Partial<Record<K, Array<A>>> =>
  (list.length === 0 ? {} : { [key]: [...list] }) as Partial<Record<K, Array<A>>>

/** What a report says is replaced as a whole; what other systems have put into the resource stays. */
const rewritten = (existing: Observation, body: Observation, uid: Identifier): Observation => {
  const { basedOn: orders = [], identifier = [], text, ...others } = without(existing, ...saidByReports, 'extension')
  const basedOn = [...orders.filter((each) => !isOurOrder(each)), ...(body.basedOn ?? [])]
  const own = [...(body.identifier ?? []), uid]
  const isOwn = ({ system, value = '' }: Identifier): boolean => own.some((each) => matches(each, system, value))
  return {
    ...others,
    ...(text?.status === 'additional' ? { text } : {}),
    ...body,
    identifier: [...own, ...identifier.filter((each) => !isOwn(each))],
    ...listOrNothing('basedOn', basedOn),
    ...listOrNothing('extension', [...extensionsOfOthers(existing), ...(body.extension ?? [])]),
  }
}

/** What is to be written of a report, or of an event. */
export interface Wanted {
  readonly key: DoseKey
  readonly kind: DoseKind
  readonly uid: string
  readonly body: ObservationBody & Pick<Observation, 'hasMember' | 'extension'>
}

/** Written as its report says; in the place of the original's where that says the same. */
export const writeWanted = (
  context: Context,
  { key, kind, uid, body }: Wanted,
  study: Study,
  takenOver: Observation | undefined,
): ReadonlyArray<TransactionEntry> => {
  const { settings, partition, held } = context
  const existing = held.byKey.get(key)
  if (existing !== undefined && isAnothersWord(existing.observation)) {
    return writeKept(context, existing, study, { hasMember: body.hasMember })
  }
  const identity = doseIdentifier(context, kind, uid)
  if (existing !== undefined) {
    const next = rewritten(existing.observation, body, identity)
    return update(context, existing.observation, { ...next, ...placed(context, existing.observation, kind, study) })
  }
  const resource: Observation = {
    ...body,
    meta: ourMeta(sourceOf(settings.dicom, partition)),
    identifier: [...body.identifier, identity],
    ...placed(context, { ...body }, kind, study),
  }
  if (takenOver?.id !== undefined) {
    return [updateEntry(settings.fhirBase, { ...resource, id: takenOver.id }, takenOver.meta?.versionId)]
  }
  const condition = `identifier=${encodeURIComponent(identifierToken(identity.system, identity.value ?? ''))}`
  return [createEntry(createKey(identity), resource, condition)]
}

/** What a new Observation is referred to by in its transaction. */
export const createKey = ({ value }: Identifier): string => `Observation ${value}`

/** Nothing new is said of it: it has its identity, and belongs where its study belongs. */
export const writeKept = (
  context: Context,
  { observation, kind, uid }: Held,
  study: Study,
  said: {
    readonly status?: Observation['status'] | undefined
    readonly hasMember: ReadonlyArray<Reference> | undefined
  },
): ReadonlyArray<TransactionEntry> =>
  update(context, observation, {
    ...without(observation, 'hasMember'),
    ...listOrNothing('hasMember', said.hasMember ?? observation.hasMember ?? []),
    status:
      isAnothersWord(observation) || isWithdrawn(observation)
        ? observation.status
        : (said.status ?? observation.status),
    identifier: identified(context, observation, kind, uid),
    ...placed(context, observation, kind, study),
  })

/**
 * Takes an Observation of the study away. One that the server refuses to delete is emptied. One of the version before,
 * which another study's report lists, too, is that study's from now on.
 */
export const withdraw = (
  context: Context,
  { observation, kind, uid }: Pick<Held, 'observation' | 'kind' | 'uid'>,
): ReadonlyArray<TransactionEntry> => {
  const { settings, keep, study, partition, base } = context
  const { fhirBase } = settings
  const [heir] = studiesOf(fhirBase, observation).filter((id) => id !== base?.id)
  const subject = heir === undefined ? undefined : context.subjectOf(heir)
  if (subject !== undefined) {
    const partOf = (observation.partOf ?? []).filter(
      (each) => referencedId(fhirBase, 'ImagingStudy', each) !== base?.id,
    )
    return update(context, observation, { ...observation, subject, partOf })
  }
  if (study === undefined || !keep.has(`Observation/${observation.id}`)) return [deleteEntry(fhirBase, observation)]
  return update(context, observation, {
    ...withdrawn(observation),
    meta: { ...observation.meta, ...ourMeta(observation.meta?.source ?? sourceOf(settings.dicom, partition)) },
    identifier: identified(context, observation, kind, uid),
    ...placed(context, observation, kind, study),
  })
}

/** The originals that ours take the place of, one to one, by key. */
export const takeOver = ({ held }: Context, wanted: ReadonlyArray<Wanted>): ReadonlyMap<DoseKey, Observation> => {
  const free = new Set(held.originals)
  const taken = new Map<DoseKey, Observation>()
  for (const { key, body } of free.size === 0 ? [] : wanted) {
    if (held.byKey.has(key) || held.others.has(key)) continue
    const same = [...free].find((each) => saysTheSame(each, body))
    if (same === undefined) continue
    free.delete(same)
    taken.set(key, same)
  }
  return taken
}
