import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { ErrorTable, FailureFilter, FailureRow } from '../../app/ports-operator'
import { type Columns, transientRetry } from './error-columns'
import { asOriginals, rowOf } from './failure-rows'
import { originalColumns } from './original-rows'
import { type Access, type StorageCall, isAbsent } from './storage-client'

// The pages in which rows are read: ours, and after them the original's.

export const notOurs = (table: ErrorTable): string => odata`PartitionKey ne ${table}`

const conditionsOf = ({ study, since }: FailureFilter): ReadonlyArray<string> => [
  ...(study === undefined ? [] : [odata`StudyUid eq ${study}`]),
  ...(since === undefined ? [] : [odata`Timestamp ge ${new Date(since)}`]),
]

// Rows that are ours: the original's have other partition keys.
export const queryOf = (table: ErrorTable, filter: FailureFilter): string => {
  const { code } = filter
  return [
    odata`PartitionKey eq ${table}`,
    ...(code === undefined || (code === 'Retrying' && table === transientRetry) ? [] : [odata`Code eq ${code}`]),
    ...conditionsOf(filter),
  ].join(' and ')
}

interface Page {
  readonly rows: ReadonlyArray<TableEntityResult<Columns>>
  readonly next: string | undefined
}

/** The SDK takes any JSON for a continuation, and would begin anew with what it does not know. */
const continuation = (token: string): { readonly continuationToken: string } => {
  const { nextPartitionKey } = JSON.parse(Buffer.from(token, 'base64').toString()) as Columns
  if (typeof nextPartitionKey !== 'string') throw new TypeError('no continuation')
  return { continuationToken: token }
}

/** The service may answer with an empty page and go on from there: asked on until there is something, or the end. */
export const firstPage = (
  table: Access<TableClient>,
  filter: string,
  limit: number,
  from: string | undefined,
  select?: string[],
): StorageCall<Page> => {
  const page = (continuationToken: string | undefined): StorageCall<Page> =>
    table.call(async (client, abortSignal) => {
      const queryOptions = { filter, ...(select === undefined ? {} : { select }) }
      const settings = {
        maxPageSize: limit,
        ...(continuationToken === undefined ? {} : continuation(continuationToken)),
      }
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

export const originalRow = (
  table: Access<TableClient>,
  name: ErrorTable,
  row: string,
): StorageCall<O.Option<FailureRow>> =>
  pipe(
    firstPage(table, `${notOurs(name)} and ${odata`RowKey eq ${row}`}`, 1, undefined, originalColumns),
    TE.map(({ rows: [found] }) => (found === undefined ? O.none : asOriginals(name)(found))),
  )

interface Listed {
  readonly rows: ReadonlyArray<FailureRow>
  readonly next: string | undefined
}

// Of a place among the original's rows, which come after ours.
const amongOriginals = '_'

export const listed = (
  table: Access<TableClient>,
  name: ErrorTable,
  filter: FailureFilter,
  limit: number,
  from: string | undefined,
): StorageCall<Listed> => {
  const originals = (most: number, at: string | undefined): StorageCall<Listed> =>
    filter.code !== undefined
      ? TE.right({ rows: [], next: undefined })
      : pipe(
          firstPage(table, [notOurs(name), ...conditionsOf(filter)].join(' and '), most, at, originalColumns),
          TE.map(({ rows, next }) => ({
            rows: RA.filterMap(asOriginals(name))(rows),
            next: next === undefined ? undefined : `${amongOriginals}${next}`,
          })),
        )
  if (from?.startsWith(amongOriginals) === true) {
    return originals(limit, from.slice(amongOriginals.length) || undefined)
  }
  return pipe(
    firstPage(table, queryOf(name, filter), limit, from),
    TE.flatMap(({ rows: found, next }) => {
      const rows = RA.filterMap(rowOf(name))(found)
      if (next !== undefined) return TE.right({ rows, next })
      const left = limit - found.length
      return pipe(
        originals(Math.max(1, left), undefined),
        TE.map((more) => {
          if (left > 0) return { rows: [...rows, ...more.rows], next: more.next }
          return { rows, next: more.rows.length === 0 ? undefined : amongOriginals }
        }),
      )
    }),
  )
}
