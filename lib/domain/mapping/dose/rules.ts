import type { Keyword } from '../../dicom/tags'
import { type ComponentRow, type NamedConcept, concepts, eventRows, summaryRows } from './concepts'

/** What `docs/mapping.md` prints of a rule; dose reports are trees, so a rule names concepts besides tags. */
export interface DoseRule {
  readonly of: 'summary' | 'event'
  readonly element: string
  readonly tags: ReadonlyArray<Keyword>
  readonly concepts: ReadonlyArray<NamedConcept>
  /** Always written; the others can be switched off by their names. */
  readonly required: boolean
  readonly note?: string
}

/** The tags of an instance that a dose report is read from: what is nested in ContentSequence comes with it. */
export const doseKeywords: ReadonlyArray<Keyword> = [
  'SOPClassUID',
  'SOPInstanceUID',
  'StudyDate',
  'SeriesDate',
  'ContentDate',
  'StudyTime',
  'SeriesTime',
  'ContentTime',
  'AccessionNumber',
  'IssuerOfAccessionNumberSequence',
  'TimezoneOffsetFromUTC',
  'StudyInstanceUID',
  'ConceptNameCodeSequence',
  'CompletionFlag',
  'PreliminaryFlag',
  'ContentSequence',
]

const dates: ReadonlyArray<Keyword> = [
  'SeriesDate',
  'SeriesTime',
  'ContentDate',
  'ContentTime',
  'StudyDate',
  'StudyTime',
  'TimezoneOffsetFromUTC',
]

type Described = Pick<DoseRule, 'element'> & Partial<Omit<DoseRule, 'of' | 'element'>>

const ruleOf =
  (of: DoseRule['of']) =>
  (described: Described): DoseRule => ({ of, tags: [], concepts: [], required: false, ...described })

const notesOf: Readonly<Record<ComponentRow['value'], string>> = {
  Quantity: 'Quantity in the unit of the file; an empty MeasuredValueSequence is no issue',
  integer: 'integer',
  CodeableConcept: 'CodeableConcept; the system of the scheme of the value',
}

const componentRule = ({ concept, value, within }: ComponentRow): Described => ({
  element: 'Observation.component',
  tags: value === 'CodeableConcept' ? ['ConceptCodeSequence', 'TextValue'] : ['MeasuredValueSequence', 'NumericValue'],
  concepts: [concept],
  note: `${notesOf[value]}${within === undefined ? '' : `; inside ${within.value} ${within.display}`}`,
})

const ofSummary: ReadonlyArray<Described> = [
  {
    element: 'Observation.identifier',
    tags: ['SOPInstanceUID'],
    required: true,
    note: 'urn:dicom:uid, urn:oid:{uid}, type sop-instance-uid',
  },
  { element: 'Observation.identifier (study)', tags: ['StudyInstanceUID'], required: true },
  {
    element: 'Observation.basedOn',
    tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence'],
    note: 'a logical ServiceRequest, as of the study',
  },
  {
    element: 'Observation.status',
    tags: ['PreliminaryFlag', 'CompletionFlag'],
    required: true,
    note: 'PRELIMINARY, PARTIAL preliminary; FINAL, COMPLETE final; neither: unknown. Superseded: preliminary',
  },
  {
    element: 'Observation.extension',
    tags: ['ContentDate', 'ContentTime', 'PreliminaryFlag', 'CompletionFlag'],
    required: true,
    note: 'what other reports of the study must know: content time, kind of report, status by its own flags',
  },
  {
    element: 'Observation.effectiveDateTime',
    tags: ['DateTime', ...dates],
    concepts: [concepts.irradiationStart, concepts.administrationStart, concepts.eventStart],
    note: 'CT, radiopharmaceutical, else the first event; without it the series, the content, the study',
  },
  {
    element: 'Observation.valueString',
    tags: ['ContentSequence'],
    note: 'the components in one line: names, numbers, units',
  },
  {
    element: 'Observation.device',
    tags: ['TextValue'],
    concepts: [concepts.deviceName, concepts.deviceManufacturer, concepts.deviceModel, concepts.deviceSerialNumber],
    note: 'display: the name, else manufacturer and model, else the serial number',
  },
  ...summaryRows.map(componentRule),
]

const ofEvent: ReadonlyArray<Described> = [
  {
    element: 'Observation.identifier',
    tags: ['UID'],
    concepts: [concepts.eventUid, concepts.administrationUid],
    required: true,
    note: 'urn:dicom:uid, urn:oid:{uid}, type irradiation-event-uid: the same in every report of the study that repeats it',
  },
  {
    element: 'Observation.status',
    tags: ['PreliminaryFlag', 'CompletionFlag'],
    required: true,
    note: 'as of the newest report of the study that lists it',
  },
  {
    element: 'Observation.effectiveDateTime',
    tags: ['DateTime', 'TimezoneOffsetFromUTC'],
    concepts: [concepts.eventStart, concepts.administrationStart],
    note: 'its own start, or none',
  },
  { element: 'Observation.bodySite', tags: ['ConceptCodeSequence'], concepts: [concepts.targetRegion] },
  ...eventRows.map(componentRule),
]

/** Observation, from radiation dose structured reports (`DicomCast__Features__GenerateObservations`). */
export const doseRules: ReadonlyArray<DoseRule> = [...ofSummary.map(ruleOf('summary')), ...ofEvent.map(ruleOf('event'))]
