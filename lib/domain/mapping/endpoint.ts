import type { Endpoint } from 'fhir/r4'
import { codeSystems } from '../fhir/code-systems'
import { type DicomRoot, ourMeta, sourceOf, unversioned, wadoAddress } from '../fhir/provenance'

const nameOf = (address: string): string => `DICOM WADO-RS endpoint ${address}`

/** The Endpoint of one partition of the DICOM service. */
export const mapEndpoint = (dicom: DicomRoot, partition: string): Endpoint => {
  const address = wadoAddress(dicom, partition)
  return {
    resourceType: 'Endpoint',
    meta: ourMeta(sourceOf(dicom, partition)),
    identifier: [{ system: codeSystems.uri, value: address }],
    status: 'active',
    connectionType: { system: codeSystems.endpointConnectionType, code: 'dicom-wado-rs' },
    name: nameOf(address),
    payloadType: [{ text: 'DICOM WADO-RS' }],
    payloadMimeType: ['application/dicom'],
    address,
  }
}

export const isDicomEndpoint = ({ connectionType }: Endpoint): boolean =>
  connectionType?.system === codeSystems.endpointConnectionType && connectionType.code === 'dicom-wado-rs'

/**
 * Ours by its identifier, or the original's: no identifier, an address without version, the name with that address,
 * with or without a trailing slash. Another version of the service is the same service.
 */
export const isEndpointOf = (dicom: DicomRoot, partition: string) => {
  const source = sourceOf(dicom, partition)
  const isOurs = (address: string | undefined): boolean => address !== undefined && unversioned(address) === source
  return (endpoint: Endpoint): boolean =>
    (endpoint.identifier ?? []).some(({ system, value }) => system === codeSystems.uri && isOurs(value)) ||
    (isOurs(endpoint.address) &&
      endpoint.name !== undefined &&
      endpoint.name.startsWith(nameOf('')) &&
      isOurs(endpoint.name.slice(nameOf('').length)))
}

/** Its own elements as they should be; status, extensions and what else it holds stay. */
export const correctEndpoint = (existing: Endpoint, wanted: Endpoint): Endpoint => {
  const others = (existing.identifier ?? []).filter(
    ({ system, value = '' }) => system !== codeSystems.uri || unversioned(value) !== unversioned(wanted.address),
  )
  const { identifier = [], name, connectionType, payloadType, payloadMimeType, address } = wanted
  return {
    ...existing,
    identifier: [...identifier, ...others],
    ...(name === undefined ? {} : { name }),
    connectionType,
    payloadType,
    ...(payloadMimeType === undefined ? {} : { payloadMimeType }),
    address,
  }
}
