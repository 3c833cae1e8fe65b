import type { Answer } from './answer'
import { BadRequest, notFound } from './answer'
import { isJson } from '../own-machine'
import type { BulkUpdates } from './bulk-update'
import { readChangeFeed } from './changefeed-routes'
import type { Feed } from './feed'
import { defaultPartition } from './feed'
import type { Page } from './page'
import type { Query } from './query'
import { storeInstances } from './store'
import { deleteInstances, readLevel, readMetadata, searchStudies } from './studies-routes'

export interface RouteRequest {
  readonly method: string
  readonly segments: ReadonlyArray<string>
  readonly query: Query
  readonly contentType: string
  readonly body: () => Promise<Buffer>
  /** Of the service, without a trailing slash. */
  readonly serviceUrl: string
}

interface Target {
  readonly version: 1 | 2
  readonly partitionName: string
  readonly root: string
  /** What follows the version and the partition. */
  readonly rest: ReadonlyArray<string>
}

const readTarget = ({ segments, serviceUrl }: RouteRequest): Target | undefined => {
  const [prefix, partitions, partitionName] = segments
  const version = prefix === 'v1' ? 1 : prefix === 'v2' ? 2 : undefined
  if (version === undefined) return undefined
  const root = `${serviceUrl}/${prefix}`
  if (partitions !== 'partitions') return { version, partitionName: defaultPartition, root, rest: segments.slice(1) }
  if (partitionName === undefined || segments[3] !== 'studies') return undefined
  return {
    version,
    partitionName,
    root: `${root}/partitions/${encodeURIComponent(partitionName)}`,
    rest: segments.slice(3),
  }
}

const studiesRoute = async (
  feed: Feed,
  updates: BulkUpdates,
  request: RouteRequest,
  target: Target,
): Promise<Page | Answer> => {
  const { method } = request
  const { partitionName, rest, version } = target
  if (method === 'GET' && rest.length === 1) return searchStudies(feed, partitionName, request.query)
  if (method === 'POST' && rest[1] === '$bulkUpdate' && rest.length === 2) {
    const operations = `${request.serviceUrl}/v${version}/operations`
    if (!isJson(request.contentType)) throw new BadRequest('The Content-Type is not application/json.', 415)
    return version === 2 ? updates.start(partitionName, (await request.body()).toString(), operations) : notFound
  }
  if (method === 'POST' && rest.length <= 2) {
    const ofStudy = rest[1] === undefined ? {} : { studyInstanceUid: rest[1] }
    return storeInstances(feed, { ...target, ...ofStudy }, request.contentType, await request.body())
  }
  const named = readLevel(partitionName, rest)
  if (named === undefined) return notFound
  if (method === 'DELETE' && named.rest.length === 0) return deleteInstances(feed, named.level)
  const isMetadata = named.rest.length === 1 && named.rest[0] === 'metadata'
  return method === 'GET' && isMetadata ? readMetadata(feed, named.level) : notFound
}

/** The routes of the DICOM service; what is not among them is a 404 in plain text. */
export const createRoutes =
  (feed: Feed, updates: BulkUpdates) =>
  async (request: RouteRequest): Promise<Page | Answer> => {
    const target = readTarget(request)
    const [resource, id] = target?.rest ?? []
    if (target === undefined) return notFound
    if (resource === 'changefeed' && request.method === 'GET') {
      return readChangeFeed(feed, target.version, target.rest, request.query)
    }
    if (resource === 'operations' && request.method === 'GET' && id !== undefined) return updates.status(id)
    return resource === 'studies' ? studiesRoute(feed, updates, request, target) : notFound
  }
