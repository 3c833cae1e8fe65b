import type { Identifier, ImagingStudy, Patient } from 'fhir/r4'
import { isOver, matches } from '../fhir/identifiers'
import { carriesOurMark } from '../fhir/provenance'
import type { PatientIdentity } from '../mapping/patient-identity'
import { rawIssuerOf } from '../mapping/patient-original'
import type { MappingSettings } from '../mapping/settings'
import { type Snapshot, livePatient, referencedId } from './snapshot'

/** What the subject of a study says about a person. */
export type Said =
  /** It is this person. */
  | 'Equal'
  /** The same, told by a contained resource: there is no Patient to find or to write. */
  | 'EqualInside'
  | 'Different'
  /** It has nothing of our system: another server's, a Device, a Group, a Patient of a system that we do not know. */
  | 'NotComparable'
  /** It is nobody in particular. */
  | 'Nobody'

export interface Claim {
  readonly identity: PatientIdentity
  /** The Patient that the identifier finds, where there is one. */
  readonly patientId: string | undefined
}

const systemsOf = ({ patient }: MappingSettings, identity: PatientIdentity): ReadonlySet<string | undefined> =>
  new Set([
    identity.system,
    ...rawSystem(identity),
    ...(patient.systemId === undefined ? [] : [patient.systemId]),
    ...Object.values(patient.partitionSystems),
    ...Object.values(patient.issuerSystems),
    // As the original wrote them.
    ...Object.keys(patient.issuerSystems),
  ])

const rawSystem = (identity: PatientIdentity): ReadonlyArray<string> => {
  const raw = rawIssuerOf(identity)
  return raw === undefined ? [] : [raw]
}

const compare = (
  identifiers: ReadonlyArray<Identifier>,
  settings: MappingSettings,
  identity: PatientIdentity,
  today: string | undefined,
): 'Equal' | 'Different' | 'NotComparable' => {
  const own = [identity.system, ...rawSystem(identity)]
  const isSame = (each: Identifier): boolean => own.some((system) => matches(each, system, identity.value))
  if (identifiers.some((each) => isSame(each) && !isOver(each, today))) return 'Equal'
  const systems = systemsOf(settings, identity)
  const isOurs = ({ system, value }: Identifier): boolean => value !== undefined && systems.has(system || undefined)
  return identifiers.some(isOurs) ? 'Different' : 'NotComparable'
}

export interface Asked {
  readonly settings: MappingSettings
  readonly snapshot: Snapshot
  readonly today: string | undefined
  /** Patients as the rows so far have changed them, by id: one may have been given its system. */
  readonly drafts?: ReadonlyMap<string, { readonly resource: Patient | undefined }>
}

/** The Patient that a study refers to, where this server holds it. */
export const targetOf = (
  { settings, snapshot, drafts }: Pick<Asked, 'settings' | 'snapshot' | 'drafts'>,
  subject: ImagingStudy['subject'] | undefined,
): Patient | undefined => {
  const id = referencedId(settings.fhirBase, 'Patient', subject) ?? ''
  return drafts?.get(id)?.resource ?? snapshot.patients.get(id)
}

/** Whether the Patient has this identifier itself, and now: several may, and the subject of a study is one of them. */
export const isTarget = ({ settings, today }: Asked, target: Patient | undefined, identity: PatientIdentity): boolean =>
  target !== undefined && compare(target.identifier ?? [], settings, identity, today) === 'Equal'

const identifiersOf = (resource: object | undefined): ReadonlyArray<Identifier> => {
  const { identifier } = (resource ?? {}) as Partial<Patient>
  return Array.isArray(identifier)
    ? identifier.filter((each: unknown) => typeof each === 'object' && each !== null)
    : []
}

/** Read from its target, its `identifier`, or the contained resource; compared by us, character by character. */
export const subjectSays = (
  asked: Asked,
  subject: ImagingStudy['subject'] | undefined,
  contained: ImagingStudy['contained'],
  { identity, patientId }: Claim,
): Said => {
  const { settings, snapshot, today } = asked
  const id = referencedId(settings.fhirBase, 'Patient', subject)
  const { reference = '', identifier } = subject ?? {}
  if (id !== undefined) {
    if (id === patientId) return 'Equal'
    const target = targetOf(asked, subject)
    if (target === undefined) return 'Different'
    const live = livePatient(snapshot.patients, settings.fhirBase, target)
    // The subject was merged into the person that the identifier finds.
    if (live?.id !== undefined && live.id === patientId) return 'Equal'
    const said = compare(target.identifier ?? [], settings, identity, today)
    return said === 'NotComparable' && carriesOurMark(target.meta, settings.dicom) ? 'Different' : said
  }
  const said = identifier === undefined ? 'NotComparable' : compare([identifier], settings, identity, today)
  if (said !== 'NotComparable') return said
  if (reference.startsWith('#')) {
    const inside = (contained ?? []).find((each) => `#${each.id}` === reference)
    const told = compare(identifiersOf(inside), settings, identity, today)
    return told === 'Equal' ? 'EqualInside' : told
  }
  return reference === '' && identifier === undefined ? 'Nobody' : 'NotComparable'
}
