import { type TableEntityResult, odata } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import type * as t from 'io-ts'
import type { BackfillStore, Entered, Stored } from '../../app/ports-backfill-store'
import { Backfill, Given, LaneRow, Part } from '../../domain/backfill/backfill'
import type { ServiceError } from '../../domain/cast-error'
import type { Columns, RowKey } from './single-row'
import {
  type StorageAccount,
  type StorageCall,
  type StorageFailure,
  isAbsent,
  serviceError,
  unusable,
} from './storage-client'
import { inParallel } from './write-rows'

const atOnce = 100
const whole: RowKey = { partitionKey: 'Backfill', rowKey: 'Backfill' }
const laneKey = (id: string, lane: number): RowKey => ({ partitionKey: id, rowKey: `lane-${lane}` })
const partKey = (id: string, lane: number, part: number): RowKey => ({
  partitionKey: `${id}-lane-${lane}`,
  rowKey: String(part).padStart(9, '0'),
})
const studyKey = (id: string, partition: string, uid: string): RowKey => ({
  partitionKey: `${id}-studies`,
  rowKey: `${partition} ${uid}`,
})
const leftKey = (id: string, partition: string, uid: string): RowKey => ({
  ...studyKey(id, partition, uid),
  partitionKey: `${id}-left`,
})

const givenKey = (id: string, at: number): RowKey => ({
  partitionKey: `${id}-given`,
  rowKey: String(at).padStart(9, '0'),
})

