import { type TableClient, type TableEntity, type TableEntityResult, odata } from '@azure/data-tables'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { flow, pipe } from 'fp-ts/function'
import type { TagRow, TagRowKey } from '../../app/ports'
import { describeIssues } from '../../domain/cast-error'
import { type InstanceKey, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Columns, invalidTags, keyColumns, storedText } from './error-columns'
import { listFewRows, listRows } from './list-rows'
import type { Access, StorageCall } from './storage-client'

// Rows of tags: one for each series and keyword.

// UIDs, keywords and partition names hold none of the characters that a key must not (/ \ # ?).
export const tagKey = ({ studyInstanceUid, seriesInstanceUid, keyword, partition }: Omit<TagRowKey, 'etag'>): string =>
  `${studyInstanceUid}:${seriesInstanceUid ?? '-'}:${keyword}:${partition}`

const placeOf = (row: TagRow): string => tagKey({ ...row, keyword: row.issue.keyword })

type StudyKey = Pick<InstanceKey, 'partition' | 'studyInstanceUid'>

/** The keys of a study begin with its UID and a colon, and nothing sorts between that and a semicolon. */
const fromTo = (first: string, last: string) => ({
  filter: odata`PartitionKey eq ${invalidTags} and RowKey ge ${`${first}:`} and RowKey lt ${`${last};`}`,
  select: ['RowKey', 'LastSequence'],
})

const tagRowIn = ({ rowKey, etag, LastSequence }: TableEntityResult<Columns>): ReadonlyArray<TagRowKey> => {
  const [studyInstanceUid, series, keyword, ...name] = String(rowKey).split(':')
  if (studyInstanceUid === undefined || series === undefined || keyword === undefined) return []
  const seriesInstanceUid = series === '-' ? undefined : series
  const lastSequence = typeof LastSequence === 'bigint' ? Number(LastSequence) : -1
  return [{ partition: name.join(':'), studyInstanceUid, seriesInstanceUid, keyword, lastSequence, etag }]
}

const ofThese = (studies: ReadonlyArray<StudyKey>) => {
  const wanted = new Set(studies.map(studyKeyText))
  return flow(
    RA.chain(tagRowIn),
    RA.filter((row) => wanted.has(studyKeyText(row))),
  )
}

export const listTagRows = (table: Access<TableClient>, study: StudyKey): StorageCall<ReadonlyArray<TagRowKey>> =>
  pipe(listRows(table, fromTo(study.studyInstanceUid, study.studyInstanceUid)), TE.map(ofThese([study])))

/** One request, where the rows from the first of these studies to the last are few. */
export const listTagRowsAmong = (
  table: Access<TableClient>,
  studies: ReadonlyArray<StudyKey>,
): StorageCall<O.Option<ReadonlyArray<TagRowKey>>> => {
  const keys = studies.map(({ studyInstanceUid }) => `${studyInstanceUid}:`).sort()
  const [first, last] = [keys[0], keys.at(-1)]
  if (first === undefined || last === undefined) return TE.right(O.some([]))
  return pipe(listFewRows(table, fromTo(first.slice(0, -1), last.slice(0, -1))), TE.map(O.map(ofThese(studies))))
}

// The same keyword may be missing in one instance and invalid in another: still one place, and one row.
export const onePerPlace = (rows: ReadonlyArray<TagRow>): ReadonlyMap<string, TagRow> => {
  const places = new Map<string, TagRow>()
  for (const row of rows) {
    const before = places.get(placeOf(row))
    places.set(placeOf(row), before === undefined ? row : joined(before, row))
  }
  return places
}

const joined = (a: TagRow, b: TagRow): TagRow => ({
  ...b,
  sopInstanceUid: a.firstSequence <= b.firstSequence ? a.sopInstanceUid : b.sopInstanceUid,
  firstSequence: Math.min(a.firstSequence, b.firstSequence),
  lastSequence: Math.max(a.lastSequence, b.lastSequence),
  count: a.count + b.count,
})

/** None when the stored row knows all of it: a batch that is recorded again counts nothing twice. */
export const tagEntity = (rowKey: string, row: TagRow, stored: O.Option<Columns>): O.Option<TableEntity> => {
  const before = O.isSome(stored) ? tagCounts(stored.value) : undefined
  if (before !== undefined && before.last >= row.lastSequence) return O.none
  // A batch that overlaps with a recorded one was cut anew: how many of its rows are known cannot be told.
  const added = before !== undefined && before.last >= row.firstSequence ? 0 : row.count
  return O.some({
    partitionKey: invalidTags,
    rowKey,
    ...keyColumns(row),
    InstanceUid: before?.instance ?? row.sopInstanceUid,
    ChangeFeedSequence: BigInt(before?.first ?? row.firstSequence),
    LastSequence: BigInt(row.lastSequence),
    Count: (before?.count ?? 0) + added,
    Code: row.issue._tag,
    Exception: storedText(describeIssues([row.issue])),
  })
}

const tagCounts = ({ ChangeFeedSequence, LastSequence, Count, InstanceUid }: Columns) =>
  typeof ChangeFeedSequence === 'bigint' && typeof LastSequence === 'bigint' && typeof Count === 'number'
    ? {
        first: Number(ChangeFeedSequence),
        last: Number(LastSequence),
        count: Count,
        instance: typeof InstanceUid === 'string' ? InstanceUid : undefined,
      }
    : undefined
