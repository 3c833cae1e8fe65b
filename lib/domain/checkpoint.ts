import { isDeepStrictEqual } from 'node:util'

/** Sequences that were missing when the row after them was read; both ends belong to it. `seenAt` in ms. */
export interface Hole {
  readonly from: number
  readonly to: number
  readonly seenAt: number
}

/** How far the feed is settled. Rests on a row that exists; only an operator moves it back. */
export interface Checkpoint {
  readonly syncedSequence: number
  /** Of the row there; unknown after the original, an operator, or a new start: then nothing is compared. */
  readonly timestamp?: string
  readonly sopInstanceUid?: string
  readonly holes: ReadonlyArray<Hole>
  /** When the first request failed that still keeps the checkpoint here, ms. */
  readonly stuckSince?: number
  /** The next batch takes no more: a run ended out of time while it was splitting. */
  readonly batchLimit?: number
  /** Digests of the different studies that FHIR refused in a row, none stored between them. */
  readonly rejectedStudies: ReadonlyArray<string>
}

export const newCheckpoint = (syncedSequence: number): Checkpoint => ({
  syncedSequence,
  holes: [],
  rejectedStudies: [],
})

/** Whatever the order of its members: one that was read has another than one that was made. */
export const sameCheckpoint = (left: Checkpoint, right: Checkpoint): boolean => isDeepStrictEqual(left, right)

/** Open holes at the most: one run must be able to probe them all. */
export const maxHoles = 500
