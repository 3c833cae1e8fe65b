import type { Endpoint, FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import { ctImage } from './domain-dataset'
import { typed } from '../../../lib/domain/fhir/identifiers'
import { ourMeta } from '../../../lib/domain/fhir/provenance'
import { root } from './domain-settings'

/** What stands in a FHIR server before this product comes: of the original DICOMcast, and of other systems. */

/** The original's Endpoint: no identifier, no version, a trailing slash. */
export const originalEndpoint: Endpoint = {
  resourceType: 'Endpoint',
  id: '901',
  status: 'active',
  connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'dicom-wado-rs' },
  name: `DICOM WADO-RS endpoint ${root}/`,
  payloadType: [{ coding: [{}] }],
  payloadMimeType: ['application/dicom'],
  address: `${root}/`,
}

/** The original wrote an empty system. */
export const originalPatient: Patient = {
  resourceType: 'Patient',
  id: '902',
  meta: { source: `${root}/` },
  identifier: [{ system: '', value: 'P1' }],
  name: [{ use: 'usual', family: 'Rivera', given: ['Ana'] }],
  gender: 'female',
  birthDate: '1970-01-02',
}

/** The original invented UTC, wrote `DCM` as a system, and the SOP class without one. */
export const originalStudy: ImagingStudy = {
  resourceType: 'ImagingStudy',
  id: '903',
  meta: { source: `${root}/` },
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' }],
  status: 'available',
  modality: [{ system: 'DCM', code: 'CT' }],
  subject: { reference: 'Patient/902' },
  started: '2026-11-23T10:15:00+00:00',
  endpoint: [{ reference: 'Endpoint/901' }],
  note: [{ text: 'Head' }],
  series: [
    {
      uid: '1.2.1.1',
      modality: { system: 'DCM', code: 'CT' },
      started: '2026-11-23T10:30:00+00:00',
      instance: [{ uid: '1.2.1.1.1', sopClass: { code: ctImage }, number: 1 }],
    },
  ],
}

/** The same person, as this product wrote her before a system was configured. */
export const markedPatient: Patient = {
  ...originalPatient,
  meta: ourMeta(root),
  identifier: [{ type: typed('MR'), value: 'P1' }],
}

/** A person that a hospital system registered. */
export const foreignPatient: Patient = {
  resourceType: 'Patient',
  id: '904',
  identifier: [{ value: 'P2' }],
  name: [{ use: 'official', family: 'Berg' }],
  birthDate: '1981-01-01',
}

/** A study that a RIS announced: its series are known, its images and its Endpoint are not. */
export const foreignStudy: ImagingStudy = {
  resourceType: 'ImagingStudy',
  id: '905',
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.2' }],
  status: 'registered',
  subject: { reference: 'Patient/904', display: 'as the RIS knows the person' },
  basedOn: [{ reference: 'ServiceRequest/1' }],
  reasonCode: [{ text: 'headache' }],
  series: [{ uid: '1.2.2.9', modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'MR' } }],
}

/** In the order in which one needs the other. */
export const residents: ReadonlyArray<ReadonlyArray<FhirResource>> = [
  [],
  [originalEndpoint, originalPatient, originalStudy],
  [originalEndpoint, markedPatient, originalStudy],
  [foreignPatient, foreignStudy],
  [originalEndpoint, originalPatient, originalStudy, foreignPatient, foreignStudy],
]
