import { createStatementClock, normalizedTime } from './feed-time'

export const defaultPartition = 'Microsoft.Default'

export type Action = 'Create' | 'Update' | 'Delete'
export type State = 'Current' | 'Replaced' | 'Deleted'

export interface InstanceKey {
  readonly partitionName: string
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
}

/** An instance that was once stored. `last` is its newest visible row: whether it lives, and its metadata, are there. */
export interface Instance extends InstanceKey {
  last: Row | undefined
}

export interface Row {
  readonly sequence: number
  readonly timestamp: string
  readonly action: Action
  readonly instance: Instance
  /** DICOM JSON as text; rows hold their own, so that a restored feed shows what was there then. */
  readonly metadata?: string
}

export interface Change extends InstanceKey {
  readonly action: Action
  readonly metadata?: string
  /** For tests that need old rows; default now. */
  readonly timestamp?: string
}

export const isLive = (instance: Instance): boolean => instance.last !== undefined && instance.last.action !== 'Delete'

/**
 * State and metadata are of now, not of the event: a live instance has one Current row, all older ones are Replaced;
 * after a delete all of them are Deleted.
 */
export const stateOf = (row: Row): State =>
  !isLive(row.instance) ? 'Deleted' : row.instance.last === row ? 'Current' : 'Replaced'

/** Every row of a live instance shows the newest metadata, even a Delete that was followed by a Create. */
export const metadataOf = (row: Row): string | undefined =>
  isLive(row.instance) ? row.instance.last?.metadata : undefined

export const studyKey = (key: Pick<InstanceKey, 'partitionName' | 'studyInstanceUid'>): string =>
  `${key.partitionName}/${key.studyInstanceUid}`

const byTimestamp = (a: Row, b: Row): number =>
  a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : a.sequence - b.sequence

export type Feed = ReturnType<typeof createFeed>

type OnNew = (rows: ReadonlyArray<Row>) => void

