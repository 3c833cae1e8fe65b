import { isDeepStrictEqual } from 'node:util'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type {
  CheckpointStore,
  ErrorTables,
  FailRow,
  FailRowKey,
  RecordedRow,
  StoredCheckpoint,
} from '../../lib/app/ports'
import type { Gate, GateRow } from '../../lib/app/ports-gate'
import type { FeedNames, StoredName } from '../../lib/app/ports-name'
import {
  type EntryError,
  type FailTable,
  type ServiceError,
  failTableOf,
  failTables,
} from '../../lib/domain/cast-error'
import type { Checkpoint } from '../../lib/domain/checkpoint'
import { type FailRowSubject, failRowName } from '../../lib/domain/fail-row'
import { type Feed, keyText, studyText } from './feed-model'
import type { LeaseBlob } from './lease'
import { type Process, request } from './process'
import { type World, fhirBase } from './world'

type Answer<A> = E.Either<ServiceError, A>

const fails = (reason: string): Answer<never> =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'storage', reason, status: 503 })

/** The row has room for them. */
const mostHoles = 500

interface CheckpointRow {
  readonly checkpoint: Checkpoint
  readonly etag: string
  readonly writer: string
  /** None where somebody else than the product wrote it. */
  readonly writtenAt?: number
  readonly isOriginals?: true
  /** Somebody edited it by hand: it is no checkpoint any more. Whether the sequence can still be read. */
  readonly unreadable?: 'all of it' | 'but for the sequence'
}

export interface StandingFailRow {
  readonly table: FailTable
  readonly row: FailRow
  readonly etag: string
  readonly judgedAt: number
  readonly writer: Process
  /** A backfill wrote it, which knows no sequences: it is about the image as it was then. */
  readonly isRebuilt?: boolean
  /** Somebody else had the lease when it came. */
  readonly isTooLate: boolean
}

/** What the storage account holds. */
export interface Storage {
  checkpoint: CheckpointRow | undefined
  readonly fails: Map<string, StandingFailRow>
  /** What the original recorded, by the row's key: the type of its exception, and where. */
  readonly originals: Map<string, FailRowSubject & { readonly type: string }>
  /** Of which a row stood once, by partition and UID: their images may have left FHIR for a while. */
  readonly everRecorded: Set<string>
  /** What the feed is called. */
  name: StoredName | undefined
  /** Digests of what operators let through. */
  readonly accepted: Set<string>
  /** The same people as the feed names them (personText). */
  readonly people: Set<string>
  gate: (GateRow & { readonly etag: string }) | undefined
  /** What DicomWeb__Endpoint was set to by a person; none: as at the beginning. */
  root: string | undefined
  writes: number
}

export const newStorage = (): Storage => ({
  ...{ checkpoint: undefined, name: undefined, gate: undefined, root: undefined, fails: new Map() },
  ...{ originals: new Map(), everRecorded: new Set() },
  ...{ accepted: new Set(), people: new Set(), writes: 0 },
})

/** As it stands; what the server does with an old If-Match is known, unless the history is about that. */
const nameOf = ({ unknownServer }: World, { name }: Storage): O.Option<StoredName> =>
  name === undefined || unknownServer
    ? O.fromNullable(name)
    : O.some({ conditions: { fhirBase, refusesOld: true, triedAt: 0 }, ...name })

const copied = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const describeCheckpoint = ({ syncedSequence, holes, stuckSince, batchLimit }: Checkpoint): string =>
  `${syncedSequence}${holes.map(({ from, to }) => ` [${from}…${to}]`).join('')}${stuckSince === undefined ? '' : ' stuck'}${batchLimit === undefined ? '' : ` limit ${batchLimit}`}`

/** The row with the feed's name, as its table adapter keeps it. */
export const nameStoreFor = (world: World, storage: Storage, process: Process): FeedNames => {
  const { faults } = world
  return {
    read: () => () =>
      request(world, process, 'name.read', (): Answer<O.Option<StoredName>> =>
        faults.strikes('tables: checkpoint fails') ? fails('name') : E.right(nameOf(world, storage)),
      ),
    write: (name, etag) => () =>
      request(world, process, `name.write ${JSON.stringify(name)}`, (): Answer<void> => {
        if (faults.strikes('tables: checkpoint fails')) return fails('name')
        if (storage.name?.etag !== etag) return E.left({ _tag: 'CheckpointMoved' })
        storage.name = { ...name, etag: `n${++storage.writes}` }
        return faults.strikes('tables: checkpoint answer lost') ? fails('answer lost') : E.right(undefined)
      }),
  }
}

