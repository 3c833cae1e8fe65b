import * as E from 'fp-ts/Either'
import type { ImagingStudy, Patient } from 'fhir/r4'
import type { PlanInput } from '../../domain/batch/fold'
import type { UpsertRow } from '../../domain/batch/judge'
import { findPatient, referencedId } from '../../domain/batch/snapshot'
import { createdPatient } from '../../domain/batch/units'
import type { ServiceError } from '../../domain/cast-error'
import { confusableWith, hasIdentifier, identifierToken, matches } from '../../domain/fhir/identifiers'
import { carriesOurMark, carriesOurTag, isOfService } from '../../domain/fhir/provenance'
import { isEndpointOf, isInOriginalsForm } from '../../domain/mapping/endpoint'
import { type PatientIdentity, patientKeyText } from '../../domain/mapping/patient-identity'
import { isOriginalsPatient, rawIssuerOf } from '../../domain/mapping/patient-original'
import { type Run, retrying } from '../context'
import { type Loading, byToken, ofType, studiesOf } from './snapshot-searches'

/** What a Patient is looked up by: also without a system, or with the raw issuer, as the original wrote it. */
export const tokensOf = (identity: PatientIdentity): ReadonlyArray<string> => {
  const { system, value } = identity
  const raw = rawIssuerOf(identity)
  return [
    ...(system === undefined ? [] : [identifierToken(system, value)]),
    ...(raw === undefined ? [] : [identifierToken(raw, value)]),
    identifierToken(undefined, value),
  ]
}

export const patientIdsByValue = (patients: ReadonlyArray<Patient>): Map<string, ReadonlyArray<string>> => {
  const ids = new Map<string, Array<string>>()
  for (const { id, identifier } of patients) {
    for (const value of new Set((identifier ?? []).map((each) => each.value))) {
      if (id !== undefined && value !== undefined) ids.set(value, [...(ids.get(value) ?? []), id])
    }
  }
  return ids
}

/** Subjects of the studies and targets of `replaced-by` links, five hops at the most. */
export const addLinkedPatients = async (
  run: Run,
  snapshot: Loading,
  upserts: ReadonlyArray<UpsertRow>,
): Promise<E.Either<ServiceError, void>> => {
  const { fhirBase } = run.settings
  const subjects = studiesOf(run, snapshot, upserts).flatMap(
    ({ subject }) => referencedId(fhirBase, 'Patient', subject) ?? [],
  )
  const asked = new Set<string>()
  for (let hop = 0; hop <= 5; hop++) {
    const targets = [...snapshot.patients.values()].flatMap(({ link }) =>
      (link ?? []).flatMap(({ type, other }) =>
        type === 'replaced-by' ? (referencedId(fhirBase, 'Patient', other) ?? []) : [],
      ),
    )
    const missing = [...new Set([...subjects, ...targets])].filter((id) => !snapshot.patients.has(id) && !asked.has(id))
    if (missing.length === 0) return E.right(undefined)
    missing.forEach((id) => asked.add(id))
    const found = await retrying(run, run.ports.fhir.search(byToken('Patient', '_id', missing, '500')))
    if (E.isLeft(found)) return found
    for (const patient of ofType<Patient>('Patient', found.right.flat()))
      snapshot.patients.set(patient.id ?? '', patient)
  }
  return E.right(undefined)
}

/**
 * Sole Patients without a system and without our mark: do they belong to a study of ours? And those that look like the
 * original's: to one of the original's?
 */
export const addOurSubjects = async (
  run: Run,
  snapshot: Loading,
  identities: ReadonlyArray<PatientIdentity>,
): Promise<E.Either<ServiceError, void>> => {
  const { dicom } = run.settings
  const having = (system: string | undefined, value: string): ReadonlyArray<Patient> =>
    (snapshot.patientsByValue.get(value) ?? [])
      .flatMap((id) => snapshot.patients.get(id) ?? [])
      .filter(({ identifier }) => (identifier ?? []).some((each) => matches(each, system, value)))
  const free = identities.flatMap(({ system, value }) => {
    if (system === undefined || having(system, value).length > 0) return []
    const [sole, ...others] = having(undefined, value)
    return sole?.id === undefined || others.length > 0 || carriesOurMark(sole.meta, dicom) ? [] : [sole.id]
  })
  const originals = snapshot.endpoints.some(isInOriginalsForm)
    ? [...snapshot.patients.values()].flatMap((each) => (isOriginalsPatient(each) ? (each.id ?? []) : []))
    : []
  const candidates = [...new Set([...free, ...originals])]
  const own = snapshot.endpoints.filter(({ address, name, ...rest }) =>
    [...new Set(['Microsoft.Default', ...run.settings.partitions])].some((partition) =>
      isEndpointOf(dicom, partition)({ address, ...(name === undefined ? {} : { name }), ...rest }),
    ),
  )
  if (candidates.length === 0 || own.length === 0) return E.right(undefined)
  const endpoints = own.map(({ id }) => `Endpoint/${id}`).join(',')
  const found = await retrying(
    run,
    run.ports.fhir.search(
      candidates.map((id) => ({
        type: 'ImagingStudy' as const,
        parameters: [
          ['subject', `Patient/${id}`],
          ['endpoint', endpoints],
          ['_count', '100'],
        ] as const,
      })),
    ),
  )
  if (E.isLeft(found)) return found
  candidates.forEach((id, index) => {
    // One of another system to which images of ours were added tells nothing about the person.
    const hits = ofType<ImagingStudy>('ImagingStudy', found.right[index] ?? []).filter(({ meta }) =>
      isOfService(meta, dicom),
    )
    const own = hits.filter(({ subject }) => referencedId(run.settings.fhirBase, 'Patient', subject) === id)
    if (own.length > 0) snapshot.ourSubjects.add(id)
    if (originals.includes(id) && own.some(({ meta }) => !carriesOurTag(meta))) snapshot.ofOriginal.add(id)
  })
  return E.right(undefined)
}

