import type { Concept } from '../../dicom/coded-entry'

/** A concept of the dose templates (PS3.16 TID 10001 to 10024), with the meaning that PS3.16 gives it. */
export interface NamedConcept extends Concept {
  readonly display: string
}

const dcm = (value: string, display: string): NamedConcept => ({ value, scheme: 'DCM', display })
const sct = (value: string, display: string): NamedConcept => ({ value, scheme: 'SCT', display })

export const concepts = {
  xRayReport: dcm('113701', 'X-Ray Radiation Dose Report'),
  radiopharmaceuticalReport: dcm('113500', 'Radiopharmaceutical Radiation Dose Report'),
  ctAccumulated: dcm('113811', 'CT Accumulated Dose Data'),
  ctAcquisition: dcm('113819', 'CT Acquisition'),
  ctDose: dcm('113829', 'CT Dose'),
  xRayEvent: dcm('113706', 'Irradiation Event X-Ray Data'),
  administration: dcm('113502', 'Radiopharmaceutical Administration'),
  eventUid: dcm('113769', 'Irradiation Event UID'),
  administrationUid: dcm('113503', 'Radiopharmaceutical Administration Event UID'),
  irradiationStart: dcm('113809', 'Start of X-Ray Irradiation'),
  eventStart: dcm('111526', 'DateTime Started'),
  administrationStart: dcm('123003', 'Radiopharmaceutical Start DateTime'),
  targetRegion: dcm('123014', 'Target Region'),
  plane: dcm('113764', 'Acquisition Plane'),
  laterality: sct('272741003', 'Laterality'),
  observerType: dcm('121005', 'Observer Type'),
  deviceName: dcm('121013', 'Device Observer Name'),
  deviceManufacturer: dcm('121014', 'Device Observer Manufacturer'),
  deviceModel: dcm('121015', 'Device Observer Model Name'),
  deviceSerialNumber: dcm('121016', 'Device Observer Serial Number'),
  procedureReported: dcm('121058', 'Procedure reported'),
  computedTomography: sct('77477000', 'Computed Tomography X-Ray'),
  mammography: sct('71651007', 'Mammography'),
} as const

type ComponentValue = 'Quantity' | 'integer' | 'CodeableConcept'

/** A component: its concept, its value, and where it stands. */
export interface ComponentRow {
  readonly concept: NamedConcept
  readonly value: ComponentValue
  /** The container that it must stand in; anywhere in the report or the event without one. */
  readonly within?: NamedConcept
}

const row = (concept: NamedConcept, value: ComponentValue = 'Quantity', within?: NamedConcept): ComponentRow => ({
  concept,
  value,
  ...(within === undefined ? {} : { within }),
})

// PS3.16 has it in the events of a mammography (TID 10003B); files also accumulate it.
const entranceExposure = row(dcm('111636', 'Entrance Exposure at RP'))

/** Components of the dose summary, in the order in which they are written. */
export const summaryRows: ReadonlyArray<ComponentRow> = [
  row(concepts.procedureReported, 'CodeableConcept'),
  row(dcm('113813', 'CT Dose Length Product Total')),
  row(dcm('113812', 'Total Number of Irradiation Events'), 'integer'),
  row(dcm('113725', 'Dose (RP) Total')),
  row(dcm('113722', 'Dose Area Product Total')),
  row(dcm('113726', 'Fluoro Dose Area Product Total')),
  row(dcm('113727', 'Acquisition Dose Area Product Total')),
  row(dcm('113730', 'Total Fluoro Time')),
  row(dcm('113731', 'Total Number of Radiographic Frames'), 'integer'),
  entranceExposure,
  row(dcm('111637', 'Accumulated Average Glandular Dose')),
  row(dcm('113507', 'Administered activity')),
  row(sct('349358000', 'Radiopharmaceutical agent'), 'CodeableConcept'),
  row(sct('89457008', 'Radionuclide'), 'CodeableConcept'),
  row(sct('410675002', 'Route of administration'), 'CodeableConcept'),
  row(dcm('123005', 'Radiopharmaceutical Volume')),
]

/** Components of an irradiation event. */
export const eventRows: ReadonlyArray<ComponentRow> = [
  row(dcm('113830', 'Mean CTDIvol'), 'Quantity', concepts.ctDose),
  row(dcm('113838', 'DLP'), 'Quantity', concepts.ctDose),
  row(dcm('113835', 'CTDIw Phantom Type'), 'CodeableConcept', concepts.ctDose),
  row(dcm('122130', 'Dose Area Product')),
  row(dcm('113738', 'Dose (RP)')),
  row(dcm('111631', 'Average Glandular Dose')),
  entranceExposure,
]

/** PS3.16 CID 10003. A single plane needs no name. */
export const planeNames: ReadonlyMap<string, string | undefined> = new Map([
  ['113620', 'Plane A'],
  ['113621', 'Plane B'],
  ['113622', undefined],
  ['113890', 'All Planes'],
])

/** PS3.16 CID 244 and CID 6022. */
export const sideNames: ReadonlyMap<string, string> = new Map([
  ['24028007', 'right'],
  ['73056007', 'right'],
  ['7771000', 'left'],
  ['80248007', 'left'],
  ['51440002', 'both sides'],
  ['63762007', 'both sides'],
])
