import * as E from 'fp-ts/Either'
import {
  type Judge,
  type JudgeSettings,
  type LiveRow,
  type RecordedRow,
  makeJudge,
} from '../../../lib/domain/batch/judge'
import type { ChangeFeedEntry } from '../../../lib/domain/dicom/change-feed-entry'
import { type Values, dicomJson, required } from './domain-dataset'

export interface EntryOptions {
  readonly sequence?: number
  readonly action?: 'create' | 'update' | 'delete'
  readonly state?: 'current' | 'replaced' | 'deleted'
  readonly partition?: string
  readonly values?: Values
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** An element of a change feed page: its UIDs are those of its metadata; a delete has none. */
export const wireEntry = (options: EntryOptions = {}): Readonly<Record<string, unknown>> => {
  const { sequence = 1, action = 'create', partition = 'Microsoft.Default' } = options
  const { state = action === 'delete' ? 'deleted' : 'current' } = options
  const values: Values = { ...required, ...options.values }
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
  return {
    sequence,
    partitionName: partition,
    studyInstanceUid: text(options.values?.StudyInstanceUID ?? required.StudyInstanceUID),
    seriesInstanceUid: text(options.values?.SeriesInstanceUID ?? required.SeriesInstanceUID),
    sopInstanceUid: text(options.values?.SOPInstanceUID ?? required.SOPInstanceUID),
    action: capital(action),
    timestamp: '2026-11-23T20:01:39.5941234+00:00',
    state: capital(state),
    ...(action === 'delete' ? {} : { metadata: dicomJson(values) }),
  }
}

/** The entry as the judge decodes it. */
export const entryOf = (judge: Judge, options: EntryOptions = {}): ChangeFeedEntry => {
  const decoded = judge.decode(wireEntry(options))
  if (E.isLeft(decoded)) throw new Error(`malformed: ${decoded.left.paths.join(', ')}`)
  return decoded.right
}

/** A live row; throws when it is rejected or superseded. */
export const rowOf = (settings: JudgeSettings, options: EntryOptions & { readonly late?: boolean } = {}): LiveRow => {
  const judge = makeJudge(settings)
  const judgement = judge.judge(entryOf(judge, options), options.late ?? false)
  if (judgement._tag !== 'Live') throw new Error(`not live: ${JSON.stringify(judgement)}`)
  return judgement.row
}

export interface JudgedFeed {
  readonly live: ReadonlyArray<LiveRow>
  readonly recorded: ReadonlyArray<RecordedRow>
}

/** Judges elements of a page as lib/app does. */
export const judgeFeed = (judge: Judge, elements: ReadonlyArray<unknown>, late = false): JudgedFeed => {
  const judgements = elements.flatMap((element) => {
    const decoded = judge.decode(element)
    return E.isLeft(decoded) ? [] : [judge.judge(decoded.right, late)]
  })
  return {
    live: judgements.flatMap((each) => (each._tag === 'Live' ? [each.row] : [])),
    recorded: judgements.flatMap((each) => (each._tag === 'Recorded' ? [each.row] : [])),
  }
}