/** The change feed in memory. `onChange` is called after every change that a saved state must hold, `onNew` for new rows. */
export const createFeed = (now: () => Date, onChange = () => {}, onNew: OnNew = () => {}) => {
  const statementTime = createStatementClock(now)
  const late = new Map<string, ReadonlyArray<Change & { sequence: number; timestamp: string }>>()
  let rows = new Map<number, Row>()
  let chronological: Row[] = []
  let studies = new Map<string, Map<string, Instance>>()
  let next = 1
  let head = 0

  const instanceOf = (key: InstanceKey): Instance => {
    const study = studies.get(studyKey(key)) ?? new Map<string, Instance>()
    studies.set(studyKey(key), study)
    const within = `${key.seriesInstanceUid}/${key.sopInstanceUid}`
    const instance = study.get(within) ?? {
      partitionName: key.partitionName,
      studyInstanceUid: key.studyInstanceUid,
      seriesInstanceUid: key.seriesInstanceUid,
      sopInstanceUid: key.sopInstanceUid,
      last: undefined,
    }
    study.set(within, instance)
    return instance
  }

  /** The first index in time order whose row is not before (`timestamp`, `sequence`). */
  const indexFrom = (timestamp: string, sequence = 0): number => {
    let low = 0
    let high = chronological.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const row = chronological[middle]
      if (row !== undefined && (row.timestamp < timestamp || (row.timestamp === timestamp && row.sequence < sequence)))
        low = middle + 1
      else high = middle
    }
    return low
  }

  const show = (change: Change, sequence: number, timestamp: string): Row => {
    const instance = instanceOf(change)
    const { action, metadata } = change
    const row: Row = { sequence, timestamp, action, instance, ...(metadata === undefined ? {} : { metadata }) }
    rows.set(sequence, row)
    const newest = chronological.at(-1)
    if (newest === undefined || byTimestamp(newest, row) < 0) chronological.push(row)
    else chronological.splice(indexFrom(timestamp, sequence), 0, row)
    if (instance.last === undefined || instance.last.sequence < sequence) instance.last = row
    head = Math.max(head, sequence)
    return row
  }

  const reserve = (changes: ReadonlyArray<Change>) => {
    const time = statementTime()
    return changes.map((change) => ({
      ...change,
      sequence: next++,
      timestamp: change.timestamp === undefined ? time : normalizedTime(change.timestamp),
    }))
  }

  return {
    /** One statement: consecutive sequences, one timestamp. */
    append: (changes: ReadonlyArray<Change>): ReadonlyArray<Row> => {
      const shown = reserve(changes).map((change) => show(change, change.sequence, change.timestamp))
      onChange()
      onNew(shown)
      return shown
    },

    /** Identities that never become rows: a rolled-back insert, or the jump of a database failover. */
    skip: (count: number): void => {
      next += count
      onChange()
    },

    /** Takes sequences and a timestamp now, as a transaction does that has not committed yet. */
    reserveLate: (changes: ReadonlyArray<Change>): { id: string; sequences: ReadonlyArray<number> } => {
      const reserved = reserve(changes)
      const id = `late-${reserved[0]?.sequence ?? next}`
      late.set(id, reserved)
      onChange()
      return { id, sequences: reserved.map(({ sequence }) => sequence) }
    },

    /** Commits late rows; `false` when there are none of that id. */
    showLate: (id: string): boolean => {
      const reserved = late.get(id)
      if (!late.delete(id)) return false
      const shown = (reserved ?? []).map((change) => show(change, change.sequence, change.timestamp))
      onChange()
      onNew(shown)
      return true
    },

    /** A database restored from a backup: what came after `sequence` never was, and its numbers are used again. */
    restore: (sequence: number): void => {
      const kept = [...rows.values()].filter((row) => row.sequence <= sequence)
      rows = new Map()
      chronological = []
      studies = new Map()
      late.clear()
      head = 0
      next = sequence + 1
      for (const row of kept.sort((a, b) => a.sequence - b.sequence)) {
        const { partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row.instance
        const key = { partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid }
        show({ ...row, ...key }, row.sequence, row.timestamp)
      }
      onChange()
    },

    /** Puts back a saved row, under the sequence that it had. */
    load: (change: Change & { sequence: number; timestamp: string }): void => {
      show(change, change.sequence, change.timestamp)
      next = Math.max(next, change.sequence + 1)
    },
    loadNext: (sequence: number): void => {
      next = Math.max(next, sequence)
    },

    /** Version 1: the visible rows with `offset < sequence ≤ offset + limit`. */
    range: (offset: number, limit: number): ReadonlyArray<Row> => {
      const found: Row[] = []
      for (let sequence = offset + 1; sequence <= Math.min(offset + limit, head); sequence++) {
        const row = rows.get(sequence)
        if (row !== undefined) found.push(row)
      }
      return found
    },

    /** Version 2: `start ≤ timestamp < end` in the order of (timestamp, sequence), `offset` rows skipped. */
    window: (start: string, end: string, offset: number, limit: number): ReadonlyArray<Row> => {
      const from = indexFrom(start) + offset
      return chronological.slice(from, Math.min(from + limit, indexFrom(end)))
    },

    rowAt: (sequence: number): Row | undefined => rows.get(sequence),
    latestBySequence: (): Row | undefined => rows.get(head),
    latestByTime: (): Row | undefined => chronological.at(-1),
    nextSequence: (): number => next,
    rows: (): IterableIterator<Row> => rows.values(),

    instance: (key: InstanceKey): Instance | undefined =>
      studies.get(studyKey(key))?.get(`${key.seriesInstanceUid}/${key.sopInstanceUid}`),
    /** The live instances of a study, or of one of its series, or one of them. */
    liveInstances: (
      within: Pick<InstanceKey, 'partitionName' | 'studyInstanceUid'> & Partial<InstanceKey>,
    ): ReadonlyArray<Instance> =>
      [...(studies.get(studyKey(within))?.values() ?? [])].filter(
        (instance) =>
          isLive(instance) &&
          (within.seriesInstanceUid === undefined || within.seriesInstanceUid === instance.seriesInstanceUid) &&
          (within.sopInstanceUid === undefined || within.sopInstanceUid === instance.sopInstanceUid),
      ),
    /** Every study that ever was, in the order of its first row; some have no live instance. */
    studies: (): IterableIterator<ReadonlyMap<string, Instance>> => studies.values(),
  }
}
