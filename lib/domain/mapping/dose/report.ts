import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TH from 'fp-ts/These'
import type { ObservationComponent, Reference } from 'fhir/r4'
import type { TagIssue } from '../../cast-error'
import { isConcept, readCodedEntry } from '../../dicom/coded-entry'
import { type DicomDataset, itemsOf } from '../../dicom/dataset'
import {
  type ContentItem,
  type PlacedItem,
  codeOfChild,
  isAbout,
  itemsBelow,
  readContentTree,
} from '../../dicom/structured-report'
import { readValue, valueOf } from '../../dicom/read'
import { type WrittenNumber, textOfNumber } from '../../json'
import { studyIdentifier, typed } from '../../fhir/identifiers'
import { componentsOf } from './components'
import { type NamedConcept, concepts, summaryRows } from './concepts'
import { deviceDisplay } from './device'
import { readEvents } from './events'
import { type ObservationBody, coded, imaging, uidIdentifier } from './observation'
import type { ReportFacts } from './standing'
import { type ReadTime, earliest, readDateTime } from './time'
import { readIssuerItem } from '../issuer'
import type { Mapped } from '../mapped'
import { readStarted } from '../time'
import { readStatus } from './status'

export type { ObservationBody } from './observation'

export interface DoseReport {
  readonly summary: ObservationBody
  /** One an event UID, in document order. */
  readonly events: ReadonlyArray<ObservationBody>
  readonly facts: ReportFacts
}

const sopClasses: ReadonlySet<string> = new Set([
  '1.2.840.10008.5.1.4.1.1.88.67', // X-Ray Radiation Dose SR
  '1.2.840.10008.5.1.4.1.1.88.68', // Radiopharmaceutical Radiation Dose SR
])
// Enhanced X-Ray Radiation Dose SR: templates of its own (PS3.16 TID 10040), which nobody reads yet.
const enhancedXRay = '1.2.840.10008.5.1.4.1.1.88.76'

const radiationExposure: NamedConcept = {
  value: '73569-6',
  scheme: 'LN',
  display: 'Radiation exposure and protection information',
}

/** By SOP class, or by root concept; never by a meaning: real files write it as they like. */
export const isDoseReport = (dataset: DicomDataset): boolean => {
  const sopClass = valueOf(dataset, 'SOPClassUID')
  if (sopClass === enhancedXRay) return false
  if (sopClass !== undefined && sopClasses.has(sopClass)) return true
  const concept = readCodedEntry(dataset, 'ConceptNameCodeSequence')
  return isConcept(concept, concepts.xRayReport) || isConcept(concept, concepts.radiopharmaceuticalReport)
}

/** What a report is about: it decides which time it started, and how its line begins. */
interface Kind {
  readonly title: string
  readonly start: NamedConcept
  readonly kind: ReportFacts['kind']
}

const kindOf = (root: ContentItem, items: ReadonlyArray<PlacedItem>, sopClass: string | undefined): Kind => {
  const has = (concept: NamedConcept): boolean => items.some(({ item }) => isAbout(item, concept))
  const procedure = codeOfChild(root, concepts.procedureReported)
  if (isAbout(root, concepts.radiopharmaceuticalReport) || sopClass?.endsWith('.88.68') === true) {
    const start = concepts.administrationStart
    return { title: 'Radiopharmaceutical radiation dose', start, kind: 'radiopharmaceutical' }
  }
  if (isConcept(procedure, concepts.computedTomography) || has(concepts.ctAccumulated) || has(concepts.ctAcquisition)) {
    return { title: 'CT radiation dose', start: concepts.irradiationStart, kind: 'x-ray' }
  }
  return {
    title: isConcept(procedure, concepts.mammography) ? 'Mammography radiation dose' : 'X-ray radiation dose',
    start: concepts.eventStart,
    kind: 'x-ray',
  }
}

/** When its content was made, by the clock of the modality: to be compared with other reports of the same study. */
const readContentTime = (dataset: DicomDataset): string => {
  const date = valueOf(dataset, 'ContentDate')
  const [seconds = '', fraction = ''] = (valueOf(dataset, 'ContentTime') ?? '').split('.')
  if (date === undefined) return ''
  return seconds === '' ? date : `${date}T${seconds}.${fraction.padEnd(6, '0')}`
}

/** The start of the irradiation, else the time of the series, the content, the study: the first that there is. */
const readEffective = (
  dataset: DicomDataset,
  starts: ReadonlyArray<ContentItem>,
  zone: string | undefined,
): ReadTime => {
  const sources = [
    (): ReadTime => earliest(starts.map(readDateTime(dataset, zone))),
    ...(
      [
        ['SeriesDate', 'SeriesTime'],
        ['ContentDate', 'ContentTime'],
        ['StudyDate', 'StudyTime'],
      ] as const
    ).map(([date, time]) => (): ReadTime => {
      const read = readStarted(date, time, zone)(dataset)
      return {
        value: TH.isLeft(read) ? undefined : O.toUndefined(read.right)?.value,
        issues: TH.isRight(read) ? [] : read.left,
      }
    }),
  ]
  return sources.reduce<ReadTime>(
    (found, source) => {
      if (found.value !== undefined) return found
      const { value, issues } = source()
      return { value, issues: [...found.issues, ...issues] }
    },
    { value: undefined, issues: [] },
  )
}

