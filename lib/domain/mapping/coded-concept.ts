import type { CodeableConcept, Coding } from 'fhir/r4'
import { type CodedEntry, asCode, isLegacyScheme } from '../dicom/coded-entry'
import { codeSystems } from '../fhir/code-systems'
import { isAbsoluteUri } from '../fhir/identifiers'

/** Coding scheme designator (PS3.16 §8) → FHIR system. */
export const systemOfScheme: ReadonlyMap<string, string> = new Map([
  ['DCM', codeSystems.dcm],
  ['SCT', 'http://snomed.info/sct'],
  ['LN', 'http://loinc.org'],
  ['UCUM', 'http://unitsofmeasure.org'],
  ['RADLEX', 'http://www.radlex.org'],
  ['FMA', 'http://purl.org/sig/ont/fma'],
  ['I10', 'http://hl7.org/fhir/sid/icd-10'],
  ['C4', 'http://www.ama-assn.org/go/cpt'],
])

/**
 * A coded entry of DICOM: the system is that of its own scheme; a URN or URL needs none (PS3.3 §8.1). A private or
 * unknown scheme has no system; a legacy id that could not be translated is not written as a code at all.
 */
export const codeableConcept = ({ value, scheme, meaning }: CodedEntry): CodeableConcept => {
  if (isLegacyScheme(scheme)) return { text: meaning ?? value }
  const system = scheme === '' && isAbsoluteUri(value) ? codeSystems.uri : systemOfScheme.get(scheme)
  const coding: Coding = {
    ...(system === undefined ? {} : { system }),
    code: asCode(value),
    ...(meaning === undefined ? {} : { display: meaning }),
  }
  return { coding: [coding], ...(meaning === undefined ? {} : { text: meaning }) }
}
