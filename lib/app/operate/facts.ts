import type { Hop } from '../../domain/cast-error'
import type { GateState } from '../ports-gate'
import type { CodeCount, ErrorTable, RunRecord, TableCount } from '../ports-operator'
import type { Reconciliation } from '../ports-source'
import type { Timer } from './timer'

export type HopHealth =
  | { readonly healthy: true; readonly ms: number }
  | { readonly healthy: false; readonly ms: number; readonly reason: string }

export interface LastCast {
  readonly at: string
  readonly ended: string
  readonly kind: RunRecord['kind']
  readonly by: string
  /** It ended ill (WaitingForHoles, too), and none has succeeded since: why it stands, whatever the services answer now. */
  readonly ill: boolean
  readonly reason?: string
  /** Which service the reason is about. */
  readonly hop?: Hop
}

/** What the feed is called, by the row in storage. */
export interface FeedFacts {
  /** None until a run has written. */
  readonly id?: string
  readonly root: string
  readonly formerRoots: ReadonlyArray<string>
  /** What DicomWeb__Endpoint names, where that is another root: no cast works then. */
  readonly setting?: string
  /** It is being renamed to this root, and that is not finished. */
  readonly renamingTo?: string
  /** Of the FHIR server of today; none until it was tried. */
  readonly refusesOldIfMatch?: boolean
}

export interface GateFacts {
  readonly state: GateState
  /** None while nobody has ever closed it. */
  readonly by?: string
  readonly since?: string
}

/** Of an archive without a change feed (docs/archives.md). */
export interface ArchiveFacts {
  readonly source: 'orthanc' | 'dicomweb'
  /** When it is compared with FHIR; null: only by hand. */
  readonly schedule: string | null
  /** The last comparison, or the one at work. None yet, or it cannot be read. */
  readonly reconciliation?: Omit<Reconciliation, 'startedAt' | 'endedAt' | 'doneAt' | 'goOnAt'> & {
    readonly startedAt: string
    /** None: it is not done. */
    readonly endedAt?: string
    /** When one was done, this one or one before. None yet. */
    readonly doneAt?: string
  }
  /** Hints told of more deleted studies than may leave FHIR unasked: these wait for a comparison. */
  readonly goneWaitingSince?: string
  /** It is overdue by its schedule, or was never done. */
  readonly isLate: boolean
}

/** Everything in it is a fact that was read now; what could not be read is not in it, and `health` says why. */
export interface Status {
  readonly at: string
  /** In words, for a person: green, amber (also while it is paused) or red, and why. */
  readonly state: 'fine' | 'behind' | 'paused' | 'broken'
  readonly reasons: ReadonlyArray<string>
  readonly timer: Timer
  /** None before the first run. */
  readonly feed?: FeedFacts
  readonly gate?: GateFacts
  /** None: it has a change feed. One that tells of no change at all has no checkpoint either, no head and no backlog. */
  readonly archive?: ArchiveFacts
  /** The newest one that did something; none has yet, or they cannot be read. */
  readonly lastCast?: LastCast
  readonly checkpoint?: {
    readonly sequence: number
    /** Of the stored row; null when there is none yet. */
    readonly etag: string | null
    readonly timestamp?: string
    readonly stuckSince?: string
    readonly openHoles: number
    readonly refusedStudiesInARow: number
  }
  readonly head?: number
  /** Entries at the most that are not settled: numbers that never became rows count. */
  readonly backlog?: number
  /** Age of the oldest entry that is not settled; 0 when there is none. */
  readonly lagS?: number
  readonly lease: { readonly held: boolean | null; readonly runId?: string; readonly heldForS?: number }
  /** Over the runs listed. */
  readonly entriesPerSecond?: number
  readonly failures: Readonly<Partial<Record<ErrorTable, TableCount>>>
  /** Rows of all tables about whose patient it is. */
  readonly identity?: CodeCount
  /** What the archive has withdrawn by rejection notes, by the note's code (DCM): no failure. */
  readonly withdrawn?: CodeCount
  /** The original can still be gone back to: its account was gone on from, and the take-over is not finished. */
  readonly takeOver?: {
    readonly since: string
    /** What finishing would change, beside the Patients' identifiers; none when it cannot be read. */
    readonly finishing?: { readonly endpoints: number; readonly rows: number }
  }
  readonly runs?: ReadonlyArray<RunRecord>
  readonly health: Readonly<Record<Exclude<Hop, 'identity'>, HopHealth>>
}

export type Facts = Omit<Status, 'at' | 'state' | 'reasons'>
