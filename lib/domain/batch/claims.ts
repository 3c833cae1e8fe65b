import type { Patient } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import type { DicomDataset } from '../dicom/dataset'
import { valueOf } from '../dicom/read'

export const nobody: Patient = { resourceType: 'Patient' }

/** Whose it is cannot be told from it. */
export const isUnowned = (error: EntryError): boolean =>
  error._tag === 'IssuerUnknown' ||
  (error._tag === 'TagsRejected' && error.issues.some(({ keyword }) => keyword === 'PatientID'))

/** StudyDate, as FHIR writes it. */
export const dateOf = (dataset: DicomDataset): string | undefined => valueOf(dataset, 'StudyDate')

/** A test object: QualityControlSubject is YES. */
export const isPhantom = (dataset: DicomDataset): boolean => valueOf(dataset, 'QualityControlSubject') === 'YES'

/** Empty where it cannot be read. */
export const uidIn = (
  dataset: DicomDataset | undefined,
  keyword: 'StudyInstanceUID' | 'SeriesInstanceUID' | 'SOPInstanceUID',
): string => (dataset === undefined ? undefined : valueOf(dataset, keyword)) ?? ''

export const uidsIn = (dataset: DicomDataset | undefined) => ({
  seriesInstanceUid: uidIn(dataset, 'SeriesInstanceUID'),
  sopInstanceUid: uidIn(dataset, 'SOPInstanceUID'),
})
