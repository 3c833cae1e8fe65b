import type { Endpoint } from 'fhir/r4'
import { codeSystems } from '../fhir/code-systems'
import { type DicomRoot, ourMeta, sourceOf, unversioned, wadoAddress } from '../fhir/provenance'
import { withoutFragment } from '../fhir/unchanged'
import { withoutTrailing } from '../text'

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

/** The address as `sourceOf` writes it: host in lower case, no default port, no version, no slash at the end. */
export const normalised = (address: string): string => {
  const url = URL.canParse(address) ? new URL(address) : undefined
  return unversioned(url === undefined || url.origin === 'null' ? address : `${url.origin}${url.pathname}`)
}

/**
 * Whose an Endpoint of ours is: ours by its identifier; the original's by its name with that address, with or without a
 * trailing slash; an administrator's by its address alone. Another version of the service is the same service.
 */
export type EndpointKind = 'Ours' | 'Originals' | 'Administrators'

/** The order in which they are taken. */
export const endpointKinds: ReadonlyArray<EndpointKind> = ['Ours', 'Originals', 'Administrators']

const isOver = ({ status }: Endpoint): boolean => status === 'off' || status === 'entered-in-error'

/** None of what is not the Endpoint of this partition. */
export const endpointKind = (dicom: DicomRoot, partition: string) => {
  const source = sourceOf(dicom, partition)
  const isOurs = (address: string | undefined): boolean => address !== undefined && unversioned(address) === source
  return (endpoint: Endpoint): EndpointKind | undefined => {
    const { identifier = [], address, name } = endpoint
    if (identifier.some(({ system, value }) => system === codeSystems.uri && isOurs(value))) return 'Ours'
    const isNamed = name !== undefined && name.startsWith(nameOf('')) && isOurs(name.slice(nameOf('').length))
    if (isNamed && isOurs(address)) return 'Originals'
    const isAt = typeof address === 'string' && normalised(address) === source
    return isAt && isDicomEndpoint(endpoint) && !isOver(endpoint) ? 'Administrators' : undefined
  }
}

/** A study that refers to one of these is ours. */
export const isEndpointOf = (dicom: DicomRoot, partition: string) => {
  const kindOf = endpointKind(dicom, partition)
  return (endpoint: Endpoint): boolean => kindOf(endpoint) !== undefined
}

/** The partitions of this service that an Endpoint may be of. */
export const partitionsIn = (dicom: DicomRoot, { identifier = [], name = '', address }: Endpoint): Set<string> => {
  const named = [...identifier.map(({ value = '' }) => value), name.slice(nameOf('').length), normalised(address ?? '')]
  return new Set(
    named.flatMap((each) => {
      const source = unversioned(each)
      if (source === dicom.root) return ['Microsoft.Default']
      const start = `${dicom.root}/partitions/`
      return source.startsWith(start) ? [source.slice(start.length)] : []
    }),
  )
}

const withoutSlash = (address: string): string => withoutTrailing(address, '/')

/**
 * As the original wrote it, whatever identifier it has by now: the original refuses every entry when the address that it
 * finds by the name is not its own, and somebody may want to go back to it.
 */
export const isInOriginalsForm = ({ meta, name, address }: Endpoint): boolean =>
  withoutFragment(meta?.source ?? '') === '' &&
  typeof address === 'string' &&
  withoutSlash(name ?? '') === nameOf(withoutSlash(address)) &&
  unversioned(address) === withoutSlash(address)

/**
 * The original finds its Endpoint by the beginning of the name, and must find that one alone: what it would find as well has
 * another name as long as it may be gone back to.
 */
export const besideOriginals = (wanted: Endpoint, partition: string, endpoints: ReadonlyArray<Endpoint>): Endpoint => {
  const name = wanted.name?.toLowerCase() ?? ''
  const isFound = endpoints.some((each) => isInOriginalsForm(each) && name.startsWith(each.name?.toLowerCase() ?? ''))
  return isFound ? { ...wanted, name: `Partition ${partition}: ${wanted.name}` } : wanted
}

/** Its own elements as they should be; status, extensions and what else it holds stay. The original's gets our identifier. */
export const correctEndpoint = (existing: Endpoint, wanted: Endpoint): Endpoint =>
  isInOriginalsForm(existing)
    ? { ...existing, ...complete(wanted), identifier: identified(existing, wanted, [wanted.address]) }
    : repointEndpoint(existing, wanted, [])

const complete = ({ payloadType, payloadMimeType }: Endpoint) => ({
  payloadType,
  ...(payloadMimeType === undefined ? {} : { payloadMimeType }),
})

const identified = (
  existing: Endpoint,
  { identifier = [] }: Endpoint,
  over: ReadonlyArray<string>,
): NonNullable<Endpoint['identifier']> => {
  const isOld = over.map(unversioned)
  const others = (existing.identifier ?? []).filter(
    ({ system, value = '' }) => system !== codeSystems.uri || !isOld.includes(unversioned(value)),
  )
  return [...identifier, ...others]
}

/** From now on it is at the address that is wanted; `former`: addresses by which it was ours before. */
export const repointEndpoint = (existing: Endpoint, wanted: Endpoint, former: ReadonlyArray<string>): Endpoint => {
  const { name, connectionType, address } = wanted
  return {
    ...existing,
    identifier: identified(existing, wanted, [wanted.address, ...former]),
    ...(name === undefined ? {} : { name }),
    connectionType,
    ...complete(wanted),
    address,
  }
}
