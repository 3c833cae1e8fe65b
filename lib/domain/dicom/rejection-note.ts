import { type InstanceKey } from './change-feed-entry'
import { readCodedEntries } from './coded-entry'
import { type DicomDataset, itemsOf } from './dataset'
import { valueOf } from './read'
import { type RejectionCode, rejectionCodes } from './rejection-codes'

// Rejection notes of IHE IOCM (RAD TF-2 4.66): a Key Object Selection by which an archive withdraws instances.

const keyObjectSelection = '1.2.840.10008.5.1.4.1.1.88.59'

export interface RejectionNote {
  readonly code: RejectionCode
  /** What it lists, of its own partition. */
  readonly instances: ReadonlyArray<Listed>
}

type Listed = Omit<InstanceKey, 'partition'> & { readonly isReport: boolean }

/** Without content: what an index of the feed's tags must keep to read one. */
export const noteKeywords = [
  'SOPClassUID',
  'ConceptNameCodeSequence',
  'CurrentRequestedProcedureEvidenceSequence',
] as const

const codeOf = (dataset: DicomDataset): RejectionCode | undefined => {
  if (valueOf(dataset, 'SOPClassUID') !== keyObjectSelection) return undefined
  const [title] = readCodedEntries(dataset, 'ConceptNameCodeSequence')
  return title?.scheme === 'DCM' ? rejectionCodes.find((code) => code === title.value) : undefined
}

/** The note that this dataset is; none when it is an image, a report, or a selection for another purpose. */
export const readRejectionNote = (dataset: DicomDataset): RejectionNote | undefined => {
  const code = codeOf(dataset)
  if (code === undefined) return undefined
  const instances = itemsOf(dataset, 'CurrentRequestedProcedureEvidenceSequence').flatMap((study) =>
    itemsOf(study, 'ReferencedSeriesSequence').flatMap((series) =>
      itemsOf(series, 'ReferencedSOPSequence').flatMap((item): ReadonlyArray<Listed> => {
        const studyInstanceUid = valueOf(study, 'StudyInstanceUID')
        const seriesInstanceUid = valueOf(series, 'SeriesInstanceUID')
        const sopInstanceUid = valueOf(item, 'ReferencedSOPInstanceUID')
        if (studyInstanceUid === undefined || seriesInstanceUid === undefined || sopInstanceUid === undefined) return []
        const isReport = isReportClass(valueOf(item, 'ReferencedSOPClassUID'))
        return [{ studyInstanceUid, seriesInstanceUid, sopInstanceUid, isReport }]
      }),
    ),
  )
  return { code, instances }
}

/** SOP classes of structured reports: PS3.4 B.5, all below one root. */
const isReportClass = (uid: string | undefined): boolean => uid?.startsWith('1.2.840.10008.5.1.4.1.1.88.') ?? false

/**
 * Does a note of this code take the instance out of FHIR? A report that is called bad, or whose time to be kept is over,
 * says what dose somebody got all the same.
 */
export const takesOut = (code: RejectionCode, isReport: boolean, hidesForQuality: boolean): boolean =>
  isReport ? code === '113037' || code === '113038' : code !== '113001' || hidesForQuality
