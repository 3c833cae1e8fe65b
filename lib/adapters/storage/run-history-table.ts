import { odata, type TableClient, type TableEntity, type TransactionAction } from '@azure/data-tables'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import * as t from 'io-ts'
import type { Heartbeat, RunHistory, RunKind, RunRecord } from '../../app/ports-operator'
import { type Access, type StorageAccount, type StorageCall, isAbsent, serviceError } from './storage-client'

const partitionKey = 'RunHistory'
const keptRuns = 500
/** Trimming reads keys, so it is done now and then; the first run of a process trims, since processes may be short. */
const trimEvery = 32

/** The last runs that did something, and the heartbeat of all, in `RunHistoryTable`. */
export const makeRunHistoryTable = (account: StorageAccount, tableNamePrefix = '', keep = keptRuns): RunHistory => {
  const table = account.table(`${tableNamePrefix}RunHistoryTable`)
  let added = 0
  const trim: StorageCall<unknown> = pipe(
    pageOf(table, 1_000, ['RowKey']),
    TE.flatMap((rows) =>
      remove(
        table,
        rows.slice(keep).map(({ rowKey }) => String(rowKey)),
      ),
    ),
  )
  return {
    add: (run) =>
      pipe(
        table.callCreating((client, abortSignal) => client.upsertEntity(encode(run), 'Replace', { abortSignal })),
        TE.flatMap(() => (added++ % trimEvery === 0 ? trim : TE.right(undefined))),
        TE.bimap(serviceError, () => undefined),
      ),
    list: (limit) => pipe(pageOf(table, limit), TE.bimap(serviceError, RA.filterMap(decode))),
    beat: (heartbeat) =>
      pipe(
        table.callCreating((client, abortSignal) =>
          client.upsertEntity({ ...heartbeatKey, ...encodeBeat(heartbeat) }, 'Merge', { abortSignal }),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
    lastBeat: () =>
      pipe(
        table.call((client, abortSignal) =>
          client.getEntity<Columns>(heartbeatKey.partitionKey, heartbeatKey.rowKey, { abortSignal }),
        ),
        TE.map(decodeBeat),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right<typeof failure, Heartbeat>({}) : TE.left(failure))),
        TE.mapLeft(serviceError),
      ),
  }
}

// Apart from the runs: it is one row, and must not be forgotten with them.
const heartbeatKey = { partitionKey: 'Heartbeat', rowKey: 'Heartbeat' }

const encodeBeat = ({ timerAt, schedule, succeededAt }: Heartbeat) => ({
  ...(timerAt === undefined ? {} : { TimerAt: new Date(timerAt) }),
  ...(schedule === undefined ? {} : { Schedule: schedule.slice(0, 1_000) }),
  ...(succeededAt === undefined ? {} : { SucceededAt: new Date(succeededAt) }),
})

const decodeBeat = ({ TimerAt, Schedule, SucceededAt }: Columns): Heartbeat => ({
  ...(TimerAt instanceof Date ? { timerAt: TimerAt.getTime() } : {}),
  ...(typeof Schedule === 'string' ? { schedule: Schedule } : {}),
  ...(SucceededAt instanceof Date ? { succeededAt: SucceededAt.getTime() } : {}),
})

type Columns = Readonly<Record<string, unknown>>

const pageOf = (table: Access<TableClient>, limit: number, select?: string[]): StorageCall<ReadonlyArray<Columns>> =>
  pipe(
    table.call(async (client, abortSignal) => {
      const queryOptions = {
        filter: odata`PartitionKey eq ${partitionKey}`,
        ...(select === undefined ? {} : { select }),
      }
      const pages = client.listEntities<Columns>({ queryOptions, abortSignal }).byPage({ maxPageSize: limit })
      const first = await pages.next()
      return first.done === true ? [] : first.value
    }),
    TE.orElse((failure) =>
      isAbsent(failure) ? TE.right<typeof failure, ReadonlyArray<Columns>>([]) : TE.left(failure),
    ),
  )

