import type { ImagingStudy, ImagingStudySeriesInstance, Reference } from 'fhir/r4'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { carriesOurMark, ourMeta, sourceOf } from '../fhir/provenance'
import type { SeriesFields, StudyFields } from './fields'
import { type Change, type MergeMode, applyOnce } from './mapped'
import { modalitiesOf } from './modalities'
import { accessionElement, basedOn } from './orders'
import { type SeriesOfStudy, withOrders, withReasons } from './series-orders'
import type { MappingSettings } from './settings'
import { keeping } from './stated'
import { type SeriesDraft, type StudyDraft, isOurs } from './study-draft'

/** What one entry says about a study, its series and its instance. */
export interface StudyChange {
  readonly study: Change<StudyFields>
  readonly series: Change<SeriesFields>
  readonly instance: Change<ImagingStudySeriesInstance>
}

/** How a row in feed order or a late one, a Create or an Update, meets a study. */
export interface RowKind {
  readonly late: boolean
  readonly update: boolean
}

export const modeOf = ({ late, update }: RowKind, ours: boolean): MergeMode =>
  update ? (ours ? 'correct' : 'replace') : late ? 'fill' : 'follow'

// Coding is required of a series in R4; a rule that requires Modality fills it in the same step.
const newSeries = (uid: string): SeriesFields => ({ uid, modality: {} })
const newInstance = (uid: string): ImagingStudySeriesInstance => ({ uid, sopClass: {} })

const newStudy = (settings: MappingSettings, partition: string, base: ImagingStudy | undefined): StudyFields => ({
  resourceType: 'ImagingStudy',
  ...(base?.id === undefined ? {} : { id: base.id }),
  meta: ourMeta(sourceOf(settings.dicom, partition)),
  status: 'available',
  subject: {},
})

const studyModeOf = (draft: StudyDraft, settings: MappingSettings, kind: RowKind, ours: boolean): MergeMode => {
  if (!ours) return kind.late && !kind.update ? 'fill' : 'enrich'
  const mode = modeOf(kind, ours)
  return mode === 'follow' && draft.base !== undefined && !carriesOurMark(draft.base.meta, settings.dicom)
    ? 'adopt'
    : mode
}

/** Adds or replaces one instance, its series, and what it says about the study. */
export const upsertInstance = (
  draft: StudyDraft,
  settings: MappingSettings,
  key: InstanceKey,
  kind: RowKind,
  change: StudyChange,
): void => {
  draft.touched = true
  const ours = isOurs(draft, settings, key.partition)
  const ofStudy = studyModeOf(draft, settings, kind, ours)
  const mode = ofStudy === 'adopt' ? ofStudy : modeOf(kind, ours)
  const fields = draft.fields ?? newStudy(settings, key.partition, draft.base)
  draft.applied = applyOnce(draft.applied, keeping(draft, change.study), ofStudy, fields)
  draft.fields = draft.applied.to
  const series: SeriesDraft = draft.series.get(key.seriesInstanceUid) ?? {
    base: undefined,
    kept: new Set(),
    fields: newSeries(key.seriesInstanceUid),
    applied: undefined,
    instances: new Map(),
    stated: 0,
  }
  series.applied = applyOnce(series.applied, keeping(series, change.series), mode, series.fields)
  series.fields = series.applied.to
  draft.series.set(key.seriesInstanceUid, series)
  draft.gone.delete(key.seriesInstanceUid)
  // The instance's own elements come from this very row: a late one is as new as any.
  const ownMode = mode === 'fill' ? 'follow' : mode
  const current = series.instances.get(key.sopInstanceUid)
  if (current === undefined) draft.gotImages = true
  series.instances.set(key.sopInstanceUid, change.instance(ownMode)(current ?? newInstance(key.sopInstanceUid)))
}

/**
 * Takes one instance away; a series goes with its last instance, a study of ours with its last series. A series of others
 * that states more than it lists stays.
 */
export const deleteInstance = (draft: StudyDraft, settings: MappingSettings, key: InstanceKey): void => {
  const series = draft.series.get(key.seriesInstanceUid)
  if (series === undefined || !series.instances.delete(key.sopInstanceUid)) return
  draft.touched = true
  if (series.instances.size === 0 && (series.stated === 0 || isOurs(draft, settings, key.partition))) {
    draft.series.delete(key.seriesInstanceUid)
    draft.gone.set(key.seriesInstanceUid, series.fields)
  }
  if (draft.series.size > 0) return
  // A study that comes back after this has nothing of what the deleted images said.
  if (isOurs(draft, settings, key.partition)) {
    draft.fields = undefined
    draft.subject = undefined
  }
  draft.gotImages = false
}

