import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow } from '../../domain/batch/judge'
import type { EntryError } from '../../domain/cast-error'
import type { Run } from '../context'
import type { FhirSession } from './fhir-session'
import type { Settlements, Stop } from './settlements'

/** One batch on its way into FHIR. */
export interface Batch {
  readonly run: Run
  readonly session: FhirSession
  /** In sequence order, one an instance. */
  readonly live: ReadonlyArray<LiveRow>
  readonly settlements: Settlements
  /** For our position and the audit log. */
  readonly position: { readonly from: number; readonly to: number }
  readonly stuckSince: number | undefined
  /** Instances with a PatientMismatch on record, by study. */
  readonly mismatched: Mismatched
  /** The rows are all live instances of their studies. */
  readonly isRebuild: boolean
}

export type Delivered =
  | { readonly _tag: 'Done' }
  | { readonly _tag: 'Rejected'; readonly error: EntryError }
  | { readonly _tag: 'Stop'; readonly stop: Stop }

/** Whether a refusal is taken apart, or only told. */
export type OnRejected = 'split' | 'report'

/**
 * Delivers rows until they are settled, or something stops it. `patientsAlone`: writes what Patients these rows need, and
 * settles nothing.
 */
export type Deliver = (
  rows: ReadonlyArray<LiveRow>,
  onRejected: OnRejected,
  patientsAlone?: boolean,
) => Promise<Delivered>

export const done: Delivered = { _tag: 'Done' }

/** Conflicts in a row on the same rows before the service counts as unavailable. */
export const maxConflicts = 5
