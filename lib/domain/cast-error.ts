import type { Hole } from './checkpoint'
import { type ListingNote, type RejectionCode, rejectionTexts } from './dicom/rejection-codes'
import type { Keyword } from './dicom/tags'
import { ranges } from './text'

/** Never the tag's value: values are patient data, and issues are stored and logged. */
export type TagIssue =
  | { readonly _tag: 'TagMissing'; readonly keyword: Keyword }
  | { readonly _tag: 'TagInvalid'; readonly keyword: Keyword; readonly reason: string }
  /** Legal DICOM that FHIR cannot express. */
  | { readonly _tag: 'TagUnmappable'; readonly keyword: Keyword; readonly reason: string }

/** What is wrong with one entry of the feed: it is recorded, and passed by. */
export type EntryError =
  | { readonly _tag: 'EntryMalformed'; readonly paths: ReadonlyArray<string> }
  | { readonly _tag: 'TagsRejected'; readonly issues: ReadonlyArray<TagIssue> }
  | { readonly _tag: 'PatientMismatch' }
  | { readonly _tag: 'IssuerUnknown' }
  | { readonly _tag: 'DemographicsConflict'; readonly patientId: string | undefined }
  | { readonly _tag: 'PatientAmbiguous'; readonly patientIds: ReadonlyArray<string> }
  | { readonly _tag: 'PatientInactive'; readonly patientId: string }
  /**
   * The archive has withdrawn it (IHE IOCM). `notes`: those that list it; none when they are gone, and it could not be read
   * since. `isHidden`: FHIR does not hold it.
   */
  | {
      readonly _tag: 'Rejected'
      readonly code: RejectionCode
      readonly notes: ReadonlyArray<ListingNote>
      readonly isHidden: boolean
    }
  /** FHIR refuses it for good. Issue codes and element paths; never the server's text: servers echo names and ids. */
  | { readonly _tag: 'FhirRejected'; readonly status: number; readonly issues: ReadonlyArray<string> }
  /** It failed for longer than TotalRetryDuration while comparable requests succeeded. */
  | { readonly _tag: 'OutlastedRetries'; readonly hop: Hop; readonly status: number | 'ambiguous' | undefined }

/** `identity`: whoever gives the tokens for one of the others. */
export type Hop = 'dicom' | 'fhir' | 'storage' | 'identity'

/** What ends or delays a run: never the fault of an entry. */
export type ServiceError =
  /** Another writer changed what we read: read again, merge again. */
  | { readonly _tag: 'FhirConflict'; readonly status: number }
  // `reason` is in our own words. `answerLost`: the request may have been carried out. `outOfTime`: it was cut short by the
  // run's own time budget, which says nothing about the service. `timedOut`: it was sent, and no whole answer came within
  // the time of a request. `isAmbiguous`: the archive has more than one study of the UID.
  | {
      readonly _tag: 'ServiceUnavailable'
      readonly hop: Hop
      readonly reason: string
      readonly status?: number
      readonly retryAfterMs?: number
      readonly answerLost?: boolean
      readonly outOfTime?: boolean
      readonly timedOut?: boolean
      readonly isAmbiguous?: boolean
    }
  | { readonly _tag: 'AccessDenied'; readonly hop: Hop; readonly status: number; readonly reason: string }
  /** The answer does not fit: read less at once. */
  | { readonly _tag: 'AnswerTooLarge'; readonly hop: Hop }
  /** `stoodStillS`: this process did nothing for so long, and could not renew it. */
  | { readonly _tag: 'LeaseLost'; readonly stoodStillS?: number }
  /** What somebody asked for cannot be asked of the storage account: a page, a row, a time. Nothing is wrong with it. */
  | { readonly _tag: 'ArgumentRefused' }
  | { readonly _tag: 'CheckpointMoved' }
  /** The row is there, and is no checkpoint. No outage: it stays so until an operator writes it anew, with this ETag. */
  | {
      readonly _tag: 'CheckpointUnreadable'
      readonly reason: string
      readonly etag: string
      /** Where it can be read, and the holes before it. */
      readonly syncedSequence: number | undefined
      /** Those that can be read. */
      readonly holes: ReadonlyArray<Hole>
    }
  /** `head`: as the feed tells it now. */
  | { readonly _tag: 'FeedReset'; readonly head: number; readonly reason: string }
  /** The whole installation does something else, and nothing of this may be written meanwhile. */
  | { readonly _tag: 'GateClosed'; readonly state: string; readonly reason: string }
  /** The setting names another root than the checkpoint's. */
  | { readonly _tag: 'ServiceRenamed'; readonly reason: string }
  | {
      readonly _tag: 'FhirRejectsAll'
      readonly status: number
      readonly issues: ReadonlyArray<string>
      /** Those that are held back: nothing else records them. */
      readonly studies?: ReadonlyArray<RefusedStudy>
    }

