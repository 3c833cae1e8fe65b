import type { CodeableConcept, Identifier, Observation } from 'fhir/r4'
import { studyIdentifier } from '../../fhir/identifiers'
import { systemOfScheme } from '../coded-concept'
import type { NamedConcept } from './concepts'

/** An Observation without what needs references to other resources, and without our marks. Its identity comes first. */
export type ObservationBody = Omit<Observation, 'subject' | 'partOf' | 'focus' | 'hasMember' | 'meta' | 'id'> & {
  readonly identifier: [Identifier, ...Identifier[]]
}

const identifierTypes = 'http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type'
const categories = 'http://terminology.hl7.org/CodeSystem/observation-category'

/** `urn:dicom:uid|urn:oid:{uid}`, as a study's, with the type that HL7's Radiation Dose Summary guide gives it. */
export const uidIdentifier = (type: 'sop-instance-uid' | 'irradiation-event-uid', uid: string): Identifier => ({
  type: { coding: [{ system: identifierTypes, code: type }] },
  ...studyIdentifier(uid),
})

export const imaging: CodeableConcept[] = [{ coding: [{ system: categories, code: 'imaging', display: 'Imaging' }] }]

export const coded = ({ value, scheme, display }: NamedConcept): CodeableConcept => {
  const system = systemOfScheme.get(scheme)
  return { coding: [{ ...(system === undefined ? {} : { system }), code: value, display }] }
}