/** The gate's row, as its table adapter keeps it. */
export const gateFor = (world: World, storage: Storage, process: Process): Gate => ({
  read: () => () =>
    request(world, process, 'gate.read', (): Answer<O.Option<GateRow & { readonly etag: string }>> =>
      E.right(O.fromNullable(storage.gate)),
    ),
  write: (row, etag) => () =>
    request(world, process, `gate.write ${row.state}`, (): Answer<void> => {
      if (world.faults.strikes('tables: checkpoint fails')) return fails('gate')
      if (storage.gate?.etag !== etag) return E.left({ _tag: 'CheckpointMoved' })
      storage.gate = { ...row, etag: `g${++storage.writes}` }
      return E.right(undefined)
    }),
})

/** The checkpoint as the table adapter keeps it: every write with the ETag it was read with. */
export const checkpointStoreFor = (world: World, storage: Storage, feed: Feed, process: Process): CheckpointStore => {
  const { faults, violate } = world

  const write = ({ etag }: StoredCheckpoint, to: Checkpoint): Answer<StoredCheckpoint> => {
    const stands = storage.checkpoint
    if (stands?.etag !== etag) {
      // A repetition of our own write, whose answer was lost.
      return stands?.writer === process.name && isDeepStrictEqual(stands.checkpoint, copied(to))
        ? E.right({ checkpoint: copied(to), etag: stands.etag })
        : E.left({ _tag: 'CheckpointMoved' })
    }
    if (stands?.unreadable !== undefined && !process.operates)
      violate('a checkpoint that cannot be read was written over')
    const before = stands?.checkpoint.syncedSequence ?? 0
    if (to.syncedSequence < before && !process.operates)
      violate(`the checkpoint moved back from ${before} to ${to.syncedSequence}`)
    const isMoved = to.syncedSequence > 0 && to.syncedSequence !== before && !process.operates
    if (isMoved && !feed.rows.some(({ sequence }) => sequence === to.syncedSequence)) {
      violate(`the checkpoint rests on ${to.syncedSequence}, where no row is`)
    }
    if (to.holes.length > mostHoles) violate(`${to.holes.length} holes do not fit into the checkpoint's row`)
    process.splitting = false
    const written = {
      ...{ checkpoint: copied(to), etag: `e${++storage.writes}`, writer: process.name },
      writtenAt: world.scheduler.now(),
    }
    storage.checkpoint = written
    return E.right({ checkpoint: copied(to), etag: written.etag })
  }

  const read = (): Answer<O.Option<StoredCheckpoint>> => {
    if (faults.strikes('tables: checkpoint fails')) return fails('checkpoint')
    const { checkpoint } = storage
    if (checkpoint?.unreadable !== undefined) return unreadable(checkpoint)
    return E.right(
      checkpoint === undefined
        ? O.none
        : O.some({
            ...{ checkpoint: copied(checkpoint.checkpoint), etag: checkpoint.etag },
            ...(checkpoint.writtenAt === undefined ? {} : { writtenAt: checkpoint.writtenAt }),
            ...(checkpoint.isOriginals === undefined ? {} : { isOriginals: true }),
          }),
    )
  }

  return {
    read: () => () => request(world, process, 'checkpoint.read', read),
    readNamed: () => () =>
      request(world, process, 'checkpoint.readNamed', () =>
        E.map((checkpoint: O.Option<StoredCheckpoint>) => ({ checkpoint, name: nameOf(world, storage) }))(read()),
      ),
    write: (from, to) => async () => {
      process.checkpointing = true
      const answer = await request(
        world,
        process,
        `checkpoint.write ${describeCheckpoint(to)}`,
        () => {
          if (faults.strikes('tables: checkpoint fails')) return fails('checkpoint')
          const written = write(from, to)
          return faults.strikes('tables: checkpoint answer lost') ? fails('answer lost') : written
        },
        (answered) => (E.isLeft(answered) ? answered.left._tag : 'ok'),
      )
      process.checkpointing = false
      return answer
    },
  }
}

const unreadable = ({ checkpoint, etag, unreadable: what }: CheckpointRow): Answer<never> =>
  E.left({
    ...{ _tag: 'CheckpointUnreadable', reason: 'a column is not what it should be', etag },
    syncedSequence: what === 'all of it' ? undefined : checkpoint.syncedSequence,
    holes: what === 'all of it' ? [] : copied(checkpoint.holes),
  })

const rowId = (table: FailTable, subject: FailRowSubject): string => `${table} ${failRowName(subject)}`

const keyOf = ({ table, row, etag, judgedAt }: StandingFailRow): FailRowKey => ({
  ...{ table, sequence: row.sequence, code: row.error._tag, etag, judgedAt },
  ...(row.identity === undefined ? {} : { identity: row.identity }),
  ...(row.error._tag === 'Rejected' ? { rejected: row.error } : {}),
  ...(row.rejected === undefined ? {} : { rejected: row.rejected }),
  ...row.key,
})

const originalsIn = ({ originals }: Storage): ReadonlyArray<FailRowKey> =>
  [...originals].map(([row, { type, ...subject }]) => ({
    ...{ table: 'DicomFailToStoreExceptionTable', code: type, etag: row, original: { type, row } },
    ...subject,
  }))