export interface RefusedStudy {
  readonly studyInstanceUid: string
  readonly sequences: ReadonlyArray<number>
  readonly status: number
  readonly issues: ReadonlyArray<string>
}

export type CastError = EntryError | ServiceError

export type Disposition = 'Record' | 'Retry' | 'Reread' | 'Halt'

/** The whole failure policy. */
export const disposition = (error: CastError): Disposition => {
  switch (error._tag) {
    case 'EntryMalformed':
    case 'TagsRejected':
    case 'PatientMismatch':
    case 'IssuerUnknown':
    case 'Rejected':
    case 'DemographicsConflict':
    case 'PatientAmbiguous':
    case 'PatientInactive':
    case 'FhirRejected':
    case 'OutlastedRetries':
      return 'Record'
    case 'ServiceUnavailable':
    case 'AnswerTooLarge':
      return 'Retry'
    case 'FhirConflict':
      return 'Reread'
    case 'AccessDenied':
    case 'ArgumentRefused':
    case 'LeaseLost':
    case 'CheckpointMoved':
    case 'CheckpointUnreadable':
    case 'FeedReset':
    case 'GateClosed':
    case 'ServiceRenamed':
    case 'FhirRejectsAll':
      return 'Halt'
  }
}

export type FailTable =
  'DicomFailToStoreExceptionTable' | 'FhirFailToStoreExceptionTable' | 'TransientFailureExceptionTable'

export const failTables: ReadonlyArray<FailTable> = [
  'DicomFailToStoreExceptionTable',
  'FhirFailToStoreExceptionTable',
  'TransientFailureExceptionTable',
]

/** Refused because of the Patient that FHIR has: a later row that names him may show that the reason is gone. */
export const isOfPatient = (code: string): boolean =>
  ['DemographicsConflict', 'PatientAmbiguous', 'PatientInactive'].includes(code)

/** Where an operator finds it. */
export const failTableOf = (error: EntryError): FailTable => {
  switch (error._tag) {
    case 'EntryMalformed':
    case 'TagsRejected':
    case 'PatientMismatch':
    case 'IssuerUnknown':
    case 'Rejected':
      return 'DicomFailToStoreExceptionTable'
    case 'DemographicsConflict':
    case 'PatientAmbiguous':
    case 'PatientInactive':
    case 'FhirRejected':
      return 'FhirFailToStoreExceptionTable'
    case 'OutlastedRetries':
      return 'TransientFailureExceptionTable'
  }
}

const describeIssue = (issue: TagIssue): string => {
  switch (issue._tag) {
    case 'TagMissing':
      return `${issue.keyword} is missing`
    case 'TagInvalid':
      return `${issue.keyword} is invalid: ${issue.reason}`
    case 'TagUnmappable':
      return `${issue.keyword} has no FHIR form: ${issue.reason}`
  }
}

export const describeIssues = (issues: ReadonlyArray<TagIssue>): string => issues.map(describeIssue).join('; ')

const listed = (parts: ReadonlyArray<string>): string => (parts.length === 0 ? '' : ` (${parts.join('; ')})`)

const describeRefused = ({ studyInstanceUid, sequences, status, issues }: RefusedStudy): string =>
  `\n  study ${studyInstanceUid}, ${sequences.length === 1 ? 'entry' : 'entries'} ${ranges(sequences)}: ${status}${listed(issues.slice(0, 3))}`

