import * as E from 'fp-ts/Either'
import * as t from 'io-ts'
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

const validated = <A>(name: string, read: (value: unknown) => A | undefined): t.Type<A, A, unknown> =>
  new t.Type<A, A, unknown>(
    name,
    (value): value is A => read(value) !== undefined,
    (value, context) => {
      const result = read(value)
      return result === undefined ? t.failure(value, context) : t.success(result)
    },
    t.identity,
  )

const oneOf = <A extends string>(name: string, ...allowed: ReadonlyArray<A>): t.Type<A, A, unknown> =>
  validated(name, (value) => {
    const text = typeof value === 'string' ? value.trim().toLowerCase() : undefined
    return allowed.find((item) => item === text)
  })

const Sequence = validated('Sequence', (value) => {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : undefined
})

const Uid = validated('UID', (value) => {
  const text = typeof value === 'string' ? trimPadding(value) : ''
  return isUid(text) ? text : undefined
})

const Partition = validated('Partition', (value) => {
  if (value === undefined || value === null || value === '') return defaultPartition
  return typeof value === 'string' && partitionName.test(value) ? value : undefined
})

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,16})?(Z|[+-]\d\d:\d\d)$/i

// Nothing that is cast reads it: a time in another form, without a zone, or that no calendar has, is unknown, and costs
// nobody an image. A gap before a row whose time is unknown counts as young.
const Timestamp = validated('Timestamp', (value) => {
  return typeof value === 'string' && time.test(value) && !Number.isNaN(Date.parse(value)) ? value : ''
})

/** The entry on the wire, its keys in lower case: the documentation prints other cases than the server sends. */
const WireEntry = t.type({
  sequence: Sequence,
  partitionname: Partition,
  studyinstanceuid: Uid,
  seriesinstanceuid: Uid,
  sopinstanceuid: Uid,
  action: oneOf('Action', 'create', 'update', 'delete'),
  state: oneOf('State', 'current', 'replaced', 'deleted'),
  timestamp: Timestamp,
})

const members = new Set([...Object.keys(WireEntry.props), 'metadata'])

/** The members that are read, and no other: a name that means something to JavaScript is never assigned. */
const withLowerCaseKeys = (element: object): Record<string, unknown> => {
  const wire: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(element)) {
    const name = key.toLowerCase()
    if (members.has(name)) wire[name] = value
  }
  return wire
}

const rightOrUndefined = <A>(result: E.Either<unknown, A>): A | undefined =>
  E.isRight(result) ? result.right : undefined

const malformed = (wire: Record<string, unknown>, paths: ReadonlyArray<string>): MalformedEntry => {
  const partition = rightOrUndefined(Partition.decode(wire['partitionname']))
  const study = rightOrUndefined(Uid.decode(wire['studyinstanceuid']))
  const series = rightOrUndefined(Uid.decode(wire['seriesinstanceuid']))
  const instance = rightOrUndefined(Uid.decode(wire['sopinstanceuid']))
  return {
    sequence: rightOrUndefined(Sequence.decode(wire['sequence'])),
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
      return E.left(malformed({}, ['not an object']))
    }
    const wire = withLowerCaseKeys(element)
    const decoded = WireEntry.decode(wire)
    if (E.isLeft(decoded)) {
      const paths = decoded.left.map((error) =>
        error.context
          .map((step) => step.key)
          .filter(Boolean)
          .join('.'),
      )
      return E.left(malformed(wire, [...new Set(paths)]))
    }
    const { right: entry } = decoded
    return E.right({
      sequence: entry.sequence,
      partition: entry.partitionname,
      studyInstanceUid: entry.studyinstanceuid,
      seriesInstanceUid: entry.seriesinstanceuid,
      sopInstanceUid: entry.sopinstanceuid,
      action: entry.action,
      state: entry.state,
      timestamp: entry.timestamp,
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

export const studyKeyText = (key: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>): string =>
  `${key.partition}/${key.studyInstanceUid}`
