import type { Identifier, Observation, ObservationComponent } from 'fhir/r4'
import { withoutFragment } from '../../fhir/unchanged'
import { hasType, matches, studyIdentifier } from '../../fhir/identifiers'
import { type WrittenNumber, valueOfNumber } from '../../json'
import { doseKindOf } from './identity'
import type { ObservationBody } from './observation'

// With anything else in it, it is not as the original left it.
const itsElements: ReadonlySet<string> = new Set([
  ...['resourceType', 'id', 'meta', 'identifier', 'partOf', 'status', 'code', 'subject', 'bodySite', 'component'],
])

/**
 * Written by the original DICOMcast for this study. It left no mark, and not from which report: it is told by what it
 * never wrote. `study` is a reference, `subjects` are those that the study has and will have.
 */
export const isOriginals = (
  observation: Observation,
  { uid, study, subjects }: { readonly uid: string; readonly study: string; readonly subjects: ReadonlyArray<string> },
): boolean => {
  const { meta, identifier = [], partOf = [], status } = observation
  const { system, value = '' } = studyIdentifier(uid)
  const isItsIdentifier = (each: Identifier): boolean => matches(each, system, value) || hasType(each, 'ACSN')
  return (
    withoutFragment(meta?.source ?? '') === '' &&
    (meta?.tag ?? []).length === 0 &&
    (meta?.profile ?? []).length === 0 &&
    status === 'preliminary' &&
    doseKindOf(observation) !== undefined &&
    identifier.some((each) => matches(each, system, value)) &&
    identifier.every(isItsIdentifier) &&
    Object.keys(observation).every((element) => itsElements.has(element)) &&
    partOf.every(({ reference }) => reference === study) &&
    subjects.some((subject) => observation.subject?.reference === subject)
  )
}

/** Of the summary the original wrote the CTDIvol of every event, too. */
const ofEventsAlone: ReadonlySet<string> = new Set(['113830'])

const codeOf = ({ code }: ObservationComponent): string => code.coding?.[0]?.code ?? code.text ?? ''

/** A number by its value: how many digits it was written with says nothing. */
const valueOf = ({ valueQuantity, valueInteger, valueCodeableConcept, valueString }: ObservationComponent): string => {
  const number: number | WrittenNumber | undefined = valueQuantity?.value ?? valueInteger
  if (number !== undefined) return String(valueOfNumber(number))
  return valueCodeableConcept?.coding?.[0]?.code ?? valueCodeableConcept?.text ?? valueString ?? ''
}

/** Values by code; each code's in order of value. */
const valuesByCode = (components: ReadonlyArray<ObservationComponent>): ReadonlyMap<string, string> => {
  const values = new Map<string, Array<string>>()
  for (const each of components) {
    const known = values.get(codeOf(each))
    if (known === undefined) values.set(codeOf(each), [valueOf(each)])
    else known.push(valueOf(each))
  }
  return new Map([...values].map(([code, all]) => [code, all.sort().join(' ')]))
}

/**
 * Whether the original said of this report or event what ours says: all its values are among ours, code by code, and
 * one without values is ours without values. Units are not compared: it wrote `mGycm`.
 */
export const saysTheSame = (originals: Observation, ours: ObservationBody): boolean => {
  const kind = doseKindOf(originals)
  if (kind !== doseKindOf(ours)) return false
  const theirs = valuesByCode(
    (originals.component ?? []).filter((each) => kind === 'event' || !ofEventsAlone.has(codeOf(each))),
  )
  const own = valuesByCode(ours.component ?? [])
  if (theirs.size === 0) return [...own.keys()].every((code) => code === '121058')
  return [...theirs].every(([code, values]) => own.get(code) === values)
}
