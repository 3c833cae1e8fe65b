import type * as E from 'fp-ts/Either'
import { coalesce } from '../../domain/batch/coalesce'
import { type Delivery, type Stop, beginDelivery, decide, evolve } from '../../domain/batch/delivery'
import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow } from '../../domain/batch/judge'
import { type Settlement, closedLedger } from '../../domain/batch/ledger'
import { keptRejections } from '../../domain/batch/rejections'
import type { ServiceError } from '../../domain/cast-error'
import { type InstanceKey, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { defaultPartition } from '../../domain/dicom/partition'
import type { Run } from '../context'
import type { Ahead } from './ahead'
import { type Delivering, perform } from './deliver'
import type { FhirSession } from './fhir-session'
import { limitsOf } from './prepare'

export interface BatchResult {
  /** By sequence; a row that is not in it is not settled. */
  readonly settled: ReadonlyMap<number, Settlement>
  readonly syncedInstances: ReadonlyArray<InstanceKey>
  readonly stop: Stop | undefined
  /** It was taking a rejected transaction apart when it ended. */
  readonly splitting: boolean
  readonly rejectedStudies: ReadonlyArray<string>
}

/** `rejectedStudies`: refused in a row until now. */
export const nothingCast = (rejectedStudies: ReadonlyArray<string> = []): BatchResult => ({
  ...{ settled: new Map(), syncedInstances: [], stop: undefined, splitting: false, rejectedStudies },
})

export interface BatchInput {
  readonly rows: ReadonlyArray<LiveRow>
  readonly stuckSince: number | undefined
  /** Refused in a row until now; not counted when it is left out: whose rows stand recorded already passes nothing by. */
  readonly rejectedStudies?: ReadonlyArray<string>
  /** Instances with a PatientMismatch on record, by study: what is stored of it now may have settled it. */
  readonly mismatched?: Mismatched
  /** The rows are all live instances of their studies. */
  readonly isRebuild?: boolean
  /** Who holds the lease casts study after study: one that has nothing to write need not move our position again (ADR 2). */
  readonly sparesPosition?: boolean
  /** Nothing is sent until that came about: the checkpoint of the batch before is stored. */
  readonly before?: Promise<E.Either<ServiceError, void>>
  /** Looks up what the batch behind it needs, while its transactions are on their way. */
  readonly next?: (() => Ahead['lookUp']) | undefined
  /** For our position and the audit log, when the rows' own are not those of the feed. */
  readonly sequences?: { readonly from: number; readonly to: number }
}

/** Casts the live rows of one batch into FHIR: does what the delivery decides, until it is finished. */
export const castBatch = async (run: Run, session: FhirSession, input: BatchInput): Promise<BatchResult> => {
  const { stuckSince, rejectedStudies, mismatched = new Map(), isRebuild = false } = input
  const { live, superseded } = coalesce(input.rows)
  const position = input.sequences ?? { from: live[0]?.sequence ?? 0, to: live.at(-1)?.sequence ?? 0 }
  const delivering: Delivering = {
    ...{ run, session, position, mismatched, rebuilt: isRebuild ? live : undefined },
    partition: live[0]?.key.partition ?? defaultPartition,
  }
  session.startBatch(input.before, input.next)
  const { totalRetryDurationMs } = run.settings
  let state = beginDelivery({
    ...{ live, superseded, stuckSince, totalRetryDurationMs, rejectedStudies },
    ...{ limits: limitsOf(run), hasPosition: session.hasPosition },
    hasMoved: input.sparesPosition === true && session.isPositionOurs(),
  })
  for (;;) {
    const action = decide(state)
    if (action._tag === 'Finish') return resultOf(state, action.stop)
    state = evolve(state, await perform(delivering, action))
  }
}

const resultOf = ({ ledger, input, takingApart }: Delivery, stop: Stop | undefined): BatchResult => {
  const settled = closedLedger(ledger, stop?._tag === 'FhirRejectsAll')
  const proven = new Set(input.live.filter(({ sequence }) => settled.has(sequence)).map(({ key }) => studyKeyText(key)))
  return {
    settled,
    // Only of studies that were synced in the end: what is wrong with the others still is.
    syncedInstances: ledger.synced.filter((key) => proven.has(studyKeyText(key))),
    stop,
    splitting: takingApart && stop !== undefined,
    rejectedStudies: ledger.rejections === undefined ? [] : keptRejections(ledger.rejections),
  }
}
