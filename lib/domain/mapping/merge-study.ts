import type { Coding, ImagingStudy, ImagingStudySeriesInstance, Reference } from 'fhir/r4'
import type { InstanceKey } from '../dicom/change-feed-entry'
import { acquisitionModalities, codeSystems } from '../fhir/code-systems'
import { carriesOurMark, isSourceOf, ourMeta, sourceOf } from '../fhir/provenance'
import type { SeriesFields, StudyFields } from './fields'
import { correctInstance } from './instance'
import { type Applied, type Change, type MergeMode, applyOnce } from './mapped'
import { correctModality } from './series'
import type { MappingSettings } from './settings'
import { keeping } from './stated'

interface SeriesDraft {
  /** As FHIR holds it; none when it is new there. */
  readonly base: SeriesFields | undefined
  /** Of its elements, those that stay as they are: an image says so (keepStated). */
  readonly kept: Set<keyof SeriesFields>
  fields: SeriesFields
  applied: Applied<SeriesFields> | undefined
  readonly instances: Map<string, ImagingStudySeriesInstance>
}

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
    subject: base?.subject,
    gotImages: false,
    touched: false,
  }
  for (const { instance = [], ...each } of series) {
    const known = draft.series.get(each.uid)
    const fieldsOfSeries = { ...each, modality: correctModality(each.modality) }
    const target: SeriesDraft = known ?? {
      base: fieldsOfSeries,
      kept: new Set(),
      fields: fieldsOfSeries,
      applied: undefined,
      instances: new Map(),
    }
    if (known === undefined) draft.series.set(each.uid, target)
    for (const one of instance) {
      if (!target.instances.has(one.uid)) target.instances.set(one.uid, correctInstance(one))
    }
  }
  return draft
}

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

const isOurs = (draft: StudyDraft, settings: MappingSettings, partition: string): boolean =>
  draft.base === undefined || isSourceOf(draft.base.meta, settings.dicom, partition)

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
  const mode = modeOf(kind, ours)
  const fields = draft.fields ?? newStudy(settings, key.partition, draft.base)
  draft.applied = applyOnce(draft.applied, keeping(draft, change.study), mode, fields)
  draft.fields = draft.applied.to
  const series: SeriesDraft = draft.series.get(key.seriesInstanceUid) ?? {
    base: undefined,
    kept: new Set(),
    fields: newSeries(key.seriesInstanceUid),
    applied: undefined,
    instances: new Map(),
  }
  series.applied = applyOnce(series.applied, keeping(series, change.series), mode, series.fields)
  series.fields = series.applied.to
  draft.series.set(key.seriesInstanceUid, series)
  // The instance's own elements come from this very row: a late one is as new as any.
  const ownMode = mode === 'fill' ? 'follow' : mode
  const current = series.instances.get(key.sopInstanceUid)
  if (current === undefined) draft.gotImages = true
  series.instances.set(key.sopInstanceUid, change.instance(ownMode)(current ?? newInstance(key.sopInstanceUid)))
}

export const holdsInstance = ({ series }: StudyDraft, key: InstanceKey): boolean =>
  series.get(key.seriesInstanceUid)?.instances.has(key.sopInstanceUid) ?? false

export const hasInstances = ({ series }: StudyDraft): boolean =>
  [...series.values()].some(({ instances }) => instances.size > 0)

/** Takes one instance away; a series goes with its last instance, a study of ours with its last series. */
export const deleteInstance = (draft: StudyDraft, settings: MappingSettings, key: InstanceKey): void => {
  const series = draft.series.get(key.seriesInstanceUid)
  if (series === undefined || !series.instances.delete(key.sopInstanceUid)) return
  draft.touched = true
  if (series.instances.size === 0) draft.series.delete(key.seriesInstanceUid)
  if (draft.series.size > 0) return
  // A study that comes back after this has nothing of what the deleted images said.
  if (isOurs(draft, settings, key.partition)) {
    draft.fields = undefined
    draft.subject = undefined
  }
  draft.gotImages = false
}

const modalitiesOf = (draft: StudyDraft, existing: ReadonlyArray<Coding>): ReadonlyArray<Coding> => {
  const codes = [...draft.series.values()].flatMap(({ fields: { modality } }) =>
    modality.system === codeSystems.dcm && modality.code !== undefined && acquisitionModalities.has(modality.code)
      ? [modality.code]
      : [],
  )
  const others = existing.filter(({ system }) => system !== codeSystems.dcm && system !== 'DCM')
  return [...new Set(codes)].map((code): Coding => ({ system: codeSystems.dcm, code })).concat(others)
}

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
      : { _tag: 'Study', resource: withoutImages(draft.base, closing) }
  }
  const fields = draft.fields ?? newStudy(settings, partition, draft.base)
  const { modality = [], endpoint: endpoints = [], ...rest } = fields
  const series = [...draft.series.values()].map(({ fields: each, instances }) => ({
    ...each,
    numberOfInstances: instances.size,
    ...listOrNothing('instance', [...instances.values()]),
  }))
  return {
    _tag: 'Study',
    resource: {
      ...rest,
      status: statusOf(draft, fields, closing),
      subject: draft.subject ?? fields.subject,
      ...listOrNothing('modality', modalitiesOf(draft, modality)),
      ...listOrNothing('endpoint', withEndpoint(endpoints, closing)),
      numberOfSeries: series.length,
      numberOfInstances: series.reduce((total, { numberOfInstances }) => total + numberOfInstances, 0),
      series,
    },
  }
}

/** A study that stays without images: it is somebody else's, or others refer to it. */
const withoutImages = (base: ImagingStudy, closing: Closing): ImagingStudy => {
  const { settings, partition, endpoints: own } = closing
  const { series, modality = [], endpoint: endpoints = [], ...rest } = base
  if ((series ?? []).length === 0) return base
  return {
    ...rest,
    status: isSourceOf(base.meta, settings.dicom, partition) ? 'cancelled' : base.status,
    ...listOrNothing(
      'modality',
      modality.filter(({ system }) => system !== codeSystems.dcm && system !== 'DCM'),
    ),
    ...listOrNothing(
      'endpoint',
      endpoints.filter(({ reference }) => reference === undefined || !own.ours.has(reference)),
    ),
    numberOfSeries: 0,
    numberOfInstances: 0,
  }
}