const remove = (table: Access<TableClient>, rowKeys: ReadonlyArray<string>): StorageCall<unknown> =>
  pipe(
    rowKeys,
    RA.chunksOf(100),
    TE.traverseSeqArray((chunk) =>
      pipe(
        table.call((client, abortSignal) =>
          client.submitTransaction(
            chunk.map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }]),
            { abortSignal },
          ),
        ),
        // Another process trims, too: what it has removed is removed.
        TE.orElse((failure) => (isAbsent(failure) ? TE.right<typeof failure, unknown>(undefined) : TE.left(failure))),
      ),
    ),
  )

// A table is sorted by its keys: the time counts down, so that the newest run comes first.
const rowKeyOf = ({ startedAt, runId }: RunRecord): string =>
  `${String(9_999_999_999_999 - Math.floor(startedAt)).padStart(13, '0')}-${runId}`

const encode = (run: RunRecord): TableEntity => ({
  partitionKey,
  rowKey: rowKeyOf(run),
  RunId: run.runId,
  StartedAt: new Date(run.startedAt),
  Kind: run.kind,
  By: run.by,
  Ended: run.ended,
  FromSequence: BigInt(run.from),
  ToSequence: BigInt(run.to),
  Head: BigInt(run.head),
  LagSeconds: run.lagS === undefined ? undefined : Math.round(run.lagS),
  Entries: run.entries,
  Stored: run.stored,
  Recorded: run.recorded,
  DurationMs: Math.round(run.durationMs),
  // A server that refuses every study is told with the studies.
  Reason: run.reason?.slice(0, 10_000),
  Version: run.version,
})

const Instant = new t.Type<Date, Date, unknown>(
  'Date',
  (value): value is Date => value instanceof Date,
  (value, context) => (value instanceof Date ? t.success(value) : t.failure(value, context)),
  t.identity,
)

// A record, so that the compiler misses the one that is forgotten: its runs would be in no list.
const kinds: Readonly<Record<RunKind, null>> = {
  ...{ timer: null, wake: null, cast: null, 'catch-up': null, replay: null, accept: null, resync: null },
  ...{ verify: null, reconcile: null, backfill: null },
  ...{ checkpoint: null, pause: null, resume: null, rename: null, 'take-over': null },
}

const Row = t.intersection([
  t.type({
    RunId: t.string,
    StartedAt: Instant,
    Kind: t.keyof(kinds),
    By: t.string,
    Ended: t.string,
    FromSequence: t.bigint,
    ToSequence: t.bigint,
    Head: t.bigint,
    Entries: t.number,
    Stored: t.number,
    Recorded: t.number,
    DurationMs: t.number,
  }),
  t.partial({
    LagSeconds: t.union([t.number, t.null]),
    Reason: t.union([t.string, t.null]),
    Version: t.union([t.string, t.null]),
  }),
])

/** None for a row that somebody else wrote: a history with a hole is better than no status. */
const decode = (row: Columns): O.Option<RunRecord> =>
  pipe(
    O.fromEither(Row.decode(row)),
    O.map(({ LagSeconds, Reason, Version, ...run }) => ({
      runId: run.RunId,
      startedAt: run.StartedAt.getTime(),
      kind: run.Kind,
      by: run.By,
      ended: run.Ended,
      from: Number(run.FromSequence),
      to: Number(run.ToSequence),
      head: Number(run.Head),
      ...(LagSeconds === undefined || LagSeconds === null ? {} : { lagS: LagSeconds }),
      entries: run.Entries,
      stored: run.Stored,
      recorded: run.Recorded,
      durationMs: run.DurationMs,
      ...(Reason === undefined || Reason === null ? {} : { reason: Reason }),
      ...(Version === undefined || Version === null ? {} : { version: Version }),
    })),
  )
