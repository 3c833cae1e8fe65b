import type { TableClient, TableEntityResult } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import type { Columns } from './error-columns'
import { type Access, type StorageCall, isAbsent } from './storage-client'

/** All pages; no table, no rows: it is created with the first row. */
export const listRows = (
  table: Access<TableClient>,
  queryOptions: { filter?: string; select?: string[] },
): StorageCall<ReadonlyArray<TableEntityResult<Columns>>> => {
  // A call a page: each has the whole time-out.
  const page = (continuationToken: string | undefined) =>
    table.call(async (client, abortSignal) => {
      const settings = { maxPageSize: 1_000, ...(continuationToken === undefined ? {} : { continuationToken }) }
      const next = await client.listEntities<Columns>({ queryOptions, abortSignal }).byPage(settings).next()
      return next.done === true ? undefined : next.value
    })
  return async () => {
    const rows: Array<TableEntityResult<Columns>> = []
    let continuationToken: string | undefined
    do {
      const listed = await page(continuationToken)()
      if (E.isLeft(listed)) return isAbsent(listed.left) ? E.right(rows) : listed
      rows.push(...(listed.right ?? []))
      continuationToken = listed.right?.continuationToken
    } while (continuationToken !== undefined && continuationToken !== '')
    return E.right(rows)
  }
}
