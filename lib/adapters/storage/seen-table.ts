import type { TableEntityResult, TransactionAction } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { ServiceError } from '../../domain/cast-error'
import type {
  HintedGone,
  HintedGoneStore,
  Reconciliation,
  Reconciliations,
  SeenStudies,
  SeenStudy,
} from '../../app/ports-source'
import { listRows } from './list-rows'
import type { Columns } from './single-row'
import { type StorageAccount, type StorageCall, isAbsent, serviceError } from './storage-client'

// What is known of the studies of an archive without a change feed: one row a study, by its UID, and the row of the last
// comparison. No value of a patient stands in it, but a digest.

const seenKey = 'Seen'
const hintedKey = { partitionKey: 'Hinted', rowKey: 'Hinted' }
const walkKey = { partitionKey: 'Reconciliation', rowKey: 'Reconciliation' }

/** A row that makes no sense counts as a study that was never seen: it is read whole. */
const decode = ({ rowKey, State, Instances, ReadAt }: TableEntityResult<Columns>): ReadonlyArray<SeenStudy> =>
  typeof rowKey === 'string' && typeof Instances === 'number' && ReadAt instanceof Date
    ? [
        {
          ...{ studyInstanceUid: rowKey, state: typeof State === 'string' ? State : undefined },
          ...{ instances: Instances, readAt: ReadAt.getTime() },
        },
      ]
    : []

const encode = ({ studyInstanceUid, state, instances, readAt }: SeenStudy) => ({
  ...{ partitionKey: seenKey, rowKey: studyInstanceUid },
  ...{ State: state, Instances: instances, ReadAt: new Date(readAt) },
})

const tableOf = (account: StorageAccount, prefix: string) => account.table(`${prefix}StudiesTable`)

export const makeSeenTable = (account: StorageAccount, tableNamePrefix = ''): SeenStudies => {
  const table = tableOf(account, tableNamePrefix)
  const inTransactions = (actions: ReadonlyArray<TransactionAction>): StorageCall<unknown> =>
    pipe(
      actions,
      RA.chunksOf(100),
      TE.traverseSeqArray((chunk) =>
        table.callCreating((client, abortSignal) => client.submitTransaction([...chunk], { abortSignal })),
      ),
    )
  return {
    all: () =>
      pipe(listRows(table, { filter: `PartitionKey eq '${seenKey}'` }), TE.bimap(serviceError, RA.chain(decode))),
    write: (studies) => {
      // A transaction may name a row once.
      const rows = new Map(studies.map((study) => [study.studyInstanceUid, study]))
      return pipe(
        inTransactions([...rows.values()].map((study): TransactionAction => ['upsert', encode(study), 'Replace'])),
        TE.bimap(serviceError, () => undefined),
      )
    },
    // One by one: a row that is gone already would fail a transaction.
    remove: (uids) =>
      pipe(
        uids,
        TE.traverseSeqArray((uid) =>
          pipe(
            table.call((client, abortSignal) => client.deleteEntity(seenKey, uid, { abortSignal })),
            TE.map(() => undefined),
            TE.orElse((failure) => (isAbsent(failure) ? TE.right(undefined) : TE.left(failure))),
          ),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
  }
}

const numbers = ['Compared', 'Read', 'Differing', 'Gone', 'NotRead'] as const

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms))

const decodeWalk = (row: Columns): O.Option<Reconciliation> => {
  const { StartedAt, EndedAt, DoneAt, GoOnAt, TooManyGone, HasMoreGone } = row
  if (!(StartedAt instanceof Date) || numbers.some((name) => typeof row[name] !== 'number')) return O.none
  const [compared = 0, read = 0, differing = 0, gone = 0, notRead = 0] = numbers.map((name) => Number(row[name]))
  return O.some({
    ...{ startedAt: StartedAt.getTime(), compared, read, differing, gone, notRead },
    goOnAt: GoOnAt instanceof Date ? GoOnAt.getTime() : 0,
    ...(EndedAt instanceof Date ? { endedAt: EndedAt.getTime() } : {}),
    ...(DoneAt instanceof Date ? { doneAt: DoneAt.getTime() } : {}),
    ...(typeof TooManyGone === 'number' ? { tooManyGone: TooManyGone } : {}),
    ...(HasMoreGone === true ? { hasMoreGone: true } : {}),
  })
}

interface Stored<A> {
  readonly read: () => TE.TaskEither<ServiceError, O.Option<A>>
  readonly write: (columns: Columns) => TE.TaskEither<ServiceError, void>
}

/** A row that nobody else writes at the same time: only who holds the lease. */
const makeRow = <A>(
  account: StorageAccount,
  prefix: string,
  key: { readonly partitionKey: string; readonly rowKey: string },
  decode: (row: Columns) => O.Option<A>,
): Stored<A> => {
  const table = tableOf(account, prefix)
  return {
    read: () =>
      pipe(
        table.call((client, abortSignal) => client.getEntity<Columns>(key.partitionKey, key.rowKey, { abortSignal })),
        TE.map(decode),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
        TE.mapLeft(serviceError),
      ),
    write: (columns) =>
      pipe(
        table.callCreating((client, abortSignal) =>
          client.upsertEntity({ ...key, ...columns }, 'Replace', { abortSignal }),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
  }
}

export const makeReconciliationTable = (account: StorageAccount, tableNamePrefix = ''): Reconciliations => {
  const { read, write } = makeRow(account, tableNamePrefix, walkKey, decodeWalk)
  return {
    read,
    write: ({ startedAt, endedAt, doneAt, goOnAt, ...counts }) =>
      write({
        ...{
          StartedAt: new Date(startedAt),
          EndedAt: dateOf(endedAt),
          DoneAt: dateOf(doneAt),
          GoOnAt: new Date(goOnAt),
        },
        ...{ Compared: counts.compared, Read: counts.read, Differing: counts.differing, Gone: counts.gone },
        ...{ NotRead: counts.notRead, TooManyGone: counts.tooManyGone, HasMoreGone: counts.hasMoreGone },
      }),
  }
}

const decodeHinted = ({ Since, Gone, WaitingSince }: Columns): O.Option<HintedGone> =>
  Since instanceof Date && typeof Gone === 'number'
    ? O.some({
        ...{ since: Since.getTime(), gone: Gone },
        ...(WaitingSince instanceof Date ? { waitingSince: WaitingSince.getTime() } : {}),
      })
    : O.none

export const makeHintedGoneTable = (account: StorageAccount, tableNamePrefix = ''): HintedGoneStore => {
  const { read, write } = makeRow(account, tableNamePrefix, hintedKey, decodeHinted)
  return {
    read,
    write: ({ since, gone, waitingSince }) =>
      write({ Since: new Date(since), Gone: gone, WaitingSince: dateOf(waitingSince) }),
  }
}
