import { expect } from '@jest/globals'
import type { CodeableConcept, FhirResource, Identifier, ObservationComponent, Quantity } from 'fhir/r4'
import * as TH from 'fp-ts/These'
import type { TagIssue } from '../../../lib/domain/cast-error'
import type { DicomDataset } from '../../../lib/domain/dicom/dataset'
import { type DoseReport, type ObservationBody, mapDoseReport } from '../../../lib/domain/mapping/dose/report'
import { validateResource } from '../../../local/fhir/validate'

/** What the dose mapping must write, spelled out: no constant of the product is used. */
const dcmSystem = 'http://dicom.nema.org/resources/ontology/DCM'
const sctSystem = 'http://snomed.info/sct'

export const identifier = (type: 'sop-instance-uid' | 'irradiation-event-uid', uid: string): Identifier => ({
  type: {
    coding: [{ system: 'http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type', code: type }],
  },
  system: 'urn:dicom:uid',
  value: `urn:oid:${uid}`,
})

const concept =
  (system: string) =>
  (code: string, display: string, text?: string): CodeableConcept => ({
    coding: [{ system, code, display }],
    ...(text === undefined ? {} : { text }),
  })

/** A concept; `text` only where it differs from the file's meaning, or is ours. */
export const inDcm = concept(dcmSystem)
export const inSct = concept(sctSystem)

/** A value of the file: its meaning is the display, and the text. */
export const valueIn = (system: 'DCM' | 'SCT', code: string, meaning: string): CodeableConcept =>
  concept(system === 'DCM' ? dcmSystem : sctSystem)(code, meaning, meaning)

export const quantityOf = (value: number, code: string): Quantity => ({
  value,
  unit: code,
  system: 'http://unitsofmeasure.org',
  code,
})

export const measuredAs = (code: CodeableConcept, value: number, unit: string): ObservationComponent => ({
  code,
  valueQuantity: quantityOf(value, unit),
})

const common = {
  resourceType: 'Observation',
  status: 'final',
  category: [
    {
      coding: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/observation-category',
          code: 'imaging',
          display: 'Imaging',
        },
      ],
    },
  ],
} as const

/** The summary of report 1.2.3.9.1 of study 1.2.3. */
export const summaryOf = (rest: object) => ({
  ...common,
  identifier: [identifier('sop-instance-uid', '1.2.3.9.1'), { system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
  code: {
    coding: [
      {
        system: 'http://loinc.org',
        code: '73569-6',
        display: 'Radiation exposure and protection information',
      },
    ],
  },
  ...rest,
})

export const eventOf = (uid: string, rest: object) => ({
  ...common,
  identifier: [identifier('irradiation-event-uid', uid)],
  code: inDcm('113852', 'Irradiation Event'),
  ...rest,
})

const placed = (body: ObservationBody) => ({
  ...body,
  subject: { reference: 'Patient/1' },
  partOf: [{ reference: 'ImagingStudy/1' }],
})

export interface MappedReport extends DoseReport {
  readonly issues: ReadonlyArray<TagIssue>
}

// Found valid before: a test that spoils a report a thousand times gets few different Observations.
const validated = new Set<string>()

/** Everything that is emitted is valid R4, once it has its references. */
export const expectValid = ({ summary, events }: DoseReport): void => {
  // A UID that DICOM reads and that is no OID (leading zeros, a single arc) is written as it is, as a study's.
  for (const body of [summary, ...events]) {
    const content = JSON.stringify(body)
    if (validated.has(content)) continue
    // As it is sent: a number that keeps its digits is an object until then.
    expect(
      validateResource(JSON.parse(JSON.stringify(placed(body))) as FhirResource).filter(({ rule }) => rule !== 'oid'),
    ).toEqual([])
    validated.add(content)
  }
}

/** Maps, and sees that the result is valid. */
export const mapValid = (dataset: DicomDataset, defaultTimeZone?: string): MappedReport => {
  const mapped = mapDoseReport({ defaultTimeZone })(dataset)
  if (TH.isLeft(mapped)) throw new Error(JSON.stringify(mapped.left))
  expectValid(mapped.right)
  return { ...mapped.right, issues: TH.isBoth(mapped) ? mapped.left : [] }
}

/** Maps without an issue. What its Observations say; not what other reports must know of it. */
export const clean = (dataset: DicomDataset): Omit<DoseReport, 'facts'> => {
  const { issues, facts: _facts, ...report } = mapValid(dataset)
  expect(issues).toEqual([])
  return report
}
