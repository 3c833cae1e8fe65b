import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { EntryError } from '../cast-error'
import { type DicomDataset, valuesOfKeyword } from '../dicom/dataset'
import type { Keyword } from '../dicom/tags'
import { readCS, readDA, trimPadding } from '../dicom/vr'

/** Whose it is cannot be told from it. */
export const isUnowned = (error: EntryError): boolean =>
  error._tag === 'IssuerUnknown' ||
  (error._tag === 'TagsRejected' && error.issues.some(({ keyword }) => keyword === 'PatientID'))

/** StudyDate, as FHIR writes it. */
export const dateOf = (dataset: DicomDataset): string | undefined => {
  const read = readDA(valuesOfKeyword(dataset, 'StudyDate'))
  return E.isRight(read) ? O.toUndefined(read.right) : undefined
}

/** A test object: QualityControlSubject is YES. */
export const isPhantom = (dataset: DicomDataset): boolean => {
  const read = readCS(valuesOfKeyword(dataset, 'QualityControlSubject'))
  return E.isRight(read) && O.isSome(read.right) && read.right.value === 'YES'
}

/** Empty when it is not there. */
export const uidIn = (dataset: DicomDataset | undefined, keyword: Keyword): string => {
  const [value] = dataset === undefined ? [] : valuesOfKeyword(dataset, keyword)
  return typeof value === 'string' ? trimPadding(value) : ''
}

export const uidsIn = (dataset: DicomDataset | undefined) => ({
  seriesInstanceUid: uidIn(dataset, 'SeriesInstanceUID'),
  sopInstanceUid: uidIn(dataset, 'SOPInstanceUID'),
})
