import * as TH from 'fp-ts/These'
import type { DicomDataset } from '../dicom/dataset'
import { readValue } from '../dicom/read'
import { readable } from '../dicom/vr'
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
    readPart(item, 'UniversalEntityID'),
    readPart(item, 'UniversalEntityIDType'),
    readPart(item, 'LocalNamespaceEntityID'),
  ]
  const system = typeof id === 'string' && typeof type === 'string' ? uriOf(id, type) : undefined
  return {
    system,
    namespace: typeof namespace === 'string' ? namespace : undefined,
    unusable: system === undefined && id !== undefined,
  }
}

/** `null` for a value that is there and cannot be read. */
const readPart = (
  item: DicomDataset,
  keyword: 'UniversalEntityID' | 'UniversalEntityIDType' | 'LocalNamespaceEntityID',
): string | undefined | null => {
  const read = readValue(item, keyword)
  return TH.isLeft(read) ? null : readable(read)
}
