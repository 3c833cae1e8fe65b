import * as E from 'fp-ts/Either'
import { service } from '../app/operate/operating'
import type { ErrorTable, FailureFilter, FailurePage, FailureRow } from '../app/ports-operator'
import type { FailuresRequest } from '../requests/requests'
import { type Answer, type Failure, type Operator, connected, lookTimeoutMs } from './operator'

export type { ErrorTable, FailurePage, FailureRow } from '../app/ports-operator'

export const failures = async (
  operator: Operator,
  table: ErrorTable,
  { from, limit = 100, errorCode, study, since }: FailuresRequest,
): Promise<Answer<FailurePage>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const filter: FailureFilter = {
    ...(study === undefined ? {} : { study }),
    ...(since === undefined ? {} : { since }),
    ...(errorCode === undefined ? {} : { code: errorCode }),
  }
  const read = await context.right.ports.failures.list(table, filter, limit, from)()
  return E.isLeft(read) ? service(read.left) : read
}

/** Page after page, up to the limit. */
export const allFailures = async (
  operator: Operator,
  table: ErrorTable,
  { limit = 100, ...request }: FailuresRequest,
): Promise<Answer<FailurePage>> => {
  const rows: Array<FailureRow> = []
  let next: string | undefined
  do {
    const page = await failures(operator, table, {
      ...{ ...request, limit: Math.min(1_000, limit - rows.length) },
      ...(next === undefined ? {} : { from: next }),
    })
    if (E.isLeft(page)) return page
    rows.push(...page.right.rows)
    next = page.right.next
  } while (next !== undefined && rows.length < limit)
  return E.right({ rows, ...(next === undefined ? {} : { next }) })
}

export const failure = async (operator: Operator, table: ErrorTable, row: string): Promise<Answer<FailureRow>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const read = await context.right.ports.failures.get(table, row)()
  if (E.isLeft(read)) return service(read.left)
  return E.fromOption((): Failure => ({ _tag: 'NotFound', what: 'row' }))(read.right)
}
