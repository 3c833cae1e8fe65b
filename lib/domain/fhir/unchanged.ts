import type { FhirResource } from 'fhir/r4'
import { sameJson } from '../json'

const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

// `+00:00` equals `Z`; digits beyond the millisecond are compared as they stand.
const sameInstant = (left: string, right: string): boolean => {
  const [a, b] = [instant.exec(left), instant.exec(right)]
  if (a === null || b === null) return false
  return Date.parse(left) === Date.parse(right) && Number(a[1] ?? 0) === Number(b[1] ?? 0)
}

/** What the server itself sets, and what is generated from the rest, is no change of ours. */
const substance = (resource: FhirResource): FhirResource => {
  const { meta, ...rest } = resource
  const { versionId: _version, lastUpdated: _updated, source, ...ofMeta } = meta ?? {}
  const withoutText = { ...rest, text: undefined } as unknown as FhirResource
  return { ...withoutText, meta: { ...ofMeta, ...(source === undefined ? {} : { source: withoutFragment(source) }) } }
}

/** HAPI appends `#requestId` to what was written. */
export const withoutFragment = (source: string): string => source.split('#', 1)[0] ?? source

/** True when writing `next` over `current` would change nothing. */
export const unchanged = (current: FhirResource, next: FhirResource): boolean =>
  sameJson(substance(current), substance(next), sameInstant)
