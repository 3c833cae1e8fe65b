import * as E from 'fp-ts/Either'
import type { ImagingStudy, Patient } from 'fhir/r4'
import type { UpsertRow } from '../../domain/batch/judge'
import { findPatient, referencedId } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { identifierToken, matches } from '../../domain/fhir/identifiers'
import { carriesOurMark } from '../../domain/fhir/provenance'
import { isEndpointOf } from '../../domain/mapping/endpoint'
import type { PatientIdentity } from '../../domain/mapping/patient-identity'
import { type Run, retrying } from '../context'
import { type Loading, byToken, ofType, studiesOf } from './snapshot-searches'

/** What a Patient is looked up by: also without a system, which may be taken over. */
export const tokensOf = ({ system, value }: PatientIdentity): ReadonlyArray<string> =>
  system === undefined
    ? [identifierToken(undefined, value)]
    : [identifierToken(system, value), identifierToken(undefined, value)]

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

/** Sole Patients without a system and without our mark: do they belong to a study of ours? */
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
  const candidates = identities.flatMap(({ system, value }) => {
    if (system === undefined || having(system, value).length > 0) return []
    const [sole, ...others] = having(undefined, value)
    return sole?.id === undefined || others.length > 0 || carriesOurMark(sole.meta, dicom) ? [] : [sole.id]
  })
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
          ['_count', '1'],
        ] as const,
      })),
    ),
  )
  if (E.isLeft(found)) return found
  candidates.forEach((id, index) => {
    const hits = ofType<ImagingStudy>('ImagingStudy', found.right[index] ?? [])
    if (hits.some(({ subject }) => referencedId(run.settings.fhirBase, 'Patient', subject) === id)) {
      snapshot.ourSubjects.add(id)
    }
  })
  return E.right(undefined)
}

/** As a server may compare that minds neither case nor blanks. */
const loosely = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/[\p{M}\s]/gu, '')
    .toLowerCase()

/**
 * A server may take identifiers for equal that are not (R4 §3.1.1.4.10 even asks for it when in doubt). Its conditional
 * create would then find another person, and the images would be his. Asked only where such a Patient is among the hits.
 */
export const addMistaken = async (
  run: Run,
  snapshot: Loading,
  identities: ReadonlyArray<PatientIdentity>,
): Promise<E.Either<ServiceError, void>> => {
  const values = new Set([...snapshot.patientsByValue.keys()].map(loosely))
  const doubtful = identities.filter(
    (each) => values.has(loosely(each.value)) && findPatient(snapshot, run.settings, each)._tag === 'None',
  )
  if (doubtful.length === 0) return E.right(undefined)
  const tokens = doubtful.map(({ system, value }) => identifierToken(system, value))
  const searches = tokens.flatMap((token) => byToken('Patient', 'identifier', [token], '10'))
  const found = await retrying(run, run.ports.fhir.search(searches))
  if (E.isLeft(found)) return found
  tokens.forEach((token, index) => {
    const ids = ofType<Patient>('Patient', found.right[index] ?? []).flatMap(({ id }) => id ?? [])
    if (ids.length > 0) snapshot.mistaken.set(token, ids)
  })
  return E.right(undefined)
}