/** What a backfill keeps: rows of its own table, each with the backfill's id in its key, all but the one of the whole. */
export const makeBackfillTable = (account: StorageAccount, tableNamePrefix = ''): BackfillStore => {
  const table = account.table(`${tableNamePrefix}BackfillTable`)

  const get = ({ partitionKey, rowKey }: RowKey): StorageCall<O.Option<TableEntityResult<Columns>>> =>
    pipe(
      table.call((client, abortSignal) => client.getEntity<Columns>(partitionKey, rowKey, { abortSignal })),
      TE.map(O.some),
      TE.orElse((failure) => (isAbsent(failure) ? TE.right(O.none) : TE.left(failure))),
    )

  const read = <A>(key: RowKey, codec: t.Type<A, unknown>): TE.TaskEither<ServiceError, O.Option<Stored<A>>> =>
    pipe(get(key), TE.flatMapEither(O.traverse(E.Applicative)(decode(codec))), TE.mapLeft(serviceError))

  const write = <A>(key: RowKey, value: A, etag: string | undefined): TE.TaskEither<ServiceError, Stored<A>> => {
    const entity = { ...key, ...columnsOf(JSON.stringify(value)) }
    return pipe(
      etag === undefined
        ? table.callCreating((client, abortSignal) => client.createEntity(entity, { abortSignal }))
        : table.call((client, abortSignal) => client.updateEntity(entity, 'Replace', { etag, abortSignal })),
      TE.mapLeft(moved),
      TE.flatMap((answer) =>
        answer.etag === undefined
          ? TE.left(serviceError(unusable('the storage account gave a row of the backfill no version')))
          : TE.right({ ...value, etag: answer.etag }),
      ),
    )
  }

  const enterOne =
    (id: string, partition: string) =>
    ({ studyInstanceUid, lane, part }: Entered): StorageCall<ReadonlyArray<Entered>> => {
      const key = studyKey(id, partition, studyInstanceUid)
      return pipe(
        table.callCreating((client, abortSignal) =>
          client.createEntity({ ...key, Lane: lane, Part: part }, { abortSignal }),
        ),
        TE.map((): ReadonlyArray<Entered> => []),
        TE.orElse((failure) =>
          isThere(failure)
            ? pipe(
                get(key),
                TE.map(
                  O.match(
                    () => [],
                    (row) => [enteredOf(studyInstanceUid, row)],
                  ),
                ),
              )
            : TE.left(failure),
        ),
      )
    }

  return {
    read: () => read(whole, Backfill),
    write: (row, etag) => write(whole, row, etag),
    lane: (id, lane) => read(laneKey(id, lane), LaneRow),
    writeLane: (id, row, etag) => write(laneKey(id, row.lane), row, etag),
    part: (id, lane, part) => read(partKey(id, lane, part), Part),
    writePart: (id, row, etag) => write(partKey(id, row.lane, row.part), row, etag),
    enter: (id, partition, studies) =>
      pipe(
        studies,
        RA.chunksOf(atOnce),
        TE.traverseSeqArray((chunk) =>
          pipe(
            table.callCreating((client, abortSignal) =>
              client.submitTransaction(
                chunk.map(({ studyInstanceUid, lane, part }) => [
                  'create',
                  { ...studyKey(id, partition, studyInstanceUid), Lane: lane, Part: part },
                ]),
                { abortSignal },
              ),
            ),
            TE.map((): ReadonlyArray<Entered> => []),
            // One that is there refuses all of them.
            TE.orElse((failure) =>
              isThere(failure)
                ? pipe(chunk, inParallel(enterOne(id, partition)), TE.map(RA.flatten))
                : TE.left(failure),
            ),
          ),
        ),
        TE.bimap(serviceError, RA.flatten),
      ),
    moveTo: (id, partition, { studyInstanceUid, lane, part }) =>
      pipe(
        table.callCreating((client, abortSignal) =>
          client.upsertEntity({ ...studyKey(id, partition, studyInstanceUid), Lane: lane, Part: part }, 'Replace', {
            abortSignal,
          }),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
    entered: (id, partition, studies) =>
      pipe(
        studies,
        inParallel((uid) =>
          pipe(
            get(studyKey(id, partition, uid)),
            TE.map((row) => (O.isSome(row) ? [enteredOf(uid, row.value)] : [])),
          ),
        ),
        TE.bimap(serviceError, RA.flatten),
      ),
    leaveOver: (id, studies) =>
      pipe(
        studies,
        inParallel(({ partition, studyInstanceUid }) =>
          table.callCreating((client, abortSignal) =>
            client.upsertEntity(
              { ...leftKey(id, partition, studyInstanceUid), Partition: partition, StudyUid: studyInstanceUid },
              'Replace',
              { abortSignal },
            ),
          ),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
    leftOver: (id, limit) =>
      pipe(
        table.call(async (client, abortSignal) => {
          const queryOptions = { filter: odata`PartitionKey eq ${`${id}-left`}` }
          const pages = client.listEntities<Columns>({ queryOptions, abortSignal }).byPage({ maxPageSize: limit })
          // A page may be empty, and not the last.
          for await (const page of pages) if (page.length > 0) return page as ReadonlyArray<Columns>
          return []
        }),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right([]) : TE.left(failure))),
        TE.bimap(
          serviceError,
          RA.map(({ Partition, StudyUid }) => ({ partition: String(Partition), studyInstanceUid: String(StudyUid) })),
        ),
      ),
    writeGiven: (id, at, chunk) =>
      pipe(
        table.callCreating((client, abortSignal) =>
          client.upsertEntity({ ...givenKey(id, at), Value: JSON.stringify(chunk) }, 'Replace', { abortSignal }),
        ),
        TE.bimap(serviceError, () => undefined),
      ),
    given: (id, at) => read(givenKey(id, at), Given),
    takeLeftOver: (id, { partition, studyInstanceUid }) => {
      const { partitionKey, rowKey } = leftKey(id, partition, studyInstanceUid)
      return pipe(
        table.call((client, abortSignal) => client.deleteEntity(partitionKey, rowKey, { abortSignal })),
        TE.map(() => undefined),
        TE.orElse((failure) => (isAbsent(failure) ? TE.right(undefined) : TE.left(failure))),
        TE.mapLeft(serviceError),
      )
    },
  }
}

/** A property holds 32 Ki characters: a longer text goes on in Value1, and so on. */
const longestColumn = 32_000
const columnAt = (place: number): string => `Value${place === 0 ? '' : place}`

const columnsOf = (text: string): Columns => {
  const columns = Array.from({ length: Math.ceil(text.length / longestColumn) }, (_, place) => [
    columnAt(place),
    text.slice(place * longestColumn, (place + 1) * longestColumn),
  ])
  return Object.fromEntries(columns) as Columns
}

const textIn = (row: Columns): string => {
  let text = ''
  for (let place = 0; typeof row[columnAt(place)] === 'string'; place++) text += String(row[columnAt(place)])
  return text
}

const decode =
  <A>(codec: t.Type<A, unknown>) =>
  (row: TableEntityResult<Columns>): E.Either<StorageFailure, Stored<A>> =>
    pipe(
      E.tryCatch(
        () => JSON.parse(textIn(row)) as unknown,
        () => undefined,
      ),
      E.flatMap(codec.decode),
      E.bimap(
        () => unusable(`the row ${String(row.rowKey)} in BackfillTable cannot be read`),
        (value) => ({ ...value, etag: row.etag }),
      ),
    )

const enteredOf = (studyInstanceUid: string, { Lane, Part: part }: Columns): Entered => ({
  ...{ studyInstanceUid, lane: Number(Lane), part: Number(part) },
})

const isThere = ({ status, code }: StorageFailure): boolean => status === 409 && code !== 'TableBeingDeleted'

const moved = (failure: StorageFailure): ServiceError =>
  failure.status === 409 || failure.status === 412 || failure.code === 'ResourceNotFound'
    ? { _tag: 'CheckpointMoved' }
    : serviceError(failure)
