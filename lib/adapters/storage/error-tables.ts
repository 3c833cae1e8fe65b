import type { TableClient, TableEntity } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { ErrorTables, FailRow, FailRowKey, StuckRow } from '../../app/ports'
import { type FailTable, failTableOf, failTables } from '../../domain/cast-error'
import { sequenceKey } from '../../domain/fail-row'
import { type Columns, type TableName, invalidTags, storedText, transientRetry } from './error-columns'
import { annotateRow, failEntity, lastOfEachName, listFailRows, removeRow } from './fail-rows'
import { type Access, type StorageAccount, serviceError } from './storage-client'
import { listTagRows, listTagRowsAmong, onePerPlace, tagEntity, tagKey } from './tag-rows'
import { inParallel, insertOrReplace, readRow, removeByEtag, replaceRow, upsert } from './write-rows'

/** Tables and columns of the original; its own rows have other keys, and only go. */
export const makeErrorTables = (account: StorageAccount, now: () => number, tableNamePrefix = ''): ErrorTables => {
  const table = (name: TableName): Access<TableClient> => account.table(`${tableNamePrefix}${name}`)
  const fails: Readonly<Record<FailTable, Access<TableClient>>> = {
    DicomFailToStoreExceptionTable: table('DicomFailToStoreExceptionTable'),
    FhirFailToStoreExceptionTable: table('FhirFailToStoreExceptionTable'),
    TransientFailureExceptionTable: table('TransientFailureExceptionTable'),
  }
  const tags = table('InvalidDicomTagExceptionTable')
  const stuck = table('TransientRetryExceptionTable')

  return {
    failRows: () =>
      pipe(
        failTables,
        TE.traverseArray((name) => listFailRows(fails[name], name)),
        TE.bimap(serviceError, RA.flatten),
      ),
    record: (rows) =>
      pipe(
        failTables,
        TE.traverseArray((name) => {
          const own = lastOfEachName(rows.filter((row) => failTableOf(row.error) === name))
          const judgedAt = now()
          return pipe(
            insertOrReplace(
              fails[name],
              own.map((row) => failEntity(name, row, new Date(judgedAt))),
            ),
            TE.map((rows) =>
              RA.zipWith(own, rows, (row, written) => ({
                table: name,
                ...row.key,
                sequence: row.sequence,
                code: row.error._tag,
                ...(row.identity === undefined ? {} : { identity: row.identity }),
                ...rejectedIn(row),
                judgedAt,
                ...written,
              })),
            ),
          )
        }),
        TE.bimap(serviceError, RA.flatten),
      ),
    annotate: (annotations) =>
      pipe(
        annotations,
        inParallel((annotation) => annotateRow(fails[annotation.row.table], annotation)),
        TE.bimap(serviceError, RA.compact),
      ),
    remove: (rows) =>
      pipe(
        rows,
        inParallel((row) => removeRow(fails[row.table], row)),
        TE.bimap(serviceError, () => undefined),
      ),
    takeBack: (rows) =>
      pipe(
        rows,
        inParallel((row) =>
          row.before === undefined
            ? removeRow(fails[row.table], row)
            : replaceRow(fails[row.table], row.before as TableEntity, row.etag),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
    recordTags: (rows) =>
      pipe(
        [...onePerPlace(rows)],
        inParallel(([rowKey, row]) =>
          pipe(
            readRow(tags, invalidTags, rowKey),
            TE.map((stored) => tagEntity(rowKey, row, stored)),
          ),
        ),
        TE.map(RA.compact),
        TE.flatMap((entities) => upsert(tags, entities)),
        TE.bimap(serviceError, () => undefined),
      ),
    tagRows: (study) => pipe(listTagRows(tags, study), TE.mapLeft(serviceError)),
    tagRowsAmong: (studies) => pipe(listTagRowsAmong(tags, studies), TE.mapLeft(serviceError)),
    removeTags: (rows) =>
      pipe(
        rows,
        inParallel((row) => removeByEtag(tags, invalidTags, tagKey(row), row.etag)),
        TE.bimap(serviceError, () => undefined),
      ),
    recordStuck: (row) =>
      pipe(
        readRow(stuck, transientRetry, sequenceKey(row.syncedSequence)),
        TE.map((stored) => stuckEntity(row, new Date(now()), stored)),
        TE.flatMap((entity) => upsert(stuck, [entity])),
        TE.bimap(serviceError, () => undefined),
      ),
  }
}

const rejectedIn = ({ error, rejected }: FailRow): Pick<FailRowKey, 'rejected'> =>
  error._tag === 'Rejected' ? { rejected: error } : rejected === undefined ? {} : { rejected }

const stuckEntity = (row: StuckRow, seen: Date, stored: O.Option<Columns>): TableEntity => {
  const before: Columns = O.isSome(stored) ? stored.value : {}
  const { RetryNumber, FirstSeen } = before
  return {
    partitionKey: transientRetry,
    rowKey: sequenceKey(row.syncedSequence),
    ChangeFeedSequence: BigInt(row.syncedSequence),
    RetryNumber: (typeof RetryNumber === 'number' ? RetryNumber : 0) + 1,
    FirstSeen: FirstSeen instanceof Date ? FirstSeen : seen,
    LastSeen: seen,
    Hop: row.hop,
    Status: row.status,
    Exception: storedText(row.reason),
  }
}