const describeRejected = ({ code, notes, isHidden }: Extract<EntryError, { _tag: 'Rejected' }>): string =>
  notes.length === 0
    ? `The rejection note (DCM ${code}) is gone, and the instance could not be read since: it is tried again each day.`
    : `The archive has withdrawn it: ${rejectionTexts[code]} (DCM ${code}). ${isHidden ? 'FHIR does not hold it' : 'It stays in FHIR'}.`

/** What an operator reads: codes, element paths, resource ids and our own words, never a value of a patient. */
export const describeEntryError = (error: EntryError): string => {
  switch (error._tag) {
    case 'EntryMalformed':
      return `The change feed entry cannot be read: ${error.paths.join(', ')}.`
    case 'TagsRejected':
      return `${describeIssues(error.issues)}.`
    case 'PatientMismatch':
      return 'The PatientID differs from that of the other instances of the study. Correct the instance in the DICOM service, then replay.'
    case 'IssuerUnknown':
      return 'The issuer of the PatientID is neither mapped nor an absolute URI, or Patient__PartitionSystems does not list the partition. Add it to Patient__IssuerSystems or Patient__PartitionSystems, then replay.'
    case 'Rejected':
      return describeRejected(error)
    case 'DemographicsConflict':
      return `The PatientID belongs to somebody else: name, birth date or sex differ too much (docs/patients.md) from ${error.patientId === undefined ? 'the first entry with this PatientID' : `Patient/${error.patientId}`}.`
    case 'PatientAmbiguous':
      return error.patientIds.length === 1
        ? `The FHIR server takes the identifier of Patient/${error.patientIds[0]} for the same, though it is written otherwise. Correct one of them, then replay.`
        : `More than one Patient has this identifier: ${error.patientIds.map((id) => `Patient/${id}`).join(', ')}. Merge them, then replay.`
    case 'PatientInactive':
      return `Patient/${error.patientId} is inactive or merged, and no live target was found. Correct its link, then replay.`
    case 'FhirRejected':
      return `FHIR refused it with ${error.status}${listed(error.issues)}.`
    case 'OutlastedRetries':
      return error.status === 'ambiguous'
        ? 'The archive has more than one study of this StudyInstanceUID. When only one is left, resync it.'
        : `The ${error.hop} service kept failing for this entry alone${error.status === undefined ? '' : ` with ${error.status}`}. Replay it when the cause is found.`
  }
}

export const describeServiceError = (error: ServiceError): string => {
  switch (error._tag) {
    case 'FhirConflict':
      return `fhir: another writer kept changing the same resources (${error.status})`
    case 'ServiceUnavailable':
    case 'AccessDenied':
      return `${error.hop}: ${error.reason}`
    case 'AnswerTooLarge':
      return `${error.hop}: the answer is larger than the limit`
    case 'ArgumentRefused':
      return 'there is no such page, row or time: give what an answer has told'
    case 'LeaseLost':
      return error.stoodStillS === undefined
        ? 'the lease was lost: another run may be writing'
        : `the lease was lost: this process was blocked or asleep for ${error.stoodStillS} s, and another run may be writing since`
    case 'CheckpointMoved':
      return 'the checkpoint was moved by another writer'
    case 'CheckpointUnreadable':
      return (
        `storage: ${error.reason}; it is neither passed over nor taken for a new start. Correct it, or move the checkpoint` +
        ` to ${error.syncedSequence ?? '0 (behind that, entries that were still awaited are passed by)'}: its etag is ${error.etag}`
      )
    case 'FeedReset':
      return `the change feed is not the one this checkpoint belongs to: ${error.reason}`
    case 'GateClosed':
      return `nothing is written: ${error.reason}`
    case 'ServiceRenamed':
      return error.reason
    case 'FhirRejectsAll':
      return `fhir: it refuses every study with ${error.status}${listed(error.issues)}; nothing is recorded or passed by until it takes one${(error.studies ?? []).map(describeRefused).join('')}`
  }
}
