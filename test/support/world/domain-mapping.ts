import * as TH from 'fp-ts/These'
import type { ImagingStudySeries, ImagingStudySeriesInstance, Patient } from 'fhir/r4'
import type { TagIssue } from '../../../lib/domain/cast-error'
import type { SeriesFields, StudyFields } from '../../../lib/domain/mapping/fields'
import { studyRules } from '../../../lib/domain/mapping/imaging-study'
import { instanceRules } from '../../../lib/domain/mapping/instance'
import { type MergeMode, type Rule, applyRules } from '../../../lib/domain/mapping/mapped'
import { patientRules } from '../../../lib/domain/mapping/patient'
import { seriesRules } from '../../../lib/domain/mapping/series'
import { seriesOrderRules, withKnownOrders, withOrders, withReasons } from '../../../lib/domain/mapping/series-orders'
import { type Values, datasetOf, required } from './domain-dataset'
import { assertValid } from '../fhir/domain-fhir'
import { type SettingsChanges, settingsOf } from './domain-settings'

export interface Outcome<R> {
  /** None when a required tag keeps the entry out. */
  readonly resource: R | undefined
  readonly issues: ReadonlyArray<TagIssue>
}

/** One entry's values, applied to what FHIR holds; `required` values are there unless they are overridden. */
const applying =
  <R>(rules: ReadonlyArray<Rule<R>>, empty: R, check: (resource: R) => void) =>
  (values: Values, mode: MergeMode = 'follow', base: R = empty): Outcome<R> => {
    const mapped = applyRules(rules)(datasetOf({ ...required, ...values }))
    const resource = TH.isLeft(mapped) ? undefined : mapped.right(mode)(base)
    if (resource !== undefined) check(resource)
    return { resource, issues: TH.isRight(mapped) ? [] : mapped.left }
  }

export const mapPatient = (changes: SettingsChanges = {}, partition = 'Microsoft.Default') =>
  applying<Patient>(patientRules(settingsOf(changes), partition), { resourceType: 'Patient' }, assertValid)

export const emptyStudy: StudyFields = {
  resourceType: 'ImagingStudy',
  status: 'available',
  subject: { reference: 'Patient/1' },
}

/** Of one series: its orders and reasons are the study's. */
export const mapStudy = (zone?: string, excluded: ReadonlySet<string> = new Set()) => {
  const wanted = <R>(rules: ReadonlyArray<Rule<R>>) => rules.filter(({ element }) => !excluded.has(element))
  const ofStudy = applying<StudyFields>(wanted(studyRules(zone, excluded)), emptyStudy, () => undefined)
  const ofSeries = applying<SeriesFields>(wanted(seriesOrderRules), { uid: '1.2.3.1', modality: {} }, () => undefined)
  return (values: Values, mode: MergeMode = 'follow', base: StudyFields = emptyStudy): Outcome<StudyFields> => {
    const { resource, issues } = ofStudy(values, mode, base)
    const [known] = withKnownOrders(base, [{ uid: '1.2.3.1', modality: {} }])
    const series = ofSeries(values, mode, known)
    if (resource === undefined || series.resource === undefined) return { resource, issues }
    const said = { live: [series.resource], gone: [] }
    const ordered = excluded.has('ImagingStudy.basedOn')
      ? resource
      : withOrders(resource, said, !excluded.has('ImagingStudy.identifier:accession'))
    const closed = withReasons(ordered, said, mode !== 'enrich')
    assertValid(closed)
    return { resource: closed, issues }
  }
}

const validSeries = (series: ImagingStudySeries): void => assertValid({ ...emptyStudy, series: [series] })

export const mapSeries = (zone?: string) =>
  applying<SeriesFields>(seriesRules(zone), { uid: '1.2.3.1', modality: {} }, validSeries)

export const mapInstance = applying<ImagingStudySeriesInstance>(
  instanceRules,
  { uid: '1.2.3.1.1', sopClass: {} },
  (instance) => validSeries({ uid: '1.2.3.1', modality: { code: 'CT' }, instance: [instance] }),
)

export const uidType = {
  coding: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: '110180', display: 'Study Instance UID' }],
}
export const dcm = 'http://dicom.nema.org/resources/ontology/DCM'
export const mrType = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] }
export const acsnType = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' }] }

export const invalid = (keyword: TagIssue['keyword'], reason: string): TagIssue => ({
  _tag: 'TagInvalid',
  keyword,
  reason,
})
export const unmappable = (keyword: TagIssue['keyword'], reason: string): TagIssue => ({
  _tag: 'TagUnmappable',
  keyword,
  reason,
})
export const missing = (keyword: TagIssue['keyword']): TagIssue => ({ _tag: 'TagMissing', keyword })