/** As it stands; of a backfill, about the last word on its image. */
export const toldBy = ({ row, isRebuilt }: StandingFailRow): FailRow =>
  isRebuilt === true ? { ...row, sequence: 0 } : row

export const describeRow = (sequence: number, error: EntryError): string => `${sequence} ${error._tag}`

/** The error tables. Three tables: what is written to them is not written at once. */
export const errorTablesFor = (world: World, storage: Storage, lease: LeaseBlob, process: Process): ErrorTables => {
  const { faults } = world

  const ask = <A>(label: string, serve: () => Answer<A>): Promise<Answer<A>> =>
    request(world, process, `errors.${label}`, () => {
      if (faults.strikes('tables: errors fail')) return fails('errors')
      const answer = serve()
      return faults.strikes('tables: errors answer lost') ? fails('answer lost') : answer
    })

  return {
    failRows: () => () =>
      ask('failRows', () =>
        E.right([...[...storage.fails.values()].map((each) => keyOf(each)), ...originalsIn(storage)]),
      ),
    record: (rows) => async () => {
      const recorded: Array<RecordedRow> = []
      for (const table of failTables) {
        const own = rows.filter(({ error }) => failTableOf(error) === table)
        if (own.length === 0) continue
        const answer = await ask(
          `record ${own.map(({ sequence, error }) => describeRow(sequence, error)).join(', ')}`,
          () => {
            const keys = own.map((row): RecordedRow => {
              const etag = `e${++storage.writes}`
              const id = rowId(table, { ...row.key, sequence: row.sequence })
              const before = storage.fails.get(id)
              const standing = {
                ...{ table, row: copied(row), etag, judgedAt: world.scheduler.now() },
                ...{ writer: process, isRebuilt: process.backfills, isTooLate: lease.holder !== process },
              }
              storage.fails.set(id, standing)
              const { partition = '', studyInstanceUid: study = '', seriesInstanceUid: series = '' } = row.key
              storage.everRecorded.add(studyText({ partition, study }))
              storage.everRecorded.add(keyText({ partition, study, series, instance: row.key.sopInstanceUid ?? '' }))
              return { ...keyOf(standing), ...(before === undefined ? {} : { before }) }
            })
            return E.right(keys)
          },
        )
        if (E.isLeft(answer)) return answer
        recorded.push(...answer.right)
      }
      return E.right(recorded)
    },
    annotate: (annotations) => async () => {
      const recorded: Array<RecordedRow> = []
      for (const { row, rejected } of annotations) {
        const answer = await ask(`annotate ${row.sequence}`, () => {
          const id = rowId(row.table, row)
          const before = storage.fails.get(id)
          const isDone = isDeepStrictEqual(before?.row.rejected ?? null, copied(rejected ?? null))
          if (before === undefined || (before.etag !== row.etag && !isDone)) return E.right(undefined)
          const { rejected: _, ...told } = before.row
          const annotated = rejected === undefined ? told : { ...told, rejected: copied(rejected) }
          const standing = { ...before, row: annotated, etag: `e${++storage.writes}` }
          storage.fails.set(id, standing)
          return E.right({ ...keyOf(standing), before })
        })
        if (E.isLeft(answer)) return answer
        if (answer.right !== undefined) recorded.push(answer.right)
      }
      return E.right(recorded)
    },
    remove: (rows) => async () => {
      for (const row of rows) {
        const answer = await ask(`remove ${row.sequence}`, () => {
          const id = rowId(row.table, row)
          if (row.original !== undefined) storage.originals.delete(row.original.row)
          else if (storage.fails.get(id)?.etag === row.etag) storage.fails.delete(id)
          return E.right(undefined)
        })
        if (E.isLeft(answer)) return answer
      }
      return E.right(undefined)
    },
    takeBack: (rows) => async () => {
      for (const row of rows) {
        const answer = await ask(`take back ${row.sequence}`, () => {
          const id = rowId(row.table, row)
          if (storage.fails.get(id)?.etag !== row.etag) return E.right(undefined)
          if (row.before === undefined) storage.fails.delete(id)
          else storage.fails.set(id, { ...(row.before as StandingFailRow), etag: `e${++storage.writes}` })
          return E.right(undefined)
        })
        if (E.isLeft(answer)) return answer
      }
      return E.right(undefined)
    },
    recordTags: () => () => ask('recordTags', () => E.right(undefined)),
    // The model knows nothing of tags: there are no rows of them.
    tagRows: () => () => ask('tagRows', () => E.right([])),
    tagRowsAmong: () => () => ask('tagRowsAmong', () => E.right(O.some([]))),
    removeTags: () => () => ask('removeTags', () => E.right(undefined)),
    recordStuck:
      ({ reason }) =>
      () =>
        ask(`recordStuck ${reason}`, () => E.right(undefined)),
  }
}
