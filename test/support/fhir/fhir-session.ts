import { expect } from '@jest/globals'
import type { FhirReply } from './fhir-client'
import { createFhirTestClient } from './fhir-client'
import type { Loose } from './fhir-samples'

/** The few requests of which the tests of a FHIR server are made. */
export interface FhirSession {
  readonly url: string
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<FhirReply>
  /** A read past the server's caches. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<FhirReply>
  /** Posts a bundle. */
  post(bundle: Loose): Promise<FhirReply>
  /** Searches by POST, past the server's caches. */
  search(type: string, form: Readonly<Record<string, string>>): Promise<FhirReply>
  /** Creates a resource, expects that to succeed, and returns its id. */
  created(resource: Loose): Promise<string>
  /** Ids of the Patients that have this identifier among those of the samples. */
  found(value: string): Promise<ReadonlyArray<string>>
  close(): Promise<void>
}

/** Ids of the matches in a search's answer. */
export const idsOf = ({ body }: Pick<FhirReply, 'body'>): ReadonlyArray<string> =>
  (body.entry ?? [])
    .filter((each: { search?: { mode?: string } }) => each.search?.mode !== 'outcome')
    .map((each: { resource: { id: string } }) => each.resource.id)

/** The ETag of a resource that was answered. */
export const versionOf = ({ body }: FhirReply): string => `W/"${body.meta.versionId}"`

const uncached = { 'cache-control': 'no-cache' }

export const openSession = (url: string): FhirSession => {
  const { send, close } = createFhirTestClient(url)
  const search = (type: string, form: Readonly<Record<string, string>>): Promise<FhirReply> =>
    send('POST', `/${type}/_search`, new URLSearchParams(form).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      ...uncached,
    })
  return {
    url,
    send,
    close,
    search,
    get: (path, headers) => send('GET', path, undefined, { ...uncached, ...headers }),
    post: (bundle) => send('POST', '/', bundle, uncached),
    created: async (resource) => {
      const { status, body } = await send('POST', `/${String(resource['resourceType'])}`, resource)
      expect(status).toBe(201)
      return body.id
    },
    found: async (value) => idsOf(await search('Patient', { identifier: `urn:example:patients|${value}` })),
  }
}
