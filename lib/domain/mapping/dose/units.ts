import type { Quantity } from 'fhir/r4'
import type { CodedEntry } from '../../dicom/coded-entry'
import type { WrittenNumber } from '../../json'
import { systemOfScheme } from '../coded-concept'

/** What files write for a unit, and UCUM does not know. */
export const unitSpellings: ReadonlyMap<string, string> = new Map([
  ['mGycm', 'mGy.cm'],
  ['Gym2', 'Gy.m2'],
  ['dGycm2', 'dGy.cm2'],
])

const prefix = '(?:da|[YZEPTGMkhdcmunpfazy])'
const atom = `(?:${prefix}?(?:Gy|Sv|Bq|Ci|eV|[gmslLACRJV])|min|[hd])`
const term = `${atom}(?:-?\\d{1,2})?`
/** So much of UCUM's grammar as doses, activities, times, lengths, masses and volumes need. */
const ucum = new RegExp(`^(?:[1%]|${term}(?:[./]${term})*)$`)

const ucumOf = ({ value, scheme }: CodedEntry): string | undefined =>
  unitSpellings.get(value) ?? (scheme === 'UCUM' && ucum.test(value) ? value : undefined)

/** A value in the unit of the file. A unit that is not known is written as text, and nothing is ever converted. */
export const quantity = (written: number | WrittenNumber, unit: CodedEntry | undefined): Quantity => {
  // To FHIR's types, and to whoever serializes it, it is a number.
  const value = written as number
  if (unit === undefined) return { value }
  const code = ucumOf(unit)
  const system = systemOfScheme.get('UCUM')
  if (code === undefined || system === undefined) {
    return { value, unit: unit.scheme === 'UCUM' ? unit.value : (unit.meaning ?? unit.value) }
  }
  return { value, unit: code, system, code }
}
