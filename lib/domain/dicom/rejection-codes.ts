/**
 * Titles of rejection notes (IHE IOCM): PS3.16 CID 7010, of DCM. Of 113001 (quality) the images stay in use, unless a
 * setting says otherwise.
 */
export const rejectionCodes = ['113001', '113037', '113038', '113039'] as const
export type RejectionCode = (typeof rejectionCodes)[number]

/** A rejection note that lists an instance. */
export interface ListingNote {
  /** Its SOPInstanceUID, after its StudyInstanceUID. */
  readonly name: string
  readonly code: RejectionCode
  /** It takes the instance out of FHIR. */
  readonly isHiding: boolean
}

export const rejectionTexts: Readonly<Record<RejectionCode, string>> = {
  113001: 'rejected for quality reasons',
  113037: 'rejected for patient safety reasons',
  113038: 'incorrect modality worklist entry',
  113039: 'data retention policy expired',
}
