import type { TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import type { FeedNames, StoredName } from '../../app/ports-name'
import { type Columns, makeSingleRow } from './single-row'
import { type StorageAccount, type StorageFailure, unusable } from './storage-client'

/** The name of the feed has a table of its own: an older version rewrites the checkpoint's row, and would lose it. */
export const makeNameTable = (account: StorageAccount, tableNamePrefix = ''): FeedNames => {
  const { read, write } = makeSingleRow(account.table(`${tableNamePrefix}FeedTable`), 'Feed', decode)
  return {
    read,
    write: ({ feedId, root, formerRoots, renaming }, etag) =>
      write(
        {
          ...{ Root: root, FormerRoots: JSON.stringify(formerRoots) },
          ...(feedId === undefined ? {} : { FeedId: feedId }),
          ...(renaming === undefined ? {} : { RenamingTo: renaming.to, RenamingToVersion: renaming.version }),
        },
        etag,
      ),
  }
}

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
