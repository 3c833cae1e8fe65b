import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import {
  type CodeCount,
  type ErrorTable,
  type FailureFilter,
  type FailureRow,
  type Failures,
  errorTables,
  identityCodes,
} from '../../app/ports-operator'
import { failRowName } from '../../domain/fail-row'
import { type Columns, transientRetry } from './error-columns'
import { type Access, type StorageAccount, type StorageCall, isAbsent, serviceError } from './storage-client'

/** The error tables as an operator reads them; who writes them is in error-tables.ts. */
export const makeFailureTables = (account: StorageAccount, tableNamePrefix = ''): Failures => {
  const tables = new Map(errorTables.map((name) => [name, account.table(`${tableNamePrefix}${name}`)] as const))
  const tableOf = (name: ErrorTable): Access<TableClient> =>
    tables.get(name) ?? account.table(`${tableNamePrefix}${name}`)

  return {
    list: (table, filter, limit, from) =>
      pipe(
        firstPage(tableOf(table), queryOf(table, filter), limit, from),
        TE.bimap(serviceError, ({ rows, next }) => ({
          rows: RA.filterMap(rowOf(table))(rows),
          ...(next === undefined ? {} : { next }),
        })),
      ),
    get: (table, row) =>
      pipe(
        tableOf(table).call((client, abortSignal) => client.getEntity<Columns>(table, row, { abortSignal })),
        TE.map(rowOf(table)),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
        TE.mapLeft(serviceError),
        (read) => (canBeKey(row) ? read : TE.right(O.none)),
      ),
    count: (table) =>
      pipe(
        counted(tableOf(table), queryOf(table, {})),
        TE.flatMap((all) =>
          pipe(
            all.more ? counted(tableOf(table), queryOfIdentity(table)) : TE.right(identityOf(all)),
            TE.map((identity) => ({ ...all, identity, codes: { ...all.codes, ...identity.codes } })),
          ),
        ),
        TE.mapLeft(serviceError),
      ),
    forgetStuck: () =>
      pipe(
        firstPage(tableOf(transientRetry), queryOf(transientRetry, {}), 100, undefined, ['RowKey']),
        TE.flatMap(({ rows }) => pipe(rows, TE.traverseArray(forget(tableOf(transientRetry))))),
        TE.bimap(serviceError, () => undefined),
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

/** No row has such a key, and the service takes the question for a fault of its own. */
const canBeKey = (row: string): boolean => !/[/\\#?\p{Cc}]/u.test(row)

// Rows that are ours: the original's have other partition keys, and nothing can be done with them here.
const queryOf = (table: ErrorTable, { study, code, since }: FailureFilter): string =>
  [
    odata`PartitionKey eq ${table}`,
    ...(study === undefined ? [] : [odata`StudyUid eq ${study}`]),
    ...(code === undefined || (code === 'Retrying' && table === transientRetry) ? [] : [odata`Code eq ${code}`]),
    ...(since === undefined ? [] : [odata`Timestamp ge ${new Date(since)}`]),
  ].join(' and ')

const queryOfIdentity = (table: ErrorTable): string =>
  `${odata`PartitionKey eq ${table}`} and (${identityCodes.map((code) => odata`Code eq ${code}`).join(' or ')})`

/** Of a table that was counted to its end. */
const identityOf = ({ codes, more }: CodeCount): CodeCount => {
  const known = Object.entries(codes).filter(([code]) => identityCodes.some((each) => each === code))
  return { rows: known.reduce((sum, [, count]) => sum + count, 0), more, codes: Object.fromEntries(known) }
}

const countedPages = 5

const counted =
  (table: Access<TableClient>, filter: string): StorageCall<CodeCount> =>
  async () => {
    const rows: Array<Columns> = []
    let next: string | undefined
    for (let pages = 0; pages < countedPages; pages++) {
      const page = await firstPage(table, filter, 1_000, next, ['RowKey', 'Code', 'Hop'])()
      if (E.isLeft(page)) return page
      rows.push(...page.right.rows)
      next = page.right.next
      if (next === undefined) break
    }
    return E.right({ rows: rows.length, more: next !== undefined, codes: countByCode(rows) })
  }

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

interface Page {
  readonly rows: ReadonlyArray<TableEntityResult<Columns>>
  readonly next: string | undefined
}

/** The service may answer with an empty page and go on from there: asked on until there is something, or the end. */
const firstPage = (
  table: Access<TableClient>,
  filter: string,
  limit: number,
  from: string | undefined,
  select?: string[],
): StorageCall<Page> => {
  const page = (continuationToken: string | undefined): StorageCall<Page> =>
    table.call(async (client, abortSignal) => {
      const queryOptions = { filter, ...(select === undefined ? {} : { select }) }
      const settings = { maxPageSize: limit, ...(continuationToken === undefined ? {} : { continuationToken }) }
      const read = await client.listEntities<Columns>({ queryOptions, abortSignal }).byPage(settings).next()
      if (read.done === true) return { rows: [], next: undefined }
      const token = read.value.continuationToken
      return { rows: read.value, next: token === undefined || token === '' ? undefined : token }
    })
  return async () => {
    for (let token = from; ;) {
      const read = await page(token)()
      if (E.isLeft(read)) return isAbsent(read.left) ? E.right({ rows: [], next: undefined }) : read
      if (read.right.rows.length > 0 || read.right.next === undefined) return read
      token = read.right.next
    }
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : undefined
const hopOf = (value: unknown): FailureRow['hop'] =>
  value === 'dicom' || value === 'fhir' || value === 'storage' ? value : undefined

/** A stuck position has no code of its own. */
const codeOf = (row: Columns): string =>
  textOf(row['Code']) ?? (hopOf(row['Hop']) === undefined ? 'Unknown' : 'Retrying')

const countByCode = (rows: ReadonlyArray<Columns>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const row of rows) counts[codeOf(row)] = (counts[codeOf(row)] ?? 0) + 1
  return counts
}

/** Only what is there, so that an answer has no empty members. */
const present = <A extends object>(members: A): { [K in keyof A]?: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof A]?: Exclude<A[K], undefined>
  }

const rowOf =
  (table: ErrorTable) =>
  (row: TableEntityResult<Columns>): O.Option<FailureRow> => {
    const rowKey = textOf(row['rowKey'])
    if (rowKey === undefined) return O.none
    const hop = hopOf(row['Hop'])
    return O.some({
      table,
      row: rowKey,
      sequence: numberOf(row['ChangeFeedSequence']) ?? 0,
      code: codeOf(row),
      count: numberOf(row['Count']) ?? numberOf(row['RetryNumber']) ?? 1,
      reason: textOf(row['Exception']) ?? '',
      writtenAt: row.timestamp ?? '',
      ...present({
        partition: textOf(row['PartitionName']),
        studyInstanceUid: textOf(row['StudyUid']),
        seriesInstanceUid: textOf(row['SeriesUid']),
        sopInstanceUid: textOf(row['InstanceUid']),
        hop,
        status: numberOf(row['Status']),
        firstSeen: row['FirstSeen'] instanceof Date ? row['FirstSeen'].toISOString() : undefined,
      }),
    })
  }
