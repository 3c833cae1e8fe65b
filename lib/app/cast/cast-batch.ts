import * as E from 'fp-ts/Either'
import { coalesce } from '../../domain/batch/coalesce'
import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow } from '../../domain/batch/judge'
import type { ServiceError } from '../../domain/cast-error'
import { type InstanceKey, studyKeyText } from '../../domain/dicom/change-feed-entry'
import type { Run } from '../context'
import { asOutage, openDelivery } from './deliver'
import { type Batch, type Deliver, maxConflicts } from './delivered'
import type { FhirSession } from './fhir-session'
import { type Settlement, type Stop, openSettlements } from './settlements'

export interface BatchResult {
  /** By sequence; a row that is not in it is not settled. */
  readonly settled: ReadonlyMap<number, Settlement>
  readonly syncedInstances: ReadonlyArray<InstanceKey>
  readonly stop: Stop | undefined
  /** It was taking a rejected transaction apart when it ended. */
  readonly splitting: boolean
  readonly rejectedStudies: ReadonlyArray<string>
}

export interface BatchInput {
  readonly rows: ReadonlyArray<LiveRow>
  readonly stuckSince: number | undefined
  /** Refused in a row until now; not counted when it is left out: whose rows stand recorded already passes nothing by. */
  readonly rejectedStudies?: ReadonlyArray<string>
  /** Instances with a PatientMismatch on record, by study: what is stored of it now may have settled it. */
  readonly mismatched?: Mismatched
  /** The rows are all live instances of their studies. */
  readonly isRebuild?: boolean
  /** Nothing is sent until that came about: the checkpoint of the batch before is stored. */
  readonly before?: Promise<E.Either<ServiceError, void>>
  /** For our position and the audit log, when the rows' own are not those of the feed. */
  readonly sequences?: { readonly from: number; readonly to: number }
}

/** Casts the live rows of one batch into FHIR, and takes apart what is refused. */
export const castBatch = async (run: Run, session: FhirSession, input: BatchInput): Promise<BatchResult> => {
  const { stuckSince, mismatched = new Map(), isRebuild = false } = input
  const { live, superseded } = coalesce(input.rows)
  const settlements = openSettlements(session, superseded, input.rejectedStudies)
  const position = input.sequences ?? { from: live[0]?.sequence ?? 0, to: live.at(-1)?.sequence ?? 0 }
  const batch: Batch = { run, session, live, settlements, position, stuckSince, mismatched, isRebuild }
  const { deliver, splitting, syncedInstances } = openDelivery(batch)
  session.startBatch(input.before)
  const stop = await finish(batch, deliver)
  settlements.close(stop)
  const delivered = new Set(
    live.filter(({ sequence }) => settlements.isDelivered(sequence)).map(({ key }) => studyKeyText(key)),
  )
  return {
    settled: settlements.settled,
    // Only of studies that were synced in the end: what is wrong with the others still is.
    syncedInstances: syncedInstances.filter((key) => delivered.has(studyKeyText(key))),
    stop,
    splitting: splitting() && stop !== undefined,
    rejectedStudies: settlements.rejectedStudies(),
  }
}

/** Delivers all of it, and moves our position. */
const finish = async (batch: Batch, deliver: Deliver): Promise<Stop | undefined> => {
  const { session, live, position, settlements } = batch
  const delivered = await deliver(live, 'split')
  if (delivered._tag === 'Stop') return delivered.stop
  // Also when nothing had to be written: else an older transaction of a sleeping run could still be committed.
  for (let attempt = 0; live.length > 0 && !session.moved(); attempt++) {
    const known = await session.readPosition()
    if (E.isLeft(known)) return known.left
    const result = await session.send([], position)
    if (result._tag === 'OutOfTime') return result
    if (result._tag === 'Failed') return result.error
    if (result._tag === 'Rejected') {
      return { _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'it refuses our position (a Basic resource)' }
    }
    if (result._tag === 'Reread') {
      if (attempt >= maxConflicts) return asOutage(result.error)
      const again = await deliver(
        live.filter(({ sequence }) => settlements.isDelivered(sequence)),
        'split',
      )
      if (again._tag === 'Stop') return again.stop
    }
  }
  return undefined
}
