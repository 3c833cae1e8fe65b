import type { Hop } from '../../domain/cast-error'
import type { CodeCount, ErrorTable, RunRecord, TableCount } from '../ports-operator'
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

/** Everything in it is a fact that was read now; what could not be read is not in it, and `health` says why. */
export interface Status {
  readonly at: string
  /** In words, for a person: green, amber (also while it is paused) or red, and why. */
  readonly state: 'fine' | 'behind' | 'paused' | 'broken'
  readonly reasons: ReadonlyArray<string>
  readonly timer: Timer
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
  readonly runs?: ReadonlyArray<RunRecord>
  readonly health: Readonly<Record<Hop, HopHealth>>
}

export type Facts = Omit<Status, 'at' | 'state' | 'reasons'>
