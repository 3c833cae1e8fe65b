import type { Answer } from './answer'
import { BadRequest, noContent, notFound } from './answer'
import type { EntryText, Page } from './page'
import type { Feed, Row } from './feed'
import { metadataOf, stateOf } from './feed'
import { readTime } from './feed-time'
import type { Query } from './query'
import { booleanOf, integerOf } from './query'

const answerJson = (body: string): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body,
})

/** camelCase, nulls left out; the metadata goes in as the text it is stored as. */
const writeEntry = (row: Row, includeMetadata: boolean): EntryText => {
  const { partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row.instance
  const head = JSON.stringify({
    sequence: row.sequence,
    partitionName,
    studyInstanceUid,
    seriesInstanceUid,
    sopInstanceUid,
    action: row.action,
    timestamp: row.timestamp,
    state: stateOf(row),
  })
  const metadata = includeMetadata ? metadataOf(row) : undefined
  const text = metadata === undefined ? head : `${head.slice(0, -1)},"metadata":${metadata}}`
  return { sequence: row.sequence, hasMetadata: metadata !== undefined, text }
}

const pageOf = (
  rows: ReadonlyArray<Row>,
  includeMetadata: boolean,
  answer: (entries: ReadonlyArray<EntryText>) => Answer,
): Page => {
  const entries = rows.map((row) => writeEntry(row, includeMetadata))
  return {
    hasMetadata: includeMetadata,
    holds: (sequence) => entries.some((entry) => entry.sequence === sequence),
    holdsMetadataOf: (sequence) => entries.some((entry) => entry.sequence === sequence && entry.hasMetadata),
    entries,
    answer,
  }
}

const list = (entries: ReadonlyArray<EntryText>): Answer => answerJson(`[${entries.map(({ text }) => text).join(',')}]`)

const single = ([entry]: ReadonlyArray<EntryText>): Answer => (entry === undefined ? noContent : answerJson(entry.text))

const timeOf = (query: Query, name: string, missing: string): string => {
  const text = query.get(name)
  if (text === undefined) return missing
  const time = readTime(text)
  if (time === undefined) throw new BadRequest(`The value '${text}' is not valid for ${name}.`)
  return time
}

const readV1 = (feed: Feed, query: Query): ReadonlyArray<Row> =>
  feed.range(
    integerOf(query, 'offset', { default: 0, min: 0 }),
    integerOf(query, 'limit', { default: 10, min: 1, max: 100 }),
  )

const readV2 = (feed: Feed, query: Query): ReadonlyArray<Row> => {
  const start = timeOf(query, 'startTime', '')
  const end = timeOf(query, 'endTime', '~')
  if (start >= end) throw new BadRequest('The start time must be before the end time.')
  return feed.window(
    start,
    end,
    integerOf(query, 'offset', { default: 0, min: 0 }),
    integerOf(query, 'limit', { default: 100, min: 1, max: 200 }),
  )
}

/** `GET /v{1,2}/changefeed[/latest]`; `rest` is what follows the version. */
export const readChangeFeed = (
  feed: Feed,
  version: 1 | 2,
  rest: ReadonlyArray<string>,
  query: Query,
): Page | Answer => {
  const isLatest = rest.length === 2 && rest[1] === 'latest'
  if (!isLatest && rest.length !== 1) return notFound
  const includeMetadata = booleanOf(query, 'includeMetadata', true)
  if (!isLatest) return pageOf(version === 1 ? readV1(feed, query) : readV2(feed, query), includeMetadata, list)
  const row = version === 1 ? feed.latestBySequence() : feed.latestByTime()
  return pageOf(row === undefined ? [] : [row], includeMetadata, single)
}
