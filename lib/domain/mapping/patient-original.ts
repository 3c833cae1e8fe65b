import type { HumanName, Identifier, Patient } from 'fhir/r4'
import { withoutFragment } from '../fhir/unchanged'
import { matches } from '../fhir/identifiers'
import type { PatientIdentity } from './patient-identity'

// What the original DICOMcast wrote of a person.

const itsElements: ReadonlySet<string> = new Set([
  ...['resourceType', 'id', 'meta', 'identifier', 'name', 'gender', 'birthDate'],
])
const hasOnly = (value: object, members: ReadonlyArray<string>): boolean =>
  Object.keys(value).every((each) => members.includes(each))

const isItsName = (name: HumanName): boolean => name.use === 'usual' && hasOnly(name, ['use', 'family', 'given'])

/** It left no mark: told by what it never wrote, and only where a study of its has the Patient as its subject. */
export const isOriginalsPatient = (patient: Patient): boolean => {
  const { meta, identifier = [], name = [] } = patient
  return (
    withoutFragment(meta?.source ?? '') === '' &&
    (meta?.tag ?? []).length === 0 &&
    (meta?.profile ?? []).length === 0 &&
    Object.keys(patient).every((element) => itsElements.has(element)) &&
    identifier.length === 1 &&
    identifier.every((each) => hasOnly(each, ['system', 'value'])) &&
    name.every(isItsName)
  )
}

/** The system by which the original, with IsIssuerIdUsed, knew the person: the issuer as the image names it. */
export const rawIssuerOf = ({ system, assigner }: PatientIdentity): string | undefined =>
  assigner === system ? undefined : assigner

/**
 * As the original looks the person up: an identifier without type, and without system or with the raw issuer. Ours has
 * a type. It stays as it is, beside ours, until the take-over is finished.
 */
export const isOriginalsIdentifier = (identifier: Identifier, identity: PatientIdentity): boolean => {
  const raw = rawIssuerOf(identity)
  return (
    identifier.type === undefined &&
    (matches(identifier, undefined, identity.value) || (raw !== undefined && matches(identifier, raw, identity.value)))
  )
}
