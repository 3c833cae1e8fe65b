import * as E from 'fp-ts/Either'
import type { LiveRow } from '../../domain/batch/judge'
import { byStudy, rowsOf } from '../../domain/batch/parts'
import type { Unit } from '../../domain/batch/units'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { patientKeyText } from '../../domain/mapping/patient-identity'
import type { Batch, Deliver, Delivered, OnRejected } from './delivered'
import type { TakeApart } from './take-apart'

export interface Failure {
  readonly error: ServiceError
  readonly attempts: number
  /** Whether nothing but the rows in hand was in what failed. */
  readonly rowsAlone: boolean
}

/** FHIR failed for these units, and retries are used up: a Stop, unless they are to blame (docs/adr/0003). */
export type Blame = (units: ReadonlyArray<Unit>, failure: Failure, onRejected: OnRejected) => Promise<Delivered>

/**
 * They are blamed only by comparison: patience is over, our position alone can be written, and so could another study
 * since; where there is none, no other person's fails.
 */
export const blaming = (batch: Batch, deliver: Deliver, { split, inTurn }: TakeApart): Blame => {
  const { run, session, live, position, stuckSince } = batch
  const { settled } = batch.settlements
  let begun = false

  const patienceIsOver = (): boolean =>
    stuckSince !== undefined && run.ports.clock.now() - stuckSince >= run.settings.totalRetryDurationMs

  return async (units, { error, attempts, rowsAlone }, onRejected) => {
    const stop: Delivered = { _tag: 'Stop', stop: error }
    if (error._tag !== 'ServiceUnavailable' && error._tag !== 'AccessDenied') return stop
    // Cut short by the end of the run's time: one failure is nobody's fault.
    const isLasting = error._tag === 'AccessDenied' || attempts > 1
    if (!isLasting || !patienceIsOver()) return stop
    const known = await session.readPosition()
    if (E.isLeft(known)) return stop
    const alone = await session.send([], position)
    if (alone._tag !== 'Committed') return stop
    const blame: EntryError = { _tag: 'OutlastedRetries', hop: error.hop, status: error.status }
    const rows = rowsOf(units)
    if (begun) return onRejected === 'report' ? { _tag: 'Rejected', error: blame } : split(units, blame, rowsAlone)
    begun = true
    const culprits = new Set(rows.map(({ key }) => studyKeyText(key)))
    const others = live.filter(({ key, sequence }) => !culprits.has(studyKeyText(key)) && !settled.has(sequence))
    const failing: Array<LiveRow> = culprits.size > 1 ? [] : [...rows]
    for (const study of byStudy(culprits.size > 1 ? [...others, ...rows] : others)) {
      const delivered = await deliver(study, 'report')
      if (delivered._tag === 'Stop') return delivered
      if (delivered._tag === 'Rejected' && delivered.error._tag === 'OutlastedRetries') failing.push(...study)
    }
    const compared = live.some(({ sequence }) => settled.get(sequence)?._tag === 'Stored') || isOnePerson(failing)
    return compared ? inTurn(byStudy([...others, ...rows].filter(({ sequence }) => !settled.has(sequence)))) : stop
  }
}

/** One study, or studies of one patient: what fails for all of them can be the fault of one resource. */
const isOnePerson = (rows: ReadonlyArray<LiveRow>): boolean =>
  byStudy(rows).length === 1 ||
  new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [patientKeyText(row.identity)] : []))).size <= 1
