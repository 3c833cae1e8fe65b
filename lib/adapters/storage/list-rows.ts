import type { TableClient, TableEntityResult, TableEntityResultPage } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { Columns } from './error-columns'
import { type Access, type StorageCall, isAbsent } from './storage-client'

const onePage =
  (
    table: Access<TableClient>,
    queryOptions: { filter?: string; select?: string[] },
  ): ((continuationToken?: string) => StorageCall<TableEntityResultPage<Columns> | undefined>) =>
  (continuationToken) =>
    table.call(async (client, abortSignal) => {
      const settings = { maxPageSize: 1_000, ...(continuationToken === undefined ? {} : { continuationToken }) }
      const next = await client.listEntities<Columns>({ queryOptions, abortSignal }).byPage(settings).next()
      return next.done === true ? undefined : next.value
    })

const isMore = (continuationToken: string | undefined): continuationToken is string =>
  continuationToken !== undefined && continuationToken !== ''

/** All rows where one request tells them; none: there are more. */
export const listFewRows = (
  table: Access<TableClient>,
  queryOptions: { filter?: string; select?: string[] },
): StorageCall<O.Option<ReadonlyArray<TableEntityResult<Columns>>>> =>
  pipe(
    onePage(table, queryOptions)(),
    TE.map((page) => (isMore(page?.continuationToken) ? O.none : O.some(page ?? []))),
    TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.some([])) : TE.left(failure))),
  )

/** All pages; no table, no rows: it is created with the first row. */
export const listRows = (
  table: Access<TableClient>,
  queryOptions: { filter?: string; select?: string[] },
): StorageCall<ReadonlyArray<TableEntityResult<Columns>>> => {
  // A call a page: each has the whole time-out.
  const page = onePage(table, queryOptions)
  return async () => {
    const rows: Array<TableEntityResult<Columns>> = []
    let continuationToken: string | undefined
    do {
      const listed = await page(continuationToken)()
      if (E.isLeft(listed)) return isAbsent(listed.left) ? E.right(rows) : listed
      rows.push(...(listed.right ?? []))
      continuationToken = listed.right?.continuationToken
    } while (isMore(continuationToken))
    return E.right(rows)
  }
}
