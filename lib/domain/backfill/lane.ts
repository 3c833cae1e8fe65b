import { digestOf } from '../digest'

/** A lane is a writer at most: so many bound what a FHIR server sees at once. */
export const mostLanes = 64
export const defaultLanes = 8

/** Spellings that a server may take for one PatientID are one here. */
const folded = (patientId: string): string => patientId.normalize('NFKD').toLowerCase().normalize('NFKD').trim()

/** The lane of a patient: whatever could create one Patient, or one of his studies, is written in one order. */
export const laneOf = (patientId: string, lanes: number): number =>
  parseInt(digestOf([folded(patientId)]).slice(0, 8), 16) % lanes
