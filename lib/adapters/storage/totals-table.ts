import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import * as t from 'io-ts'
import { type Totals, type TotalsStore, sumOf } from '../../app/ports-totals'
import type { ServiceError } from '../../domain/cast-error'
import { type Columns, makeSingleRow } from './single-row'
import type { StorageAccount } from './storage-client'

// Beside the heartbeat, which each run merges blindly: these numbers must be read first, and so are a row of their own.
const key = { partitionKey: 'Totals', rowKey: 'Totals' }

/** Others who count at the same time, at the most. */
const attempts = 5

const Numbers = t.record(t.string, t.number)

interface Row {
  readonly totals: Totals
  readonly writer: string
  readonly etag: string
}

/** What cannot be read counts anew: a counter may begin again, and nothing else hangs on it. */
const decode = ({ Numbers: text, Writer, etag }: Columns): E.Either<never, Row> => {
  const parsed = E.tryCatch(
    () => JSON.parse(String(text)) as unknown,
    () => undefined,
  )
  const totals = pipe(
    parsed,
    E.flatMap(Numbers.decode),
    E.getOrElse((): Totals => ({})),
  )
  return E.right({ totals, writer: String(Writer), etag: String(etag) })
}

export const makeTotalsTable = (account: StorageAccount, tableNamePrefix = ''): TotalsStore => {
  const { read, write } = makeSingleRow(account.table(`${tableNamePrefix}RunHistoryTable`), key, decode)

  const addAs = (writer: string, more: Totals, left: number): TE.TaskEither<ServiceError, void> =>
    pipe(
      read(),
      TE.map(O.toUndefined),
      TE.flatMap((row) => {
        // The SDK repeats a write whose answer was lost, and is refused by what it has written.
        if (row?.writer === writer) return TE.right(undefined)
        const totals = sumOf(row?.totals ?? {}, more)
        return write({ Numbers: JSON.stringify(totals), Writer: writer }, row?.etag)
      }),
      TE.orElse((error) =>
        error._tag === 'CheckpointMoved' && left > 1 ? addAs(writer, more, left - 1) : TE.left(error),
      ),
    )

  return {
    read: () =>
      pipe(
        read(),
        TE.map((row) => O.toUndefined(row)?.totals ?? {}),
      ),
    add: (more) => addAs(randomUUID(), more, attempts),
  }
}
