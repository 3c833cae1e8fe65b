import type { TableClient, TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import * as t from 'io-ts'
import type { FeedNames, StoredName } from '../../app/ports-name'
import type { ServiceError } from '../../domain/cast-error'
import {
  type StorageAccount,
  type StorageCall,
  type StorageFailure,
  isAbsent,
  serviceError,
  unusable,
} from './storage-client'

const key = { partitionKey: 'Feed', rowKey: 'Feed' }

/** The name of the feed has a table of its own: an older version rewrites the checkpoint's row, and would lose it. */
export const makeNameTable = (account: StorageAccount, tableNamePrefix = ''): FeedNames => {
  const table = account.table(`${tableNamePrefix}FeedTable`)
  return {
    read: () =>
      pipe(
        table.call((client, abortSignal) => client.getEntity<Columns>(key.partitionKey, key.rowKey, { abortSignal })),
        TE.flatMapEither(decode),
        TE.map(O.some),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
        TE.mapLeft(serviceError),
      ),
    write: ({ feedId, root, formerRoots, renaming }, etag) => {
      const entity = {
        ...{ ...key, Root: root, FormerRoots: JSON.stringify(formerRoots) },
        ...(feedId === undefined ? {} : { FeedId: feedId }),
        ...(renaming === undefined ? {} : { RenamingTo: renaming.to, RenamingToVersion: renaming.version }),
      }
      const write: StorageCall<unknown> =
        etag === undefined
          ? table.callCreating((client, abortSignal) => client.createEntity(entity, { abortSignal }))
          : table.call((client: TableClient, abortSignal) =>
              client.updateEntity(entity, 'Replace', { etag, abortSignal }),
            )
      return pipe(
        write,
        TE.bimap(moved, () => undefined),
      )
    },
  }
}

type Columns = Readonly<Record<string, unknown>>

const moved = (failure: StorageFailure): ServiceError =>
  failure.status === 409 || failure.status === 412 || failure.code === 'ResourceNotFound'
    ? { _tag: 'CheckpointMoved' }
    : serviceError(failure)

const Row = t.intersection([
  t.strict({ Root: t.string, FormerRoots: t.string }),
  t.partial({ FeedId: t.string, RenamingTo: t.string, RenamingToVersion: t.string }),
])
const Roots = t.readonlyArray(t.string)

const parsed = (text: string): E.Either<unknown, unknown> =>
  E.tryCatch(
    () => JSON.parse(text) as unknown,
    () => undefined,
  )

// To guess a name would make every study a stranger's.
const decode = (row: TableEntityResult<Columns>): E.Either<StorageFailure, StoredName> =>
  pipe(
    E.Do,
    E.bind('columns', () => Row.decode(row)),
    E.bind('formerRoots', ({ columns }) => E.flatMap(Roots.decode)(parsed(columns.FormerRoots))),
    E.bimap(
      () => unusable('the row in FeedTable does not say what the feed is called: correct its Root and FormerRoots'),
      ({ columns: { Root, FeedId, RenamingTo, RenamingToVersion = '' }, formerRoots }) => ({
        ...{ root: Root, formerRoots, etag: row.etag },
        ...(FeedId === undefined ? {} : { feedId: FeedId }),
        ...(RenamingTo === undefined ? {} : { renaming: { to: RenamingTo, version: RenamingToVersion } }),
      }),
    ),
  )
