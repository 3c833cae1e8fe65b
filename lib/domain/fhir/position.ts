import { createHash } from 'node:crypto'
import type { Basic, FhirResource, Identifier } from 'fhir/r4'
import { codeSystems } from './code-systems'
import { type DicomRoot, rootsOf } from './provenance'

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** The feed id that a root gives; `salt`: where a feed that was renamed since has it already. */
export const positionId = (root: string, salt = 0): string =>
  `dicomcast-${hashOf(salt === 0 ? root : `${root}#${salt}`)}`

/**
 * What the feed is called for ever, and the id of our position in FHIR: one `Basic` a feed, written with If-Match by
 * every transaction. A transaction built on an old snapshot then fails as a whole, whoever sent it (docs/adr/0002).
 */
export const feedIdOf = ({ feedId, root }: DicomRoot): string => feedId ?? positionId(root)

interface Position {
  readonly dicom: DicomRoot
  readonly run?: string
  readonly sequence?: number
  /** New for every planned transaction: a server makes no new version of equal content. */
  readonly transaction?: string
}

export const note = (text: string, value: string, system?: string): Identifier => ({
  type: { text },
  ...(system === undefined ? {} : { system }),
  value,
})

/** The root of today, the feed id, and the roots that it had before, oldest first. */
const nameOf = (dicom: DicomRoot): Array<Identifier> => [
  note('feed', dicom.root, codeSystems.uri),
  note('feed id', feedIdOf(dicom)),
  ...rootsOf(dicom).flatMap((root) => (root === dicom.root ? [] : [note('former root', root, codeSystems.uri)])),
]

export const positionResource = ({ dicom, run, sequence, transaction }: Position): Basic => ({
  resourceType: 'Basic',
  id: feedIdOf(dicom),
  code: { text: 'DICOMcast position' },
  identifier: [
    ...nameOf(dicom),
    ...(run === undefined ? [] : [note('run', `urn:uuid:${run}`, codeSystems.uri)]),
    ...(sequence === undefined ? [] : [note('sequence', String(sequence))]),
    ...(transaction === undefined ? [] : [note('transaction', `urn:uuid:${transaction}`, codeSystems.uri)]),
  ],
})

/** The id of what says which feed a root is the name of today. */
export const pointerId = (root: string): string => `dicomcast-root-${hashOf(root)}`

export const pointerResource = (dicom: DicomRoot): Basic => ({
  resourceType: 'Basic',
  id: pointerId(dicom.root),
  code: { text: 'DICOMcast pointer' },
  identifier: nameOf(dicom),
})

/** One a FHIR server: what a server does with an old If-Match is tried on it, never on the position of a feed. */
export const checkId = 'dicomcast-check'

/** `content`: new each time, since a server makes no new version of what is equal. */
export const checkResource = (content: string): Basic => ({
  resourceType: 'Basic',
  id: checkId,
  code: { text: 'DICOMcast check' },
  identifier: [note('content', `urn:uuid:${content}`, codeSystems.uri)],
})

export const notesOf = (resource: FhirResource, text: string): ReadonlyArray<string> => {
  const notes: unknown = Reflect.get(resource, 'identifier')
  return (Array.isArray(notes) ? (notes as ReadonlyArray<Identifier | null>) : []).flatMap((each) =>
    each?.type?.text === text && typeof each.value === 'string' ? [each.value] : [],
  )
}

/** The highest sequence of its last transaction; none when it was only born. */
export const positionSequence = (position: FhirResource): number | undefined => {
  const [found = ''] = notesOf(position, 'sequence')
  return /^\d{1,16}$/.test(found) ? Number(found) : undefined
}

/** What a position or a pointer says of its feed; none that cannot be read. */
export const namedIn = (
  resource: FhirResource,
): { readonly root?: string; readonly feedId?: string; readonly formerRoots: ReadonlyArray<string> } => {
  const [[root], [feedId]] = [notesOf(resource, 'feed'), notesOf(resource, 'feed id')]
  return {
    ...(root === undefined ? {} : { root }),
    ...(feedId === undefined || !/^dicomcast-[0-9a-f]{32}$/.test(feedId) ? {} : { feedId }),
    formerRoots: notesOf(resource, 'former root'),
  }
}
