import { randomUUID } from 'node:crypto'

/** Valid R4 resources and transactions to mutate. Typed loosely, because tests make them wrong. */
export type Loose = Record<string, unknown>

export const patientOf = (value: string, more: Loose = {}): Loose => ({
  resourceType: 'Patient',
  identifier: [{ system: 'urn:example:patients', value }],
  name: [{ use: 'usual', family: 'Doe', given: ['Jane'] }],
  ...more,
})

export const endpointOf = (address: string, more: Loose = {}): Loose => ({
  resourceType: 'Endpoint',
  status: 'active',
  identifier: [{ system: 'urn:ietf:rfc:3986', value: address }],
  connectionType: {
    system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
    code: 'dicom-wado-rs',
  },
  name: `DICOM WADO-RS endpoint ${address}`,
  payloadType: [{ text: 'DICOM WADO-RS' }],
  payloadMimeType: ['application/dicom'],
  address,
  ...more,
})

export const studyOf = (uid: string, subject: string, more: Loose = {}): Loose => ({
  resourceType: 'ImagingStudy',
  identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
  status: 'available',
  subject: { reference: subject },
  ...more,
})

export const observationOf = (uid: string, subject: string, more: Loose = {}): Loose => ({
  resourceType: 'Observation',
  identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '73569-6' }] },
  subject: { reference: subject },
  ...more,
})

export const basicOf = (id: string, text: string): Loose => ({
  resourceType: 'Basic',
  id,
  code: { text },
})

export interface EntryOptions {
  readonly fullUrl?: string
  readonly ifMatch?: string
  readonly ifNoneExist?: string
}

export const entry = (method: string, url: string, resource?: Loose, options: EntryOptions = {}): Loose => {
  const { fullUrl, ...conditions } = options
  return {
    ...(fullUrl === undefined ? {} : { fullUrl }),
    ...(resource === undefined ? {} : { resource }),
    request: { method, url, ...conditions },
  }
}

export const bundle = (type: 'transaction' | 'batch', ...entries: ReadonlyArray<Loose>): Loose => ({
  resourceType: 'Bundle',
  type,
  entry: entries,
})

/** A new `urn:uuid:`. */
export const urn = (): string => `urn:uuid:${randomUUID()}`
/** A value that no other test uses, so that suites can share a server. */
export const unique = (): string => randomUUID()
/** A UID that no other test uses (PS3.5 B.2). */
export const uniqueUid = (): string => `2.25.${BigInt(`0x${randomUUID().replaceAll('-', '')}`)}`