/** What these Patients are known by in the systems of the identities. */
const tokensIn = (
  patients: ReadonlyArray<Patient>,
  identities: ReadonlyArray<PatientIdentity>,
): ReadonlyArray<string> => {
  const systems = new Set(identities.map(({ system }) => system))
  return patients.flatMap(({ identifier = [] }) =>
    identifier.flatMap(({ system, value }) =>
      value !== undefined && systems.has(system || undefined) ? [identifierToken(system || undefined, value)] : [],
    ),
  )
}

/**
 * A server may take identifiers for equal that are not (R4 §3.1.1.4.10 even asks for it when in doubt). Its conditional
 * create would then find another person, and the images would be his. Asked one by one are new identifiers that a server
 * may confuse with any other or with a hit, and all new ones when a hit has none of the identifiers that were asked for:
 * then this one does.
 */
export const addMistaken = async (
  run: Run,
  snapshot: Loading,
  identities: ReadonlyArray<PatientIdentity>,
  hits: ReadonlyArray<Patient>,
): Promise<E.Either<ServiceError, void>> => {
  const asked = new Set(identities.flatMap(tokensOf))
  const wasAsked = ({ identifier }: Patient): boolean =>
    (identifier ?? []).some(({ system, value }) => asked.has(identifierToken(system || undefined, value ?? '')))
  const isConfused = !hits.every(wasAsked)
  // One that was asked for itself may be taken for another that was.
  const isConfusable = confusableWith(tokensIn(hits, identities))
  const doubtful = identities.filter(
    (each) =>
      (isConfused || isConfusable(patientKeyText(each))) && findPatient(snapshot, run.settings, each)._tag === 'None',
  )
  if (doubtful.length === 0) return E.right(undefined)
  const tokens = doubtful.map(patientKeyText)
  const searches = tokens.flatMap((token) => byToken('Patient', 'identifier', [token], '10'))
  const found = await retrying(run, run.ports.fhir.search(searches))
  if (E.isLeft(found)) return found
  doubtful.forEach((identity, index) => {
    const all = ofType<Patient>('Patient', found.right[index] ?? [])
    const own = all.filter((each) => hasIdentifier(each, identity.system, identity.value))
    const others = all.flatMap(({ id }) => id ?? [])
    if (own.length === 0 && others.length > 0) snapshot.mistaken.set(patientKeyText(identity), others)
    for (const each of own) addPatient(snapshot, identity, each)
  })
  return E.right(undefined)
}

const addPatient = (snapshot: Loading, { value }: PatientIdentity, patient: Patient): void => {
  const [id, ids] = [patient.id ?? '', snapshot.patientsByValue.get(value) ?? []]
  snapshot.patients.set(id, patient)
  if (!ids.includes(id)) snapshot.patientsByValue.set(value, [...ids, id])
}

/** What this run created and the server does not find by its identifier is read by its id. */
export const addCreated = async (
  run: Run,
  snapshot: Loading,
  identities: ReadonlyArray<PatientIdentity>,
  created: PlanInput['created'],
): Promise<E.Either<ServiceError, void>> => {
  const lost = identities.flatMap((identity) => {
    const id = created?.get(createdPatient(patientKeyText(identity)))
    return id !== undefined && findPatient(snapshot, run.settings, identity)._tag === 'None' ? [{ identity, id }] : []
  })
  if (lost.length === 0) return E.right(undefined)
  const ids = lost.map(({ id }) => id)
  const found = await retrying(run, run.ports.fhir.search(byToken('Patient', '_id', ids, '500')))
  if (E.isLeft(found)) return found
  for (const patient of ofType<Patient>('Patient', found.right.flat())) {
    const own = lost.find(
      ({ identity, id }) => id === patient.id && hasIdentifier(patient, identity.system, identity.value),
    )
    if (own !== undefined) addPatient(snapshot, own.identity, patient)
  }
  return E.right(undefined)
}
