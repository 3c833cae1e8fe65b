import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { TableEntity, TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import * as t from 'io-ts'
import type { CheckpointStore, StoredCheckpoint } from '../../app/ports'
import type { ServiceError } from '../../domain/cast-error'
import { type Checkpoint, type Hole, type KnownRow, knownRow } from '../../domain/checkpoint'
import { listRows } from './list-rows'
import { decodeName, nameKey, partitionKey, syncStateTable } from './name-table'
import type { Columns } from './single-row'
import { isAbsent, serviceError, unusable, type StorageAccount, type StorageFailure } from './storage-client'

// Key of the original, whose row has SyncedSequence alone: its account is taken over as it stands.
const rowKey = 'SyncStateRowKey'

/** The checkpoint in `SyncStateTable`. Every write carries the ETag it was read with. */
export const makeCheckpointTable = (account: StorageAccount, tableNamePrefix = ''): CheckpointStore => {
  const table = account.table(`${tableNamePrefix}${syncStateTable}`)
  // Tells our own write from that of another run, of this process or another, that read the same and writes the same: a
  // run repeats a write from the very checkpoint that it holds.
  const writers = new WeakMap<StoredCheckpoint, string>()
  const writerFrom = (from: StoredCheckpoint): string => {
    const writer = writers.get(from) ?? randomUUID()
    writers.set(from, writer)
    return writer
  }

  const readRow = pipe(
    table.call((client, abortSignal) => client.getEntity<Columns>(partitionKey, rowKey, { abortSignal })),
    TE.map(O.some),
    // Only this means a new start.
    TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
  )

  const readNamed = pipe(
    listRows(table, { filter: `PartitionKey eq '${partitionKey}'` }),
    TE.flatMapEither((rows) =>
      pipe(
        E.Do,
        E.bind('checkpoint', () => O.traverse(E.Applicative)(decode)(ofKey(rows, rowKey))),
        E.bind('name', () => O.traverse(E.Applicative)(decodeName)(ofKey(rows, nameKey))),
      ),
    ),
    TE.mapLeft(serviceError),
  )

  const readStored = pipe(readRow, TE.flatMapEither(O.traverse(E.Applicative)(decode)), TE.mapLeft(serviceError))

  // The SDK repeats a request whose answer was lost, and so does a run: our own write is then what refuses the repetition.
  const oursOrMoved = (writer: string, to: Checkpoint): TE.TaskEither<ServiceError, StoredCheckpoint> =>
    pipe(
      readRow,
      TE.map(O.filter((row) => row['Writer'] === writer)),
      TE.flatMapEither(O.traverse(E.Applicative)(decode)),
      TE.mapLeft(serviceError),
      TE.flatMapOption(
        O.filter((stored) => isDeepStrictEqual(encode(stored.checkpoint), encode(to))),
        (): ServiceError => ({ _tag: 'CheckpointMoved' }),
      ),
    )

  return {
    read: () => readStored,
    readNamed: () => readNamed,
    write: (from, to) => {
      const { etag } = from
      const writer = writerFrom(from)
      const row = { ...encode(to), Writer: writer }
      return pipe(
        etag === undefined
          ? table.callCreating((client, abortSignal) => client.createEntity(row, { abortSignal }))
          : table.call((client, abortSignal) => client.updateEntity(row, 'Replace', { etag, abortSignal })),
        TE.flatMap((answer) =>
          answer.etag === undefined
            ? TE.left(unusable('the storage account gave the checkpoint no version'))
            : TE.right<StorageFailure, StoredCheckpoint>({ checkpoint: to, etag: answer.etag }),
        ),
        TE.orElse((failure) => (isRefused(failure) ? oursOrMoved(writer, to) : TE.left(failure.error))),
      )
    },
  }
}

const ofKey = (rows: ReadonlyArray<Row>, key: string): O.Option<Row> =>
  O.fromNullable(rows.find((row) => row.rowKey === key))

// 412: another version. 404: the row is gone. 409: somebody else inserted it first.
const isRefused = ({ status, code }: StorageFailure): boolean =>
  status === 412 || status === 404 || (status === 409 && code !== 'TableBeingDeleted')

const Sequence = t.refinement(t.number, (value) => Number.isSafeInteger(value) && value >= 0)
const Time = t.refinement(Sequence, (value) => value <= 8.64e15)
/** Numbers from and to, and when they were seen, or how often they were tried. */
const Holes = t.readonlyArray(t.refinement(t.tuple([Sequence, Sequence, Time]), ([from, to]) => from <= to))
const Walk = t.tuple([Sequence, Time])
const RowBefore = t.tuple([Sequence, t.union([t.string, t.null]), t.union([t.string, t.null])])
const Heads = t.readonlyArray(Walk)
const Strings = t.readonlyArray(t.string)
const LogRows = t.readonlyArray(t.tuple([Sequence, t.string, t.string]))

/** Whose clock told when holes were seen. A row without it is of the version before, and a host's clock told it. */
const serviceClock = 'service'
const notKnownYet = 0

const jsonOf = <A>(value: A | undefined, columns: (value: A) => unknown): string | undefined =>
  value === undefined ? undefined : JSON.stringify(columns(value))

const encode = (checkpoint: Checkpoint): TableEntity => ({
  partitionKey,
  rowKey,
  SyncedSequence: BigInt(checkpoint.syncedSequence),
  SyncedTimestamp: checkpoint.timestamp,
  SyncedInstanceUid: checkpoint.sopInstanceUid,
  // Tuples: 500 holes are 25,000 characters at the most, of the 32 Ki that a property may have.
  Holes: JSON.stringify(checkpoint.holes.map(({ from, to, seenAt }) => [from, to, seenAt ?? notKnownYet])),
  HoleClock: serviceClock,
  RowBefore: jsonOf(checkpoint.before, (row) => [row.sequence, row.timestamp ?? null, row.sopInstanceUid ?? null]),
  // Short lists, all three: lib/domain/heads.ts, lib/domain/hangs.ts, lib/app/source/read-log.ts.
  Heads: jsonOf(checkpoint.heads, (heads) => heads.map(({ sequence, seenAt }) => [sequence, seenAt])),
  Hangs: jsonOf(checkpoint.hangs, (hangs) => hangs.map(({ from, to, tries }) => [from, to, tries])),
  Walked: jsonOf(checkpoint.walked, ({ to, seenAt }) => [to, seenAt]),
  LogRows: jsonOf(checkpoint.logRows, (rows) => rows.map(({ sequence, id, date }) => [sequence, id, date])),
  StuckSince: checkpoint.stuckSince === undefined ? undefined : new Date(checkpoint.stuckSince),
  BatchLimit: checkpoint.batchLimit,
  RejectedStudies: JSON.stringify(checkpoint.rejectedStudies),
})

type Row = TableEntityResult<Columns>

// A column that is there and cannot be read ends the run. To guess, or to start from zero, would cost data.
const decode = (row: Row): E.Either<StorageFailure, StoredCheckpoint> =>
  pipe(
    decodeColumns(row),
    E.mapLeft((name): StorageFailure => ({
      status: undefined,
      code: undefined,
      error: {
        _tag: 'CheckpointUnreadable',
        reason: `the checkpoint row in SyncStateTable cannot be read: ${name} is missing or not what it should be`,
        etag: row.etag,
        // Without its holes nobody knows what was still awaited before it.
        syncedSequence: E.isRight(optional(row, 'Holes', readJson(Holes)))
          ? readSequence(row['SyncedSequence'])
          : undefined,
        holes: holesOf(row, readJson(Holes)(row['Holes'])),
      },
    })),
  )

/** Left: the name of the first column that cannot be read. */
const decodeColumns = (row: Row): E.Either<string, StoredCheckpoint> =>
  pipe(
    E.Do,
    E.bind('syncedSequence', () => column(row, 'SyncedSequence', readSequence)),
    E.bind('timestamp', () => optional(row, 'SyncedTimestamp', readString)),
    E.bind('sopInstanceUid', () => optional(row, 'SyncedInstanceUid', readString)),
    E.bind('holes', () => optional(row, 'Holes', readJson(Holes))),
    E.bind('before', () => optional(row, 'RowBefore', readJson(RowBefore))),
    E.bind('heads', () => optional(row, 'Heads', readJson(Heads))),
    E.bind('hangs', () => optional(row, 'Hangs', readJson(Holes))),
    E.bind('walked', () => optional(row, 'Walked', readJson(Walk))),
    E.bind('logRows', () => optional(row, 'LogRows', readJson(LogRows))),
    E.bind('stuckSince', () => optional(row, 'StuckSince', readTime)),
    E.bind('batchLimit', () => optional(row, 'BatchLimit', readCount)),
    E.bind('rejectedStudies', () => optional(row, 'RejectedStudies', readJson(Strings))),
    E.map(({ syncedSequence, holes, before, heads, hangs, walked, logRows, rejectedStudies, ...rest }) => ({
      checkpoint: {
        syncedSequence,
        holes: holesOf(row, holes),
        rejectedStudies: rejectedStudies ?? [],
        ...definedOf({
          ...rest,
          before: before === undefined ? undefined : rowBeforeOf(before),
          heads: heads?.map(([sequence, seenAt]) => ({ sequence, seenAt })),
          hangs: hangs?.map(([from, to, tries]) => ({ from, to, tries })),
          logRows: logRows?.map(([sequence, id, date]) => ({ sequence, id, date })),
          walked: walked === undefined ? undefined : { to: walked[0], seenAt: walked[1] },
        }),
      },
      etag: row.etag,
      ...definedOf({ writtenAt: writtenAtOf(row) }),
      // We always write both.
      ...(row['Holes'] === undefined && row['HoleClock'] === undefined ? { isOriginals: true as const } : {}),
    })),
  )

const writtenAtOf = ({ timestamp }: Row): number | undefined => {
  const writtenAt = Date.parse(timestamp ?? '')
  return Number.isNaN(writtenAt) ? undefined : writtenAt
}

type Defined<A> = { [Key in keyof A]?: Exclude<A[Key], undefined> }

const definedOf = <A extends object>(value: A): Defined<A> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<A>

const holesOf = (row: Columns, holes: t.TypeOf<typeof Holes> = []): ReadonlyArray<Hole> => {
  const isKnown = row['HoleClock'] === serviceClock
  return holes.map(([from, to, seenAt]) => ({ from, to, ...(isKnown && seenAt !== notKnownYet ? { seenAt } : {}) }))
}

const rowBeforeOf = ([sequence, timestamp, sopInstanceUid]: t.TypeOf<typeof RowBefore>): KnownRow =>
  knownRow(sequence, timestamp ?? undefined, sopInstanceUid ?? undefined)

type Read<A> = (value: unknown) => A | undefined

const column = <A>(row: Columns, name: string, read: Read<A>): E.Either<string, A> =>
  pipe(read(row[name]), E.fromNullable(name))

const optional = <A>(row: Columns, name: string, read: Read<A>): E.Either<string, A | undefined> =>
  row[name] === undefined || row[name] === null ? E.right(undefined) : column(row, name, read)

// Int64 comes as a bigint; an operator's tool may have written Int32.
const readSequence: Read<number> = (value) => {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

/** As DicomCast__BatchSize. */
const mostEntries = 100_000

// A batch of none would stand still and say nothing.
const readCount: Read<number> = (value) => {
  const number = readSequence(value)
  return number === 0 || (number ?? 0) > mostEntries ? undefined : number
}

const readString: Read<string> = (value) => (typeof value === 'string' ? value : undefined)

const readTime: Read<number> = (value) =>
  value instanceof Date && Number.isFinite(value.getTime()) ? value.getTime() : undefined

const readJson =
  <A>(codec: t.Type<A, unknown>): Read<A> =>
  (value) =>
    pipe(
      E.tryCatch(
        () => JSON.parse(String(value)) as unknown,
        () => undefined,
      ),
      E.flatMap(codec.decode),
      E.match(
        () => undefined,
        (read) => read,
      ),
    )
