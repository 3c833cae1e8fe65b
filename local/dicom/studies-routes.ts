import { parseJson } from '../../lib/domain/json'
import type { Answer } from './answer'
import { dicomJson, noContent, notFound } from './answer'
import { textOf } from './dataset-text'
import type { Feed, Instance, InstanceKey } from './feed'
import { isLive } from './feed'
import type { Page } from './page'
import type { Query } from './query'
import { integerOf } from './query'

/** A study, a series of it, or an instance of that. */
export type Level = Pick<InstanceKey, 'partitionName' | 'studyInstanceUid'> & Partial<InstanceKey>

/** `studies/{study}[/series/{series}[/instances/{instance}]]` → the level, and what follows it. */
export const readLevel = (
  partitionName: string,
  segments: ReadonlyArray<string>,
): { level: Level; rest: ReadonlyArray<string> } | undefined => {
  const [, study, series, seriesUid, instances, instanceUid] = segments
  if (study === undefined) return undefined
  const level = { partitionName, studyInstanceUid: study }
  if (series !== 'series' || seriesUid === undefined) return { level, rest: segments.slice(2) }
  const inSeries = { ...level, seriesInstanceUid: seriesUid }
  if (instances !== 'instances' || instanceUid === undefined) return { level: inSeries, rest: segments.slice(4) }
  return { level: { ...inSeries, sopInstanceUid: instanceUid }, rest: segments.slice(6) }
}

/** WADO-RS `…/metadata`. */
export const readMetadata = (feed: Feed, level: Level): Page | Answer => {
  const instances = feed.liveInstances(level)
  if (instances.length === 0) return notFound
  const holds = (sequence: number): boolean => {
    const row = feed.rowAt(sequence)
    return row !== undefined && instances.includes(row.instance)
  }
  const body = `[${instances.map((instance) => instance.last?.metadata ?? '{}').join(',')}]`
  return { hasMetadata: true, holds, holdsMetadataOf: holds, entries: [], answer: () => dicomJson(200, body) }
}

/** One Delete row for each instance, all with one timestamp. */
export const deleteInstances = (feed: Feed, level: Level): Answer => {
  const instances = feed.liveInstances(level)
  if (instances.length === 0) return notFound
  feed.append(instances.map((instance) => ({ ...instance, action: 'Delete' as const })))
  return noContent
}

const datasetOf = (instance: Instance): unknown => parseJson(instance.last?.metadata ?? '{}')

const studyItem = (instances: ReadonlyArray<Instance>) => {
  const [first] = instances
  const dataset = first === undefined ? {} : datasetOf(first)
  const text = (tag: string, vr: string) => {
    const value = textOf(dataset, tag)
    return { [tag]: value === '' ? { vr } : { vr, Value: [value] } }
  }
  return {
    ...text('00080020', 'DA'),
    ...text('00100020', 'LO'),
    '0020000D': { vr: 'UI', Value: [first?.studyInstanceUid] },
    '00201208': { vr: 'IS', Value: [instances.length] },
  }
}

/** QIDO-RS for studies: enough to count and to page (PS3.18 §10.6). */
export const searchStudies = (feed: Feed, partitionName: string, query: Query): Answer => {
  const limit = integerOf(query, 'limit', { default: 100, min: 1, max: 200 })
  const offset = integerOf(query, 'offset', { default: 0, min: 0 })
  const studyUid = query.get('StudyInstanceUID') ?? query.get('0020000D')
  const patientId = query.get('PatientID') ?? query.get('00100020')

  const found: Instance[][] = []
  let passed = 0
  for (const study of feed.studies()) {
    const [any] = study.values()
    if (any?.partitionName !== partitionName) continue
    if (studyUid !== undefined && any.studyInstanceUid !== studyUid) continue
    const [live] = [...study.values()].filter(isLive)
    if (live === undefined) continue
    if (patientId !== undefined && textOf(datasetOf(live), '00100020') !== patientId) continue
    if (passed++ < offset) continue
    found.push([...study.values()].filter(isLive))
    if (found.length === limit) break
  }
  return found.length === 0 ? noContent : dicomJson(200, JSON.stringify(found.map(studyItem)))
}
