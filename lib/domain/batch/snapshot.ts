import type { Endpoint, Identifier, ImagingStudy, Observation, Patient, Reference } from 'fhir/r4'
import { isOfService, isSourceOf, carriesOurMark, partitionOf } from '../fhir/provenance'
import { hasIdentifier, isOver, matches, wasValidOn } from '../fhir/identifiers'
import { endpointKind, endpointKinds, isDicomEndpoint, isEndpointOf } from '../mapping/endpoint'
import { type PatientIdentity, patientKeyText, systemOfPartition } from '../mapping/patient-identity'
import { rawIssuerOf } from '../mapping/patient-original'
import type { MappingSettings } from '../mapping/settings'
import type { EntryError } from '../cast-error'

/** What FHIR holds of everything a batch touches, read after our position was. */
export interface Snapshot {
  readonly endpoints: ReadonlyArray<Endpoint>
  /** Every Patient that was found: by identifier, as the subject of a study, as the target of a link. */
  readonly patients: ReadonlyMap<string, Patient>
  /** Ids by the value of an identifier, whatever its system. */
  readonly patientsByValue: ReadonlyMap<string, ReadonlyArray<string>>
  /** By `identifier.value` (urn:oid:…). */
  readonly studies: ReadonlyMap<string, ReadonlyArray<ImagingStudy>>
  /** By id: those of the reports at hand, and of studies that have reports. */
  readonly observations: ReadonlyMap<string, Observation>
  /** Studies (references) of which all Observations were looked up. */
  readonly observed?: ReadonlySet<string>
  /** Patients without our mark that a study of ours has as its subject. */
  readonly ourSubjects: ReadonlySet<string>
  /** Those that the original wrote, and a study of its has as its subject, while the take-over is open. */
  readonly ofOriginal?: ReadonlySet<string>
  /**
   * Of identifiers that no Patient has (patientKeyText): the ids of Patients whose own, written otherwise, the server
   * takes for the same. To create one would attach its images to them.
   */
  readonly mistaken: ReadonlyMap<string, ReadonlyArray<string>>
  /** By SOPInstanceUID of updated instances: StudyInstanceUIDs of what holds them elsewhere, whatever the partition. */
  readonly elsewhere?: ReadonlyMap<string, ReadonlyArray<string>>
}

