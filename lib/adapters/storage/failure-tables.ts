import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { type CodeCount, type ErrorTable, type Failures, errorTables, identityCodes } from '../../app/ports-operator'
import { failRowName, isOriginalRowName } from '../../domain/fail-row'
import { type Columns, invalidTags, transientRetry } from './error-columns'
import { firstPage, listed, notOurs, originalRow, queryOf } from './failure-pages'
import { codeOf, rejectionCodeOf, rowOf } from './failure-rows'
import { listRows } from './list-rows'
import { originalColumns, originalEntryOf } from './original-rows'
import {
  type Access,
  type StorageAccount,
  type StorageCall,
  isAbsent,
  serviceError,
  serviceErrorOfAsked,
} from './storage-client'
import { inParallel, removeByEtag } from './write-rows'

/** The error tables as an operator reads them; who writes them is in error-tables.ts. */
export const makeFailureTables = (account: StorageAccount, tableNamePrefix = ''): Failures => {
  const tables = new Map(errorTables.map((name) => [name, account.table(`${tableNamePrefix}${name}`)] as const))
  const tableOf = (name: ErrorTable): Access<TableClient> =>
    tables.get(name) ?? account.table(`${tableNamePrefix}${name}`)

  return {
    list: (table, filter, limit, from) =>
      pipe(
        listed(tableOf(table), table, filter, limit, from),
        TE.bimap(serviceErrorOfAsked, ({ rows, next }) => ({ rows, ...(next === undefined ? {} : { next }) })),
      ),
    get: (table, row) => {
      if (isOriginalRowName(row)) return TE.mapLeft(serviceError)(originalRow(tableOf(table), table, row))
      return pipe(
        tableOf(table).call((client, abortSignal) => client.getEntity<Columns>(table, row, { abortSignal })),
        TE.map(rowOf(table)),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
        TE.mapLeft(serviceErrorOfAsked),
      )
    },
    count: (table) =>
      pipe(
        TE.Do,
        TE.bind('all', () => counted(tableOf(table), `(${failuresOf(table)}) or ${notOurs(table)}`)),
        TE.bind('identity', ({ all }) =>
          all.more ? counted(tableOf(table), queryOfIdentity(table)) : TE.right(identityOf(all)),
        ),
        TE.bind('withdrawn', () =>
          table === rejectedIn
            ? counted(tableOf(table), queryOf(table, { code: 'Rejected' }), rejectionCodeOf)
            : TE.right({ rows: 0, more: false, codes: {} }),
        ),
        TE.map(({ all, identity, withdrawn }) => ({
          ...{ ...all, identity, withdrawn, codes: { ...all.codes, ...identity.codes } },
        })),
        TE.mapLeft(serviceError),
      ),
    forgetStuck: () =>
      pipe(
        firstPage(tableOf(transientRetry), queryOf(transientRetry, {}), 100, undefined, ['RowKey']),
        TE.flatMap(({ rows }) => pipe(rows, TE.traverseArray(forget(tableOf(transientRetry))))),
        TE.bimap(serviceError, () => undefined),
      ),
    originals: (remove) =>
      pipe(
        [invalidTags, transientRetry] as const,
        TE.traverseSeqArray((name) => originalRows(tableOf(name), name, remove)),
        TE.bimap(serviceError, (counts) => counts.reduce((total, each) => total + each, 0)),
      ),
    setAttempts: (row, attempts) =>
      pipe(
        tableOf(row.table).call((client, abortSignal) =>
          client.updateEntity({ partitionKey: row.table, rowKey: failRowName(row), Count: attempts }, 'Merge', {
            etag: row.etag,
            abortSignal,
          }),
        ),
        TE.map(() => undefined),
        TE.orElse((failure) => (failure.status === 412 || isAbsent(failure) ? TE.right(undefined) : TE.left(failure))),
        TE.mapLeft(serviceError),
      ),
  }
}

// Withdrawn by the archive: no failure.
const rejectedIn: ErrorTable = 'DicomFailToStoreExceptionTable'
const failuresOf = (table: ErrorTable): string =>
  table === rejectedIn ? `${queryOf(table, {})} and Code ne 'Rejected'` : queryOf(table, {})

const queryOfIdentity = (table: ErrorTable): string =>
  `${odata`PartitionKey eq ${table}`} and (${identityCodes.map((code) => odata`Code eq ${code}`).join(' or ')})`

/** Of a table that was counted to its end. */
const identityOf = ({ codes, more }: CodeCount): CodeCount => {
  const known = Object.entries(codes).filter(([code]) => identityCodes.some((each) => each === code))
  return { rows: known.reduce((sum, [, count]) => sum + count, 0), more, codes: Object.fromEntries(known) }
}

const countedPages = 5
const countedColumns = ['PartitionKey', 'RowKey', 'Code', 'Hop', 'RejectionCode']

const isCounted = (row: TableEntityResult<Columns>): boolean =>
  (errorTables as ReadonlyArray<unknown>).includes(row.partitionKey) || originalEntryOf(row) !== undefined

const counted =
  (table: Access<TableClient>, filter: string, codeIn = codeOf): StorageCall<CodeCount> =>
  async () => {
    const rows: Array<Columns> = []
    let next: string | undefined
    for (let pages = 0; pages < countedPages; pages++) {
      const page = await firstPage(table, filter, 1_000, next, countedColumns)()
      if (E.isLeft(page)) return page
      rows.push(...page.right.rows.filter(isCounted))
      next = page.right.next
      if (next === undefined) break
    }
    return E.right({ rows: rows.length, more: next !== undefined, codes: countByCode(rows, codeIn) })
  }

const originalRows = (table: Access<TableClient>, name: ErrorTable, remove: boolean): StorageCall<number> =>
  pipe(
    listRows(table, { filter: notOurs(name), select: originalColumns }),
    TE.map(RA.filter((row) => originalEntryOf(row) !== undefined)),
    TE.flatMap((rows) =>
      pipe(
        remove ? rows : [],
        inParallel((row) => removeByEtag(table, String(row.partitionKey), String(row.rowKey), row.etag)),
        TE.map(() => rows.length),
      ),
    ),
  )

/** By its ETag: a run that stands still now has written it anew. */
const forget =
  (table: Access<TableClient>) =>
  ({ rowKey, etag }: TableEntityResult<Columns>): StorageCall<unknown> =>
    pipe(
      table.call((client, abortSignal) => client.deleteEntity(transientRetry, String(rowKey), { etag, abortSignal })),
      TE.orElse((failure) =>
        failure.status === 412 || isAbsent(failure) ? TE.right<typeof failure, unknown>(undefined) : TE.left(failure),
      ),
    )

const countByCode = (
  rows: ReadonlyArray<Columns>,
  codeIn: (row: Columns) => string,
): Readonly<Record<string, number>> => {
  // A code of storage is any text: `constructor` must count from nothing, too.
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(codeIn(row), (counts.get(codeIn(row)) ?? 0) + 1)
  return Object.fromEntries(counts)
}
