import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type DicomDataset, valuesOfKeyword } from '../dicom/dataset'
import type { Keyword } from '../dicom/tags'
import { type Reader, readCS, readUT } from '../dicom/vr'
import { isAbsoluteUri } from '../fhir/identifiers'

/** An issuer as the HL7v2 Hierarchic Designator macro names it (PS3.3 §10.17): a URI, a name, or both. */
export interface Issuer {
  readonly system: string | undefined
  readonly namespace: string | undefined
  /** It names an id of its own, which is no URI that FHIR could take. */
  readonly unusable: boolean
}

const uriOf = (id: string, type: string): string | undefined => {
  const uri =
    type === 'URI' ? id : type === 'ISO' ? `urn:oid:${id}` : type === 'UUID' ? `urn:uuid:${id.toLowerCase()}` : ''
  return isAbsoluteUri(uri) ? uri : undefined
}

export const readIssuerItem = (item: DicomDataset): Issuer => {
  const [id, type, namespace] = [
    readValue(item, 'UniversalEntityID', readUT),
    readValue(item, 'UniversalEntityIDType', readCS),
    readValue(item, 'LocalNamespaceEntityID', readUT),
  ]
  const system = typeof id === 'string' && typeof type === 'string' ? uriOf(id, type) : undefined
  return {
    system,
    namespace: typeof namespace === 'string' ? namespace : undefined,
    unusable: system === undefined && id !== undefined,
  }
}

/** `null` for a value that is there and cannot be read. */
const readValue = (item: DicomDataset, keyword: Keyword, reader: Reader<string>): string | undefined | null => {
  const read = reader(valuesOfKeyword(item, keyword))
  return E.isLeft(read) ? null : O.toUndefined(read.right)
}
