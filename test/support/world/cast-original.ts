import type { Resource } from '../../../local/fhir/store'
import type { CastWorld } from './cast-world'

/** Ids of what the original left behind. */
export const originals = { patient: 'original-patient', study: 'original-study', endpoint: 'original-endpoint' }

const text = (value: string | undefined, key: string): object => (value === undefined ? {} : { [key]: value })

/**
 * One study of one image, its Patient and the Endpoint, in the form that the original DICOMcast wrote them, seeded past
 * the validation that none of them would pass.
 */
export const seedOriginal = (
  { dicom, fhir }: Pick<CastWorld, 'dicom' | 'fhir'>,
  { study, patientId, system }: { readonly study: string; readonly patientId: string; readonly system?: string },
): void => {
  const meta = { source: dicom.url }
  const identifier = [{ ...text(system, 'system'), value: patientId }]
  const resources: ReadonlyArray<Resource> = [
    {
      resourceType: 'Patient',
      id: originals.patient,
      identifier,
      name: [{ use: 'usual', family: 'Rivera', given: ['Ana'] }],
      gender: 'female',
    },
    {
      resourceType: 'Endpoint',
      id: originals.endpoint,
      status: 'active',
      connectionType: {
        system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
        code: 'dicom-wado-rs',
      },
      name: `DICOM WADO-RS endpoint ${dicom.url}/`,
      payloadType: [{ coding: [{ system: '', code: '' }], text: 'DICOM WADO-RS' }],
      payloadMimeType: ['application/dicom'],
      address: dicom.url,
    },
    {
      resourceType: 'ImagingStudy',
      id: originals.study,
      meta,
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
      status: 'available',
      modality: [{ system: 'DCM', code: 'CT' }],
      subject: { reference: `Patient/${originals.patient}` },
      started: '2026-11-23T08:30:00+00:00',
      endpoint: [{ reference: `Endpoint/${originals.endpoint}` }],
      note: [{ text: 'CHEST' }],
      // An order that another system linked, and a reason: none of our business.
      basedOn: [{ reference: 'ServiceRequest/order-1' }],
      reasonCode: [{ text: 'Cough' }],
      series: [
        {
          uid: `${study}.1`,
          number: 1,
          modality: { system: 'DCM', code: 'CT' },
          started: '2026-11-23T08:31:00+00:00',
          instance: [{ uid: `${study}.1.1`, sopClass: { code: '1.2.840.10008.5.1.4.1.1.2' }, number: 1 }],
        },
      ],
    },
  ]
  for (const resource of resources) fhir.seed(resource)
}
