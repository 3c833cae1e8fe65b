import type { FhirResource } from 'fhir/r4'
import { type Alike, type WrittenNumber, isWrittenNumber, sameJson, valueOfNumber } from '../json'
import { studyInstanceUidType } from './code-systems'

const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

// `+00:00` equals `Z`; digits beyond the millisecond are compared as they stand.
const sameInstant = (left: string, right: string): boolean => {
  const [a, b] = [instant.exec(left), instant.exec(right)]
  if (a === null || b === null) return false
  return Date.parse(left) === Date.parse(right) && Number(a[1] ?? 0) === Number(b[1] ?? 0)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isNumber = (value: unknown): value is number | WrittenNumber =>
  typeof value === 'number' || isWrittenNumber(value)

/** Written otherwise, and the same: an instant, a number (a server may round its digits), a code by another name. */
const alike: Alike = (left, right) => {
  if (typeof left === 'string' && typeof right === 'string') return sameInstant(left, right)
  if (isNumber(left) && isNumber(right)) return valueOfNumber(left) === valueOfNumber(right)
  if (!isRecord(left) || !isRecord(right) || typeof left['code'] !== 'string') return undefined
  if (left['display'] === right['display']) return undefined
  return sameJson({ ...left, display: undefined }, { ...right, display: undefined }, alike)
}

/** That an identifier is the study's UID follows from its system: the version before did not say it. */
const withoutUidType = (resource: FhirResource): FhirResource => {
  if (resource.resourceType !== 'ImagingStudy' || resource.identifier === undefined) return resource
  const identifier = resource.identifier.map(({ type, ...rest }) =>
    type === undefined || sameJson(type, studyInstanceUidType, alike) ? rest : { ...rest, type },
  )
  return { ...resource, identifier }
}

/** What the server itself sets, and what is generated from the rest, is no change of ours. */
const substance = (resource: FhirResource): FhirResource => {
  const { meta, ...rest } = withoutUidType(resource)
  const { versionId: _version, lastUpdated: _updated, source, ...ofMeta } = meta ?? {}
  const withoutText = { ...rest, text: undefined } as unknown as FhirResource
  return { ...withoutText, meta: { ...ofMeta, ...(source === undefined ? {} : { source: withoutFragment(source) }) } }
}

/** HAPI appends `#requestId` to what was written. */
export const withoutFragment = (source: string): string => source.split('#', 1)[0] ?? source

/** True when writing `next` over `current` would change nothing. */
export const unchanged = (current: FhirResource, next: FhirResource): boolean =>
  sameJson(substance(current), substance(next), alike)
