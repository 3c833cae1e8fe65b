import type { ImagingStudy, ImagingStudySeriesInstance, Reference } from 'fhir/r4'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { isSourceOf } from '../fhir/provenance'
import type { SeriesFields, StudyFields } from './fields'
import { correctInstance } from './instance'
import type { Applied } from './mapped'
import { correctModality } from './series'
import { withKnownOrders } from './series-orders'
import type { MappingSettings } from './settings'

export interface SeriesDraft {
  /** As FHIR holds it; none when it is new there. */
  readonly base: SeriesFields | undefined
  /** Of its elements, those that stay as they are: an image says so (keepStated). */
  readonly kept: Set<keyof SeriesFields>
  fields: SeriesFields
  applied: Applied<SeriesFields> | undefined
  readonly instances: Map<string, ImagingStudySeriesInstance>
  /** Another system says how many there are, and does not list them all. */
  readonly stated: number
}

/**
 * A study while entries are folded into it: series and instances by UID, in the order they stand in the resource, so
 * that an entry costs the same in a study of ten and of ten thousand images. Lives inside one fold, and is handed out
 * only as a finished resource.
 */
export interface StudyDraft {
  /** As FHIR holds it; none when the study is new there. */
  readonly base: ImagingStudy | undefined
  /** Undefined while the study has no series left and would be deleted. */
  fields: StudyFields | undefined
  applied: Applied<StudyFields> | undefined
  readonly kept: Set<keyof StudyFields>
  readonly series: Map<string, SeriesDraft>
  /** Series that went with their last instances. */
  readonly gone: Map<string, SeriesFields>
  subject: Reference | undefined
  gotImages: boolean
  /** Something was added, replaced or taken away: a study that no row touched stays as it stands. */
  touched: boolean
}

export const openStudy = (base: ImagingStudy | undefined): StudyDraft => {
  const { series = [], ...fields } = base ?? ({} as Partial<ImagingStudy>)
  const draft: StudyDraft = {
    base,
    fields: base === undefined ? undefined : (fields as StudyFields),
    applied: undefined,
    kept: new Set(),
    series: new Map(),
    gone: new Map(),
    subject: base?.subject,
    gotImages: false,
    touched: false,
  }
  const fieldsOf = withKnownOrders(
    fields as StudyFields,
    series.map(({ instance: _instances, ...each }) => each),
  )
  for (const [index, { instance = [], ...each }] of series.entries()) {
    const known = draft.series.get(each.uid)
    const fieldsOfSeries = { ...(fieldsOf[index] ?? each), modality: correctModality(each.modality) }
    const target: SeriesDraft = known ?? {
      base: fieldsOfSeries,
      kept: new Set(),
      fields: fieldsOfSeries,
      applied: undefined,
      instances: new Map(),
      stated: (each.numberOfInstances ?? 0) > instance.length ? (each.numberOfInstances ?? 0) : 0,
    }
    if (known === undefined) draft.series.set(each.uid, target)
    for (const one of instance) {
      if (!target.instances.has(one.uid)) target.instances.set(one.uid, correctInstance(one))
    }
  }
  return draft
}

export const holdsInstance = ({ series }: StudyDraft, key: InstanceKey): boolean =>
  series.get(key.seriesInstanceUid)?.instances.has(key.sopInstanceUid) ?? false

export const hasInstances = ({ series }: Pick<StudyDraft, 'series'>): boolean =>
  [...series.values()].some(({ instances }) => instances.size > 0)

/** New, or written by us from this partition. */
export const isOurs = ({ base }: StudyDraft, { dicom }: MappingSettings, partition: string): boolean =>
  base === undefined || isSourceOf(base.meta, dicom, partition)
