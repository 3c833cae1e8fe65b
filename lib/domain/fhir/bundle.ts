import type { FhirResource } from 'fhir/r4'
import { uuidOf } from './identifiers'

/** One entry of a transaction, serialized once: its bytes are counted and sent as they are. */
export interface TransactionEntry {
  readonly text: string
  readonly bytes: number
  /** What it creates, by what that is known by: `Patient system|value`; none of what is updated or deleted. */
  readonly creates?: string
  /** The reference of what it updates. */
  readonly updates?: string
  /** The reference of what it deletes. */
  readonly deletes?: string
}

const entry = (content: object): TransactionEntry => {
  const text = JSON.stringify(content)
  return { text, bytes: Buffer.byteLength(text) }
}

/** `W/"n"`, whatever form the server gave the version in. */
export const asIfMatch = (version: string): string =>
  /^(W\/)?"/.test(version) ? (version.startsWith('W/') ? version : `W/${version}`) : `W/"${version}"`

/** A reference that works inside the bundle: real UUIDs, derived from what is created. */
export const createdReference = (key: string): string => `urn:uuid:${uuidOf(key)}`

export const createEntry = (key: string, resource: FhirResource, ifNoneExist: string): TransactionEntry => ({
  ...entry({
    fullUrl: createdReference(key),
    resource,
    request: { method: 'POST', url: resource.resourceType, ifNoneExist },
  }),
  creates: key,
})

const withoutServerMeta = (resource: FhirResource): FhirResource => {
  const { versionId: _version, lastUpdated: _updated, ...meta } = resource.meta ?? {}
  const { meta: _meta, ...rest } = resource
  return (Object.keys(meta).length === 0 ? rest : { ...rest, meta }) as FhirResource
}

/** `version`: the one it was read at; an update without it would let the last writer win. */
export const updateEntry = (base: string, resource: FhirResource, version: string | undefined): TransactionEntry => {
  const url = `${resource.resourceType}/${resource.id}`
  const content = {
    fullUrl: `${base}/${url}`,
    resource: withoutServerMeta(resource),
    request: { method: 'PUT', url, ...(version === undefined ? {} : { ifMatch: asIfMatch(version) }) },
  }
  return { ...entry(content), updates: url }
}

export const deleteEntry = (base: string, resource: FhirResource): TransactionEntry => {
  const url = `${resource.resourceType}/${resource.id}`
  const version = resource.meta?.versionId
  const content = {
    fullUrl: `${base}/${url}`,
    request: { method: 'DELETE', url, ...(version === undefined ? {} : { ifMatch: asIfMatch(version) }) },
  }
  return { ...entry(content), deletes: url }
}

export const transactionText = (entries: ReadonlyArray<TransactionEntry>): string =>
  `{"resourceType":"Bundle","type":"transaction","entry":[${entries.map(({ text }) => text).join(',')}]}`
