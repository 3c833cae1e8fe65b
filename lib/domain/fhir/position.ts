import { createHash } from 'node:crypto'
import type { Basic, FhirResource, Identifier } from 'fhir/r4'
import { codeSystems } from './code-systems'

/**
 * Our position in FHIR: one `Basic` a DICOM service, written with If-Match by every transaction. A transaction built
 * on an old snapshot then fails as a whole, whoever sent it (docs/adr/0002).
 */
export const positionId = (root: string): string =>
  `dicomcast-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`

interface Position {
  readonly root: string
  readonly run?: string
  readonly sequence?: number
  /** New for every planned transaction: a server makes no new version of equal content. */
  readonly transaction?: string
}

const note = (text: string, value: string, system?: string): Identifier => ({
  type: { text },
  ...(system === undefined ? {} : { system }),
  value,
})

export const positionResource = ({ root, run, sequence, transaction }: Position): Basic => ({
  resourceType: 'Basic',
  id: positionId(root),
  code: { text: 'DICOMcast position' },
  identifier: [
    note('feed', root, codeSystems.uri),
    ...(run === undefined ? [] : [note('run', `urn:uuid:${run}`, codeSystems.uri)]),
    ...(sequence === undefined ? [] : [note('sequence', String(sequence))]),
    ...(transaction === undefined ? [] : [note('transaction', `urn:uuid:${transaction}`, codeSystems.uri)]),
  ],
})

/** The highest sequence of its last transaction; none when it was only born. */
export const positionSequence = (position: FhirResource): number | undefined => {
  const notes: unknown = Reflect.get(position, 'identifier')
  const found = (Array.isArray(notes) ? (notes as ReadonlyArray<Identifier | null>) : []).find(
    (each) => each?.type?.text === 'sequence',
  )
  return /^\d{1,16}$/.test(String(found?.value)) ? Number(found?.value) : undefined
}
