import type { TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import type { Conditions, FeedName, FeedNames, StoredName } from '../../app/ports-name'
import { type Columns, makeSingleRow } from './single-row'
import { type StorageAccount, type StorageFailure, unusable } from './storage-client'

// The checkpoint's table and partition, as the original named them: one query brings both rows.
export const syncStateTable = 'SyncStateTable'
export const partitionKey = 'SyncStatePartitionKey'
export const nameKey = 'SyncedFeed'

/** The name of the feed has a row of its own: an older version rewrites the checkpoint's, and would lose it. */
export const makeNameTable = (account: StorageAccount, tableNamePrefix = ''): FeedNames => {
  const table = account.table(`${tableNamePrefix}${syncStateTable}`)
  const { read, write } = makeSingleRow(table, { partitionKey, rowKey: nameKey }, decodeName)
  return {
    read,
    write: ({ feedId, root, formerRoots, takenOverAt, renaming, conditions }, etag) =>
      write(
        {
          ...{ Root: root, FormerRoots: JSON.stringify(formerRoots) },
          ...(feedId === undefined ? {} : { FeedId: feedId }),
          ...(takenOverAt === undefined ? {} : { TakenOverAt: new Date(takenOverAt) }),
          ...(renaming === undefined ? {} : { RenamingTo: renaming.to, RenamingToVersion: renaming.version }),
          ...(conditions === undefined ? {} : conditionColumns(conditions)),
        },
        etag,
      ),
  }
}

const conditionColumns = ({ fhirBase, refusesOld, triedAt }: Conditions) => ({
  ...{ FhirEndpoint: fhirBase, RefusesOldIfMatch: refusesOld, TriedAt: new Date(triedAt) },
})

// What was edited by hand, or by halves, is tried again.
const conditionsOf = ({ FhirEndpoint, RefusesOldIfMatch, TriedAt }: Columns): Pick<FeedName, 'conditions'> =>
  typeof FhirEndpoint === 'string' && typeof RefusesOldIfMatch === 'boolean' && TriedAt instanceof Date
    ? { conditions: { fhirBase: FhirEndpoint, refusesOld: RefusesOldIfMatch, triedAt: TriedAt.getTime() } }
    : {}

const Row = t.intersection([
  t.strict({ Root: t.string, FormerRoots: t.string }),
  t.partial({ FeedId: t.string, TakenOverAt: t.unknown, RenamingTo: t.string, RenamingToVersion: t.string }),
])
const Roots = t.readonlyArray(t.string)

const parsed = (text: string): E.Either<unknown, unknown> =>
  E.tryCatch(
    () => JSON.parse(text) as unknown,
    () => undefined,
  )

// To guess a name would make every study a stranger's.
export const decodeName = (row: TableEntityResult<Columns>): E.Either<StorageFailure, StoredName> =>
  pipe(
    E.Do,
    E.bind('columns', () => Row.decode(row)),
    E.bind('formerRoots', ({ columns }) => E.flatMap(Roots.decode)(parsed(columns.FormerRoots))),
    E.bimap(
      () =>
        unusable(
          'the row SyncedFeed in SyncStateTable does not say what the feed is called: correct its Root and FormerRoots',
        ),
      ({ columns: { Root, FeedId, TakenOverAt, RenamingTo, RenamingToVersion = '' }, formerRoots }) => ({
        ...{ root: Root, formerRoots, etag: row.etag },
        ...(FeedId === undefined ? {} : { feedId: FeedId }),
        ...(TakenOverAt instanceof Date ? { takenOverAt: TakenOverAt.getTime() } : {}),
        ...(RenamingTo === undefined ? {} : { renaming: { to: RenamingTo, version: RenamingToVersion } }),
        ...conditionsOf(row),
      }),
    ),
  )