/** The order, as the study names it: by its accession number, with the issuer that the item has. */
const readOrder = (dataset: DicomDataset): ReadonlyArray<Reference> => {
  const value = valueOf(dataset, 'AccessionNumber')
  if (value === undefined) return []
  const [item] = itemsOf(dataset, 'IssuerOfAccessionNumberSequence')
  const { system, namespace } = item === undefined ? {} : readIssuerItem(item)
  const identifier = {
    type: typed('ACSN'),
    ...(system === undefined ? {} : { system }),
    value,
    ...(namespace === undefined ? {} : { assigner: { display: namespace } }),
  }
  return [{ type: 'ServiceRequest', identifier }]
}

/** One line for a reader: what was measured. Codes, numbers and units alone, so that it never names a person. */
const describe = (title: string, components: ReadonlyArray<ObservationComponent>): string => {
  const values = components.flatMap(({ code, valueInteger, valueQuantity }) => {
    const number: number | WrittenNumber | undefined = valueInteger ?? valueQuantity?.value
    if (number === undefined) return []
    const value = textOfNumber(number)
    const name = code.text ?? code.coding?.[0]?.display ?? ''
    return [[name, value, ...(valueQuantity?.unit === undefined ? [] : [valueQuantity.unit])].join(' ')]
  })
  return `${title}: ${values.length === 0 ? 'no values reported' : values.join('; ')}`
}

const isEventWithDoses = (item: ContentItem): boolean =>
  isAbout(item, concepts.xRayEvent) || isAbout(item, concepts.ctAcquisition)

const onceEach = (issues: ReadonlyArray<TagIssue>): ReadonlyArray<TagIssue> => [
  ...new Map(issues.map((issue) => [JSON.stringify(issue), issue])).values(),
]

const optional = ['basedOn', 'effectiveDateTime', 'valueString', 'device', 'bodySite', 'component'] as const

/** The body without the elements that are switched off. */
const withoutExcluded =
  (excluded: ReadonlySet<string>) =>
  (body: ObservationBody): ObservationBody => {
    const rest: ObservationBody = { ...body }
    for (const element of optional) if (excluded.has(`Observation.${element}`)) delete rest[element]
    return rest
  }

interface DoseSettings {
  readonly defaultTimeZone?: string | undefined
  readonly excludedElements?: ReadonlySet<string>
}

/** The Observations of one radiation dose report. Left only when it is none, or has no UID to be known by. */
export const mapDoseReport =
  ({ defaultTimeZone: zone, excludedElements: excluded = new Set() }: DoseSettings) =>
  (dataset: DicomDataset): Mapped<DoseReport> => {
    const uid = readValue(dataset, 'SOPInstanceUID')
    if (TH.isLeft(uid)) return TH.left([{ _tag: 'TagInvalid', keyword: 'SOPInstanceUID', reason: uid.left }])
    if (O.isNone(uid.right)) return TH.left([{ _tag: 'TagMissing', keyword: 'SOPInstanceUID' }])
    if (!isDoseReport(dataset)) {
      return TH.left([{ _tag: 'TagUnmappable', keyword: 'SOPClassUID', reason: 'not a radiation dose report' }])
    }
    const { root, isCut } = readContentTree(dataset)
    const items = itemsBelow(root)
    // The doses of single events are not the report's; the administration of a radiopharmaceutical is both.
    const ofReport = itemsBelow(root, isEventWithDoses)
    const kind = kindOf(root, items, valueOf(dataset, 'SOPClassUID'))
    const starts = items.map(({ item }) => item).filter((item) => isAbout(item, kind.start))

    const status = readStatus(dataset)
    const effective = readEffective(dataset, starts, zone)
    const { components, issues: componentIssues } = componentsOf(summaryRows, ofReport)
    const { events, issues: eventIssues } = readEvents(items, status.status, readDateTime(dataset, zone))
    const study = valueOf(dataset, 'StudyInstanceUID')
    const order = readOrder(dataset)
    const device = deviceDisplay(root)
    const summary: ObservationBody = {
      resourceType: 'Observation',
      identifier: [
        uidIdentifier('sop-instance-uid', uid.right.value),
        ...(study === undefined ? [] : [studyIdentifier(study)]),
      ],
      ...(order.length === 0 ? {} : { basedOn: [...order] }),
      status: status.status,
      category: imaging,
      code: coded(radiationExposure),
      ...(effective.value === undefined ? {} : { effectiveDateTime: effective.value }),
      valueString: describe(kind.title, components),
      ...(device === undefined ? {} : { device: { display: device } }),
      ...(components.length === 0 ? {} : { component: [...components] }),
    }
    const cut: TagIssue = { _tag: 'TagUnmappable', keyword: 'ContentSequence', reason: 'too deep, or too many items' }
    const issues = onceEach([
      ...(isCut ? [cut] : []),
      ...status.issues,
      ...effective.issues,
      ...componentIssues,
      ...eventIssues,
    ])
    const wanted = withoutExcluded(excluded)
    const facts: ReportFacts = { content: readContentTime(dataset), kind: kind.kind, status: status.status }
    const report = { summary: wanted(summary), events: events.map(wanted), facts }
    return RA.isNonEmpty(issues) ? TH.both(issues, report) : TH.right(report)
  }
