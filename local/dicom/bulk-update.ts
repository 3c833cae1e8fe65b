import { parseJson } from '../../lib/domain/json'
import type { Answer } from './answer'
import { BadRequest, json, notFound } from './answer'
import type { Feed } from './feed'

const maxStudies = 50

/** An update never makes another instance of an instance. */
const fixedTags = ['0020000D', '0020000E', '00080016', '00080018']

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readRequest = (body: string): { studies: ReadonlyArray<string>; changes: Record<string, unknown> } => {
  let request: unknown
  try {
    request = JSON.parse(body)
  } catch {
    throw new BadRequest('The request body is not valid JSON.')
  }
  const { studyInstanceUids: uids, changeDataset } = isObject(request) ? request : {}
  if (!Array.isArray(uids) || uids.length === 0 || !uids.every((uid): uid is string => typeof uid === 'string')) {
    throw new BadRequest('The field studyInstanceUids must be a list of UIDs.')
  }
  if (uids.length > maxStudies) throw new BadRequest(`At most ${maxStudies} studies can be updated at once.`)
  if (!isObject(changeDataset) || Object.keys(changeDataset).length === 0) {
    throw new BadRequest('The field changeDataset must be a DICOM JSON dataset.')
  }
  const changes = Object.fromEntries(Object.entries(changeDataset).map(([tag, value]) => [tag.toUpperCase(), value]))
  const fixed = fixedTags.find((tag) => tag in changes)
  if (fixed !== undefined) throw new BadRequest(`The attribute ${fixed} cannot be updated.`)
  return { studies: [...new Set(uids)], changes }
}

const withChanges = (metadata: string, changes: Record<string, unknown>): string => {
  const dataset: unknown = parseJson(metadata)
  if (!isObject(dataset)) return metadata
  const merged = Object.entries({ ...dataset, ...changes })
  return JSON.stringify(Object.fromEntries(merged.sort(([a], [b]) => (a < b ? -1 : 1))))
}

export type BulkUpdates = ReturnType<typeof createBulkUpdates>

/** `$bulkUpdate`, and the status of its operations. The update is done before the 202 is sent. */
export const createBulkUpdates = (feed: Feed, now: () => Date) => {
  const operations = new Map<string, unknown>()
  return {
    /** One Update row for each instance of the studies, all with one timestamp. */
    start: (partitionName: string, body: string, operationsUrl: string): Answer => {
      const { studies, changes } = readRequest(body)
      const instances = studies.map((studyInstanceUid) => feed.liveInstances({ partitionName, studyInstanceUid }))
      const updated = feed.append(
        instances.flat().map((instance) => ({
          ...instance,
          action: 'Update' as const,
          metadata: withChanges(instance.last?.metadata ?? '{}', changes),
        })),
      )
      const studyUpdated = instances.filter(({ length }) => length > 0).length
      const id = (operations.size + 1).toString(16).padStart(32, '0')
      const time = now().toISOString()
      operations.set(id, {
        operationId: id,
        type: 'update',
        createdTime: time,
        lastUpdatedTime: time,
        status: studyUpdated === 0 ? 'failed' : 'succeeded',
        percentComplete: 100,
        results: { studyUpdated, studyFailed: studies.length - studyUpdated, instanceUpdated: updated.length },
      })
      const href = `${operationsUrl}/${id}`
      return json(202, { id, href }, { location: href })
    },
    status: (id: string): Answer => {
      const operation = operations.get(id)
      return operation === undefined ? notFound : json(200, operation)
    },
  }
}
