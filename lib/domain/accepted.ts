import type { Patient } from 'fhir/r4'
import { digestOf } from './digest'
import type { PatientIdentity } from './mapping/patient-identity'

/**
 * What an operator accepted: that this image's demographics are those of this Patient, though they conflict. It holds for
 * the same demographics under the same identifier, and for nobody else who comes under it later.
 */
export const acceptedDigest = (
  feedRoot: string,
  patientId: string,
  { system, value }: Pick<PatientIdentity, 'system' | 'value'>,
  { name = [], birthDate, gender }: Patient,
): string => {
  const names = name.map(({ family, given = [] }) => JSON.stringify([family ?? '', given[0] ?? '']))
  return digestOf([feedRoot, patientId, system, value, birthDate, gender, ...names])
}
