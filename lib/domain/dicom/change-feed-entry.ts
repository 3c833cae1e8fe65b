import * as E from 'fp-ts/Either'
import { rememberTexts } from '../text'
import type { DicomDataset } from './dataset'
import { defaultPartition, partitionName } from './partition'
import { isUid, trimPadding } from './vr'

/** Which instance an entry is about. A study's identity is (partition, StudyInstanceUID). */
export interface InstanceKey {
  readonly partition: string
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
}

export type Action = 'create' | 'update' | 'delete'
export type State = 'current' | 'replaced' | 'deleted'

export interface ChangeFeedEntry extends InstanceKey {
  readonly sequence: number
  readonly action: Action
  readonly state: State
  /** As the service wrote it: up to seven fraction digits. Empty when it is missing, or cannot be read. */
  readonly timestamp: string
  /** `undefined` when there is none, or when it is not a dataset. */
  readonly metadata: DicomDataset | undefined
}

/** An element of a page that cannot be read. `paths` names members, never values. */
export interface MalformedEntry {
  readonly sequence: number | undefined
  readonly key: Partial<InstanceKey>
  readonly paths: ReadonlyArray<string>
}

const oneOf =
  <A extends string>(...allowed: ReadonlyArray<A>) =>
  (value: unknown): A | undefined => {
    const text = typeof value === 'string' ? value.trim().toLowerCase() : undefined
    return allowed.find((item) => item === text)
  }

const readAction = oneOf('create', 'update', 'delete')
const readState = oneOf('current', 'replaced', 'deleted')

const readSequence = (value: unknown): number | undefined => {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : undefined
}

const readUid = (value: unknown): string | undefined => {
  const text = typeof value === 'string' ? trimPadding(value) : ''
  return isUid(text) ? text : undefined
}

const readPartition = (value: unknown): string | undefined => {
  if (value === undefined || value === null || value === '' || value === defaultPartition) return defaultPartition
  return typeof value === 'string' && partitionName.test(value) ? value : undefined
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,16})?(Z|[+-]\d\d:\d\d)$/i

// Nothing that is cast reads it: a time in another form, without a zone, or that no calendar has, is unknown, and costs
// nobody an image. A gap before a row whose time is unknown counts as young.
const readTimestamp = (value: unknown): string =>
  typeof value === 'string' && time.test(value) && !Number.isNaN(Date.parse(value)) ? value : ''

const members = [
  ...['sequence', 'partitionname', 'studyinstanceuid', 'seriesinstanceuid', 'sopinstanceuid'],
  ...['action', 'state', 'timestamp', 'metadata'],
]

/** Empty for a member that nobody reads: a name that means something to JavaScript is never assigned. */
const memberOf = rememberTexts((key) => members.find((member) => member === key.toLowerCase()) ?? '')

/** Its members in lower case: the documentation prints other cases than the server sends. */
const withLowerCaseKeys = (element: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const wire: Record<string, unknown> = {}
  for (const key of Object.keys(element)) {
    const member = memberOf(key)
    if (member !== '') wire[member] = element[key]
  }
  return wire
}

/** Each member as it was read, by its name on the wire; undefined when it cannot be. */
const readMembers = (wire: Readonly<Record<string, unknown>>) => ({
  sequence: readSequence(wire['sequence']),
  partitionname: readPartition(wire['partitionname']),
  studyinstanceuid: readUid(wire['studyinstanceuid']),
  seriesinstanceuid: readUid(wire['seriesinstanceuid']),
  sopinstanceuid: readUid(wire['sopinstanceuid']),
  action: readAction(wire['action']),
  state: readState(wire['state']),
  timestamp: readTimestamp(wire['timestamp']),
})

type Members = ReturnType<typeof readMembers>
type WholeMembers = { readonly [K in keyof Members]: NonNullable<Members[K]> }

const isWhole = (read: Members): read is WholeMembers => !Object.values(read).includes(undefined)

const malformed = (read: Members, paths: ReadonlyArray<string>): MalformedEntry => {
  const {
    partitionname: partition,
    studyinstanceuid: study,
    seriesinstanceuid: series,
    sopinstanceuid: instance,
  } = read
  return {
    sequence: read.sequence,
    key: {
      ...(partition === undefined ? {} : { partition }),
      ...(study === undefined ? {} : { studyInstanceUid: study }),
      ...(series === undefined ? {} : { seriesInstanceUid: series }),
      ...(instance === undefined ? {} : { sopInstanceUid: instance }),
    },
    paths,
  }
}

/** Decodes one element of a change feed page, alone: a malformed one costs only itself. */
export const decodeEntry =
  (readMetadata: (json: unknown) => DicomDataset | undefined) =>
  (element: unknown): E.Either<MalformedEntry, ChangeFeedEntry> => {
    if (typeof element !== 'object' || element === null || Array.isArray(element)) {
      return E.left(malformed(readMembers({}), ['not an object']))
    }
    const wire = withLowerCaseKeys(element as Readonly<Record<string, unknown>>)
    const read = readMembers(wire)
    if (!isWhole(read)) {
      const unread = Object.entries(read).flatMap(([name, value]) => (value === undefined ? [name] : []))
      return E.left(malformed(read, unread))
    }
    return E.right({
      sequence: read.sequence,
      partition: read.partitionname,
      studyInstanceUid: read.studyinstanceuid,
      seriesInstanceUid: read.seriesinstanceuid,
      sopInstanceUid: read.sopinstanceuid,
      action: read.action,
      state: read.state,
      timestamp: read.timestamp,
      metadata: readMetadata(wire['metadata']),
    })
  }

/**
 * Only the last row of an instance is live (PS3.18 knows no change feed; this is the service's own rule): an older row
 * shows the state and the metadata of now, so it is judged by action and state, never by "has metadata".
 */
export const isLive = (entry: ChangeFeedEntry): boolean =>
  entry.action === 'delete' ? entry.state === 'deleted' : entry.state === 'current'

/** Azure keys an instance by all three UIDs: a SOPInstanceUID alone may stand in two studies. */
export const instanceKeyText = (key: InstanceKey): string =>
  `${key.partition}/${key.studyInstanceUid}/${key.seriesInstanceUid}/${key.sopInstanceUid}`

const keptTexts = new WeakMap<InstanceKey, string>()

/** The same of a key that is asked for it again and again. */
export const keptKeyText = (key: InstanceKey): string => {
  const known = keptTexts.get(key)
  if (known !== undefined) return known
  const text = instanceKeyText(key)
  keptTexts.set(key, text)
  return text
}

export const studyKeyText = (key: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>): string =>
  `${key.partition}/${key.studyInstanceUid}`
