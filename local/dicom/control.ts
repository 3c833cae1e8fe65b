/**
 * The control API, for tests that run in another process. Never delayed, refused or logged.
 *
 * GET | PUT | DELETE /_local/faults       the list of fault rules (faults.ts says what there is)
 * GET | DELETE       /_local/requests     [{ method, path, query, status }], oldest first; status 0: connection dropped
 * POST /_local/instances                  a change, or a list of changes in one statement → [{ sequence, timestamp }]
 *        { partitionName?, dataset?, action?: create | update | delete, timestamp?,
 *          studyInstanceUid?, seriesInstanceUid?, sopInstanceUid? }
 *        The UIDs are those of the dataset unless given; the dataset is stored as it comes, whatever it is.
 * POST /_local/holes      { count }       the next numbers never become rows
 * POST /_local/late                       as instances: numbers and timestamp now, rows later → { id, sequences }
 * POST /_local/late/{id}/show             commits them
 * POST /_local/restore    { sequence }    what came after was never there; its numbers are used again
 */
import type { Answer } from './answer'
import { BadRequest, json, noContent, notFound } from './answer'
import { textOf } from './dataset-text'
import type { Action, Change, Feed, Row } from './feed'
import { defaultPartition } from './feed'
import { readTime } from './feed-time'
import type { FaultRule, FaultSwitches } from './faults'
import type { RequestLog } from './request-log'

export interface ChangeRequest {
  readonly partitionName?: string
  readonly dataset?: unknown
  readonly action?: string
  readonly timestamp?: string
  readonly studyInstanceUid?: string
  readonly seriesInstanceUid?: string
  readonly sopInstanceUid?: string
}

const actions: Readonly<Record<string, Action>> = { create: 'Create', update: 'Update', delete: 'Delete' }

const readChange = (request: ChangeRequest): Change => {
  const action = actions[(request.action ?? 'create').toLowerCase()]
  if (action === undefined) throw new BadRequest(`Unknown action '${request.action}'.`)
  if (request.timestamp !== undefined && readTime(request.timestamp) === undefined) {
    throw new BadRequest('timestamp must be an ISO 8601 time.')
  }
  const change = {
    partitionName: request.partitionName ?? defaultPartition,
    studyInstanceUid: request.studyInstanceUid ?? textOf(request.dataset, '0020000D'),
    seriesInstanceUid: request.seriesInstanceUid ?? textOf(request.dataset, '0020000E'),
    sopInstanceUid: request.sopInstanceUid ?? textOf(request.dataset, '00080018'),
    action,
    ...(request.timestamp === undefined ? {} : { timestamp: request.timestamp }),
  }
  if (action === 'Delete') return change
  if (request.dataset === undefined) throw new BadRequest('A create or update needs a dataset.')
  return { ...change, metadata: JSON.stringify(request.dataset) }
}

export type Control = ReturnType<typeof createControl>

/** What the control API does to the feed, for tests in the same process. */
export const createControl = (feed: Feed) => ({
  /** Appends rows in one statement, from nothing but their metadata. */
  append: (...requests: ReadonlyArray<ChangeRequest>): ReadonlyArray<Row> => feed.append(requests.map(readChange)),
  appendLate: (...requests: ReadonlyArray<ChangeRequest>) => feed.reserveLate(requests.map(readChange)),
  showLate: feed.showLate,
  skip: feed.skip,
  restore: feed.restore,
})

const wholeNumber = (body: unknown, name: string): number => {
  const value = (body as Record<string, unknown> | null)?.[name]
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new BadRequest(`${name} must be a whole number.`)
  return value as number
}

const asList = <A>(body: unknown): ReadonlyArray<A> => (Array.isArray(body) ? body : [body]) as ReadonlyArray<A>

export const controlRoutes =
  (feed: Feed, faults: FaultSwitches, requests: RequestLog) =>
  (method: string, [name, id, verb]: ReadonlyArray<string>, body: () => unknown): Answer => {
    switch (`${method} ${name}${id === undefined ? '' : `/*/${verb}`}`) {
      case 'GET faults':
        return json(200, faults.list())
      case 'PUT faults':
        faults.set(asList<FaultRule>(body()))
        return noContent
      case 'DELETE faults':
        faults.clear()
        return noContent
      case 'GET requests':
        return json(200, requests.list())
      case 'DELETE requests':
        requests.clear()
        return noContent
      case 'POST instances': {
        const rows = feed.append(asList<ChangeRequest>(body()).map(readChange))
        return json(
          200,
          rows.map(({ sequence, timestamp }) => ({ sequence, timestamp })),
        )
      }
      case 'POST holes':
        feed.skip(wholeNumber(body(), 'count'))
        return noContent
      case 'POST late':
        return json(200, feed.reserveLate(asList<ChangeRequest>(body()).map(readChange)))
      case 'POST late/*/show':
        return feed.showLate(id ?? '') ? noContent : notFound
      case 'POST restore':
        feed.restore(wholeNumber(body(), 'sequence'))
        return noContent
      default:
        return notFound
    }
  }