const seriesOf = ({ series, gone }: StudyDraft): SeriesOfStudy => ({
  live: [...series.values()].map(({ fields }) => fields),
  gone: [...gone.values()],
})

/** The one that it refers to stays, whichever of the partition's it is. */
const withEndpoint = (
  existing: ReadonlyArray<Reference>,
  { endpoint, endpoints }: Closing,
): ReadonlyArray<Reference> =>
  endpoint === undefined ||
  existing.some(({ reference = '' }) => reference === endpoint || endpoints.all.has(reference))
    ? existing
    : [...existing, { reference: endpoint }]

const listOrNothing = <K extends string, A>(key: K, list: ReadonlyArray<A>): Partial<Record<K, Array<A>>> =>
  (list.length === 0 ? {} : { [key]: [...list] }) as Partial<Record<K, Array<A>>>

/** The study as FHIR should hold it; 'Deleted' when it should be gone; none when it never was there. */
export type ClosedStudy =
  | { readonly _tag: 'Nothing' }
  | { readonly _tag: 'Deleted'; readonly base: ImagingStudy }
  | { readonly _tag: 'Study'; readonly resource: ImagingStudy }

interface Closing {
  readonly settings: MappingSettings
  readonly partition: string
  /** `Endpoint/{id}`; none while only deletions ask for it. */
  readonly endpoint: string | undefined
  /** All Endpoints of the partition (`Endpoint/{id}`), and those of them that no administrator put there. */
  readonly endpoints: { readonly all: ReadonlySet<string>; readonly ours: ReadonlySet<string> }
  /** The server refused its deletion: it is kept without series. */
  readonly keep: boolean
}

const statusOf = (draft: StudyDraft, fields: StudyFields, { settings }: Closing): ImagingStudy['status'] => {
  const marked = carriesOurMark(fields.meta, settings.dicom)
  if (!draft.gotImages) return fields.status
  return fields.status === 'registered' || (fields.status === 'cancelled' && marked) ? 'available' : fields.status
}

export const closeStudy = (draft: StudyDraft, closing: Closing): ClosedStudy => {
  const { settings, partition, keep } = closing
  if (!draft.touched) return draft.base === undefined ? { _tag: 'Nothing' } : { _tag: 'Study', resource: draft.base }
  if (draft.series.size === 0) {
    if (draft.base === undefined) return { _tag: 'Nothing' }
    return isOurs(draft, settings, partition) && !keep && (draft.base.series ?? []).length > 0
      ? { _tag: 'Deleted', base: draft.base }
      : { _tag: 'Study', resource: withoutImages(draft, draft.base, closing) }
  }
  const fields = draft.fields ?? newStudy(settings, partition, draft.base)
  const ours = isOurs(draft, settings, partition)
  const said = seriesOf(draft)
  const ordered = settings.excludedElements.has(basedOn)
    ? fields
    : withOrders(fields, said, !settings.excludedElements.has(accessionElement))
  const { modality = [], endpoint: endpoints = [], ...rest } = withReasons(ordered, said, ours)
  const series = [...draft.series.values()].map(({ fields: each, instances, stated }) => ({
    ...each,
    numberOfInstances: ours ? instances.size : Math.max(instances.size, stated),
    ...listOrNothing('instance', [...instances.values()]),
  }))
  // On somebody else's study our endpoint goes with our last image.
  const isListed = ours || series.some(({ instance = [] }) => instance.length > 0)
  const served = isListed
    ? withEndpoint(endpoints, closing)
    : endpoints.filter(({ reference }) => reference === undefined || !closing.endpoints.ours.has(reference))
  return {
    _tag: 'Study',
    resource: {
      ...rest,
      status: statusOf(draft, fields, closing),
      subject: draft.subject ?? fields.subject,
      ...listOrNothing('modality', modalitiesOf(said, modality, ours)),
      ...listOrNothing('endpoint', served),
      numberOfSeries: series.length,
      numberOfInstances: series.reduce((total, { numberOfInstances }) => total + numberOfInstances, 0),
      series,
    },
  }
}

/** A study that stays without images: it is somebody else's, or others refer to it. */
const withoutImages = (draft: StudyDraft, base: ImagingStudy, closing: Closing): ImagingStudy => {
  const { settings, partition, endpoints: own } = closing
  const ours = isOurs(draft, settings, partition)
  const { series, modality = [], endpoint: endpoints = [], ...rest } = base
  if ((series ?? []).length === 0) return base
  return {
    ...rest,
    status: ours ? 'cancelled' : base.status,
    ...listOrNothing('modality', modalitiesOf(seriesOf(draft), modality, ours)),
    ...listOrNothing(
      'endpoint',
      endpoints.filter(({ reference }) => reference === undefined || !own.ours.has(reference)),
    ),
    numberOfSeries: 0,
    numberOfInstances: 0,
  }
}
