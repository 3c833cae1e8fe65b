import { digestOf } from './digest'
import type { InstanceKey } from './dicom/change-feed-entry'

/** What a row of a fail table is about: an entry of the feed, or, with the sequence 0, an instance that no entry told of. */
export interface FailRowSubject extends Partial<InstanceKey> {
  readonly sequence: number
}

/** Padded to the digits of an Int64: the order of the keys is the order of the feed. */
export const sequenceKey = (sequence: number): string => String(sequence).padStart(19, '0')

/** The RowKey. One row an entry, or one an instance; instances that tell no UIDs of their own share that of their study. */
export const failRowName = (subject: FailRowSubject): string => {
  const { sequence, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = subject
  return sequence > 0
    ? sequenceKey(sequence)
    : `i-${digestOf([partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid]).slice(0, 32)}`
}

/** A row of the original's: its exception, which is its partition key, and its row key, a GUID. */
export interface OriginalRow {
  readonly type: string
  readonly row: string
}

export const isOriginalRowName = (name: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)

/** The key that the row stands under. */
export const standingRowName = ({
  original,
  ...subject
}: FailRowSubject & { readonly original?: OriginalRow }): string => original?.row ?? failRowName(subject)

export const isFailRowName = (name: string): boolean => /^(\d{19}|i-[0-9a-f]{32})$/.test(name)

/**
 * Whom a row names, so that a later entry of the same person is known by it. Short on purpose: many identifiers share
 * it, so that nobody can find a PatientID by trying them all, and a row that is looked at in vain costs a request.
 */
export const identityDigest = (
  feedRoot: string,
  { system, value }: { readonly system: string | undefined; readonly value: string },
): string => digestOf([feedRoot, system, value]).slice(0, 6)
