import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { isBottomless } from '../../domain/fhir/well-formed'
import { type Unavailable, isRecord, jsonOf, unavailable, unexpected } from './answers'
import { type HttpAnswer, isSuccess } from './exchange'

// What all answers of a FHIR server have in common.

export type Checked<A> = E.Either<ServiceError, A>
export type Json = Readonly<Record<string, unknown>>

export const records = (json: unknown): ReadonlyArray<Json> => (Array.isArray(json) ? json.filter(isRecord) : [])
export const failure = (reason: string): Unavailable => unavailable('fhir', reason)
export const isFine = (answer: HttpAnswer): boolean => isSuccess(answer.status)
// The server or something before it, not what was sent: worth a retry. 501 is for good.
export const isPassing = (status: number): boolean =>
  [407, 408, 421, 423, 424, 425, 429].includes(status) || (status >= 500 && status !== 501)
export const isConflict = (status: number): boolean => status === 409 || status === 412

export const jsonOfSuccess =
  (request: string) =>
  (answer: HttpAnswer): Checked<unknown> =>
    isFine(answer) ? jsonOf('fhir', answer) : E.left(unexpected('fhir', answer, request))

// An id is put into URLs and references, so a server that makes up another kind of id is not believed.
const isId = (id: unknown): boolean => typeof id === 'string' && /^(?!\.{1,2}$)[A-Za-z0-9.-]{1,64}$/.test(id)

export const asResource =
  (type: string) =>
  (json: unknown): Checked<FhirResource> =>
    isRecord(json) && json['resourceType'] === type && isId(json['id']) && !isBottomless(json)
      ? E.right(json as unknown as FhirResource)
      : E.left(failure(`unreadable answer: it is not a ${type}`))

export const versionOf = (etag: unknown): string | undefined =>
  typeof etag === 'string' ? /^(?:W\/)?"?([^"\s]+)"?$/.exec(etag.trim())?.[1] : undefined

/** A server may tell the version in the ETag header alone. */
export const withVersion = (resource: FhirResource, answer: HttpAnswer): FhirResource => {
  const versionId = resource.meta?.versionId ?? versionOf(answer.header('etag'))
  return versionId === undefined ? resource : { ...resource, meta: { ...resource.meta, versionId } }
}

// ---- transactions

export const statusOf = (entry: unknown): number => {
  const response = isRecord(entry) ? entry['response'] : undefined
  return isRecord(response) ? Number.parseInt(String(response['status']), 10) : NaN
}