/** The id in a reference to a resource of this server; none for another server's, a logical or a contained one. */
export const referencedId = (fhirBase: string, type: string, reference: Reference | undefined): string | undefined => {
  const text = reference?.reference ?? ''
  if (!text.includes(type)) return undefined
  const relative = text.startsWith(`${fhirBase}/`) ? text.slice(fhirBase.length + 1) : text
  const [, kind, id] = /^([A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/.*)?$/.exec(relative) ?? []
  return kind === type ? id : undefined
}

// Ids that are numbers in order of number: a server that counts gave the oldest the lowest.
const byId = (left: { id?: string | undefined }, right: { id?: string | undefined }): number =>
  (left.id ?? '').localeCompare(right.id ?? '', 'en', { numeric: true })

/** The Endpoint of a partition: ours, else the original's, else an administrator's; of several equal ones the lowest id. */
export const findEndpoint = (
  { endpoints }: Pick<Snapshot, 'endpoints'>,
  { dicom }: MappingSettings,
  partition: string,
): Endpoint | undefined => {
  const kindOf = endpointKind(dicom, partition)
  const ofKind = (kind: string): ReadonlyArray<Endpoint> => endpoints.filter((each) => kindOf(each) === kind)
  return endpointKinds.flatMap((kind) => [...ofKind(kind)].sort(byId))[0]
}

/** References of the Endpoints of a partition: `all`; and `ours`, without an administrator's. */
export const endpointsOf = (
  { endpoints }: Snapshot,
  { dicom }: MappingSettings,
  partition: string,
): { readonly all: ReadonlySet<string>; readonly ours: ReadonlySet<string> } => {
  const kindOf = endpointKind(dicom, partition)
  const known = endpoints.flatMap((each) => {
    const kind = kindOf(each)
    return kind === undefined ? [] : [{ kind, reference: `Endpoint/${each.id}` }]
  })
  const of = (kept: typeof known): ReadonlySet<string> => new Set(kept.map(({ reference }) => reference))
  return { all: of(known), ours: of(known.filter(({ kind }) => kind !== 'Administrators')) }
}

/** Live Patient behind a hit: links `replaced-by` are followed, five at the most. */
export const livePatient = (
  patients: ReadonlyMap<string, Patient>,
  fhirBase: string,
  patient: Patient,
): Patient | undefined => {
  let current: Patient | undefined = patient
  for (let hops = 0; hops <= 5 && current !== undefined; hops++) {
    const link: { other: Reference } | undefined = current.link?.find(({ type }) => type === 'replaced-by')
    if (link === undefined) return current.active === false ? undefined : current
    current = patients.get(referencedId(fhirBase, 'Patient', link.other) ?? '')
  }
  return undefined
}

export type PatientHit =
  | { readonly _tag: 'None' }
  /** `followed`: over a link. `takenOver`: its identifier has no system yet. */
  | { readonly _tag: 'Found'; readonly patient: Patient; readonly followed: boolean; readonly takenOver: boolean }
  | { readonly _tag: 'Unusable'; readonly error: EntryError }

/** When an identifier is asked for; both as YYYY-MM-DD. Without `today` no period is over. */
export interface AskedOn {
  readonly today?: string | undefined
  readonly studyDate?: string | undefined
}

/**
 * Identifiers that are over count only where no current one does; but a study of their time belongs to whoever had the
 * identifier then.
 */
const atThatTime = (
  hits: ReadonlyArray<Patient>,
  { system, value }: PatientIdentity,
  { today, studyDate }: AskedOn,
): ReadonlyArray<Patient> => {
  if (hits.length < 2) return hits
  const own = ({ identifier = [] }: Patient): ReadonlyArray<Identifier> =>
    identifier.filter((each) => matches(each, system, value))
  const then = hits.filter((hit) =>
    own(hit).some((each) => isOver(each, today) && studyDate !== undefined && wasValidOn(each, studyDate)),
  )
  if (then.length > 0) return then
  const current = hits.filter((hit) => own(hit).some((each) => !isOver(each, today)))
  return current.length > 0 ? current : hits
}

/** Whether several Patients have the identifier, so that the day of the study may decide. */
export const isShared = (snapshot: Snapshot, { system, value }: PatientIdentity): boolean =>
  (snapshot.patientsByValue.get(value) ?? []).filter((id) => hasIdentifier(snapshot.patients.get(id), system, value))
    .length > 1

/** Which Patient an identifier means. A hit is checked: a server that ignores a parameter answers with everybody. */
export const findPatient = (
  snapshot: Snapshot,
  settings: MappingSettings,
  identity: PatientIdentity,
  askedOn: AskedOn = {},
): PatientHit => {
  const { system, value } = identity
  const candidates = (snapshot.patientsByValue.get(value) ?? []).flatMap((id) => snapshot.patients.get(id) ?? [])
  const having = (wanted: string | undefined): ReadonlyArray<Patient> =>
    candidates.filter((each) => hasIdentifier(each, wanted, value))
  const raw = rawIssuerOf(identity)
  const own = atThatTime(having(system), identity, askedOn)
  const exact = own.length > 0 || raw === undefined ? own : having(raw)
  const hits =
    exact.length > 0 || system === undefined ? exact : takenOver(snapshot, settings, identity, having(undefined))
  if (hits.length === 0) {
    const patientIds = snapshot.mistaken.get(patientKeyText(identity)) ?? []
    return patientIds.length === 0
      ? { _tag: 'None' }
      : { _tag: 'Unusable', error: { _tag: 'PatientAmbiguous', patientIds } }
  }
  const targets = hits.flatMap((hit) => {
    const patient = livePatient(snapshot.patients, settings.fhirBase, hit)
    return patient?.id === undefined ? [] : [{ id: patient.id, patient, followed: patient.id !== hit.id }]
  })
  // One that is found itself and over a link is found itself.
  const live = new Map(
    [...targets.filter(({ followed }) => followed), ...targets.filter(({ followed }) => !followed)].map(
      ({ id, ...target }) => [id, target],
    ),
  )
  const [first, ...others] = [...live.values()].sort((left, right) => byId(left.patient, right.patient))
  if (first === undefined) {
    return { _tag: 'Unusable', error: { _tag: 'PatientInactive', patientId: hits[0]?.id ?? '' } }
  }
  return others.length > 0
    ? { _tag: 'Unusable', error: { _tag: 'PatientAmbiguous', patientIds: [...live.keys()] } }
    : { _tag: 'Found', ...first, takenOver: exact.length === 0 }
}

/**
 * A sole Patient without a system is taken over when it carries our mark or is the subject of one of our studies; not
 * where images without an issuer still get no system: then it is theirs, and whoever has the number at an issuer is not.
 */
const takenOver = (
  { ourSubjects }: Snapshot,
  { dicom, patient }: MappingSettings,
  { system }: PatientIdentity,
  hits: ReadonlyArray<Patient>,
): ReadonlyArray<Patient> => {
  const [sole, ...others] = hits
  if (sole?.id === undefined || others.length > 0) return []
  if (!carriesOurMark(sole.meta, dicom)) return ourSubjects.has(sole.id) ? [sole] : []
  // Another partition's "12345" without a system is somebody else, unless that partition has this system now.
  const partition = partitionOf(dicom, sole.meta)
  const own = systemOfPartition(patient, partition)
  const ofPartition = own === 'Unlisted' ? undefined : own.system
  if (own !== 'Unlisted' && own.system === undefined) return []
  const { systemId, partitionSystems } = patient
  const isOfPartitions = system === systemId || Object.values(partitionSystems).some((each) => each === system)
  return isOfPartitions && ofPartition !== system ? [] : [sole]
}

const endpointIdsOf =
  (fhirBase: string) =>
  ({ endpoint }: ImagingStudy): ReadonlyArray<string> =>
    (endpoint ?? []).flatMap((each) => referencedId(fhirBase, 'Endpoint', each) ?? [])

/** Those of this partition, as their Endpoint says: one, unless somebody made another. */
export const studiesOf = (
  { endpoints, studies }: Snapshot,
  { fhirBase, dicom }: MappingSettings,
  partition: string,
  identifier: string,
): ReadonlyArray<ImagingStudy> => {
  const endpointIds = endpointIdsOf(fhirBase)
  const own = new Set(endpoints.filter(isEndpointOf(dicom, partition)).map(({ id }) => id))
  return [...(studies.get(identifier) ?? [])].sort(byId).filter((study) => endpointIds(study).some((id) => own.has(id)))
}

/**
 * The study of one partition: a hit with our Endpoint; else a sole hit without any DICOM Endpoint. A hit with another
 * partition's Endpoint is another study.
 */
export const findStudy = (
  snapshot: Snapshot,
  settings: MappingSettings,
  partition: string,
  identifier: string,
): ImagingStudy | undefined => {
  const { fhirBase, dicom } = settings
  const [first] = studiesOf(snapshot, settings, partition, identifier)
  if (first !== undefined) return first
  const hits = snapshot.studies.get(identifier) ?? []
  const endpointIds = endpointIdsOf(fhirBase)
  const ofDicom = new Set(snapshot.endpoints.filter(isDicomEndpoint).map(({ id }) => id))
  const ofAnotherPartition = ({ meta }: ImagingStudy): boolean =>
    !isSourceOf(meta, dicom, partition) && isOfService(meta, dicom)
  const free = hits.filter((study) => !endpointIds(study).some((id) => ofDicom.has(id)) && !ofAnotherPartition(study))
  return free.length === 1 ? free[0] : undefined
}
