import * as E from 'fp-ts/Either'
import type { LiveRow } from '../../domain/batch/judge'
import { bySequence, halves, rowsOf } from '../../domain/batch/parts'
import { type Plan, planEndpoint } from '../../domain/batch/plan'
import type { Snapshot } from '../../domain/batch/snapshot'
import { type Unit, packUnits } from '../../domain/batch/units'
import { withMismatched } from '../../domain/batch/witnesses'
import type { ServiceError } from '../../domain/cast-error'
import { type InstanceKey, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { blaming } from './blame'
import { pauseBefore } from '../context'
import { type Batch, type Deliver, type Delivered, type OnRejected, done, maxConflicts } from './delivered'
import type { Sent } from './fhir-session'
import { type Known, type Prepared, limitsOf, prepare } from './prepare'
import { takingApart } from './take-apart'

export interface Delivery {
  readonly deliver: Deliver
  /** It began to take a refused transaction apart. */
  readonly splitting: () => boolean
  readonly syncedInstances: ReadonlyArray<InstanceKey>
}

/** What one round of transactions left to do. */
interface Round {
  readonly again: ReadonlyArray<LiveRow>
  /** Why what FHIR holds must be read again. */
  readonly reread: ServiceError | undefined
}

/** What the rounds on the same rows went through. */
interface Rounds {
  readonly onRejected: OnRejected
  readonly patientsAlone: boolean
  conflicts: number
  losses: number
  endpointWrites: number
  /** The text of the last transaction with a deletion that was refused with 409. */
  refusedDeletes: string
}

const stopped = (stop: ServiceError): Delivered => ({ _tag: 'Stop', stop })
const unavailable = (reason: string): Delivered => stopped({ _tag: 'ServiceUnavailable', hop: 'fhir', reason })

const partitionsOf = (rows: ReadonlyArray<LiveRow>): ReadonlySet<string> =>
  new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))

/** A conflict that does not end is trouble of the service. */
export const asOutage = (error: ServiceError): ServiceError =>
  error._tag === 'FhirConflict'
    ? {
        _tag: 'ServiceUnavailable',
        hop: 'fhir',
        reason: 'another writer keeps changing the same resources',
        status: error.status,
      }
    : error

/** Snapshot → plan → transact, in rounds, until nothing is left. */
export const openDelivery = (batch: Batch): Delivery => {
  const { run, session, settlements, position, isRebuild } = batch
  const { settled, newest, settle, settleDelivered, settleStored } = settlements
  const syncedInstances: Array<InstanceKey> = []
  /** Rows of transactions that were sent: what is found unchanged of them later was written by us. */
  const sent = new Set<LiveRow>()
  /** What others refer to: it is emptied, not deleted. */
  const keep = new Set<string>()
  /** Whose demographics conflict, once transactions were sent: later plans meet Patients that are their own doing. */
  let verdicts: ReadonlyMap<string, boolean> = new Map()

  const isMismatch = ({ sequence }: LiveRow): boolean => {
    const settlement = settled.get(sequence)
    return settlement?._tag === 'Recorded' && settlement.error._tag === 'PatientMismatch'
  }

  /** What a plan must know; our position is read before every snapshot. */
  const known = async (patientsAlone: boolean): Promise<E.Either<ServiceError, Known>> => {
    const read = await session.readPosition()
    if (E.isLeft(read)) return read
    const [rowsAlone, reached] = [apart.began(), session.reached()]
    const mismatched = withMismatched(batch.mismatched, batch.live.filter(isMismatch))
    return E.right({ keep, patientsAlone, rowsAlone, mismatched, isRebuild, verdicts, reached, newest })
  }

  /** Endpoints first, in transactions of their own: studies refer to them, and are told apart by them. */
  const ensureEndpoints = async (rows: ReadonlyArray<LiveRow>, snapshot: Snapshot): Promise<Sent | undefined> => {
    for (const partition of partitionsOf(rows)) {
      const entry = planEndpoint(run.settings, snapshot, partition)
      if (entry !== undefined) return session.send([entry], position)
    }
    return undefined
  }

  /** Instances that came with the studies of these rows, now that those stand in FHIR as planned. */
  const noteSynced = (planned: Plan, rows: ReadonlyArray<LiveRow>): void => {
    const studies = new Set(rows.map(({ key }) => studyKeyText(key)))
    syncedInstances.push(...planned.syncedInstances.filter((key) => studies.has(studyKeyText(key))))
  }

  /** Writes an Endpoint that is not as it should be. None when all of them are. */
  const endpointRound = async (
    pending: ReadonlyArray<LiveRow>,
    snapshot: Snapshot,
    rounds: Rounds,
  ): Promise<E.Either<Delivered, Round> | undefined> => {
    const result = await ensureEndpoints(pending, snapshot)
    if (result === undefined) return undefined
    switch (result._tag) {
      case 'Committed':
        rounds.endpointWrites += 1
        return rounds.endpointWrites <= partitionsOf(pending).size
          ? E.right({ again: pending, reread: undefined })
          : E.left(
              unavailable('the Endpoint of the DICOM service is not found by connection-type after it was written'),
            )
      case 'Reread':
        return E.right({ again: pending, reread: result.error })
      case 'Rejected':
        return E.left(unavailable('it refuses the Endpoint of the DICOM service'))
      case 'Failed':
        return E.left(stopped(result.error))
      case 'OutOfTime':
        return E.left({ _tag: 'Stop', stop: result })
    }
  }

  const settleUnwritten = (planned: Plan): void => {
    for (const { row, error } of planned.recorded) settle([row], { _tag: 'Recorded', error })
    for (const row of planned.unchanged) {
      if (sent.has(row)) settleStored([row])
      else settleDelivered([row], { _tag: 'Unchanged' })
    }
    noteSynced(planned, planned.unchanged)
  }

  /** Others refer to it: 409 again for the same bytes, so with the same versions of all, and not for our position. */
  const noteRefusedDeletes = async (
    units: ReadonlyArray<Unit>,
    error: ServiceError,
    version: string | undefined,
    rounds: Rounds,
  ): Promise<E.Either<ServiceError, void>> => {
    const read = await session.readPosition()
    if (E.isLeft(read)) return read
    const deletes = units.flatMap((unit) => unit.deletes)
    const bytes = units.flatMap(({ entries }) => entries.map(({ text }) => text)).join()
    const isRefused = error._tag === 'FhirConflict' && error.status === 409
    if (isRefused && bytes === rounds.refusedDeletes && version === session.version()) {
      for (const reference of deletes) keep.add(reference)
    }
    rounds.refusedDeletes = deletes.length === 0 || !isRefused ? '' : bytes
    return E.right(undefined)
  }

  /** Sends the transactions of a plan, one after the other. What was planned behind one that failed is planned anew. */
  const sendPlan = async (prepared: Prepared, rounds: Rounds): Promise<E.Either<Delivered, Round>> => {
    const { plan: planned } = prepared
    const { onRejected, patientsAlone } = rounds
    const rowsAlone = apart.began() || prepared.isRowsAlone
    const again: Array<LiveRow> = []
    let reread: ServiceError | undefined
    const bundles = packUnits(planned.units, limitsOf(run))
    for (const [index, units] of bundles.entries()) {
      const version = session.version()
      const entries = units.flatMap((unit) => unit.entries)
      const result = await session.send(entries, position)
      if (result._tag === 'OutOfTime') return E.left({ _tag: 'Stop', stop: result })
      // On a plain conflict somebody else changed the Patient: then it is judged afresh.
      const wasSent = result._tag === 'Committed' || (result._tag === 'Reread' && result.error._tag !== 'FhirConflict')
      if (wasSent) verdicts = new Map([...planned.verdicts, ...verdicts])
      if (result._tag === 'Committed') {
        for (const unit of units) {
          unit.rows.forEach((row) => sent.add(row))
          if (unit.entries.some((entry) => result.found.has(entry))) {
            // Somebody created it since the snapshot: read it, and merge into it.
            again.push(...unit.rows)
            reread = { _tag: 'FhirConflict', status: 200 }
          } else if (!patientsAlone) {
            settleStored(unit.rows)
            noteSynced(planned, unit.rows)
          }
          if (!patientsAlone) again.push(...unit.deferred)
        }
        if (reread === undefined) rounds.conflicts = 0
        continue
      }
      if (result._tag === 'Reread') {
        if (wasSent) rowsOf(units).forEach((row) => sent.add(row))
        const noted = await noteRefusedDeletes(units, result.error, version, rounds)
        if (E.isLeft(noted)) return E.left(stopped(noted.left))
        return E.right({ again: [...again, ...rowsOf(bundles.slice(index).flat())], reread: result.error })
      }
      if (result._tag === 'Rejected' && onRejected === 'report') return E.left(result)
      const delivered =
        result._tag === 'Rejected'
          ? await apart.split(units, result.error, rowsAlone)
          : await blame(units, { ...result, rowsAlone }, onRejected)
      if (delivered._tag !== 'Done') return E.left(delivered)
      // Meanwhile a Patient may have been written that the rest of this plan took as it was.
      return E.right({ again: [...again, ...open(rowsOf(bundles.slice(index + 1).flat()))], reread })
    }
    return E.right({ again, reread })
  }

  /** Without those that stand recorded: they were tried alone. */
  const open = (rows: ReadonlyArray<LiveRow>): ReadonlyArray<LiveRow> =>
    rows.filter(({ sequence }) => settled.get(sequence)?._tag !== 'Recorded')

  const deliver: Deliver = async (rows, onRejected, patientsAlone = false) => {
    const rounds: Rounds = {
      ...{ onRejected, patientsAlone },
      ...{ conflicts: 0, losses: 0, endpointWrites: 0, refusedDeletes: '' },
    }
    let pending = rows
    while (pending.length > 0) {
      const prepared = await prepare(run, pending, () => known(patientsAlone))
      if (E.isLeft(prepared)) {
        const isTooMuch = prepared.left._tag === 'AnswerTooLarge' && pending.length > 1
        return isTooMuch ? apart.inTurn(halves(pending)) : stopped(prepared.left)
      }
      const rowsAlone = apart.began() || prepared.right.isRowsAlone
      let round = await endpointRound(pending, prepared.right.snapshot, rounds)
      if (round === undefined) {
        if (!patientsAlone) settleUnwritten(prepared.right.plan)
        round = await sendPlan(prepared.right, rounds)
      }
      if (E.isLeft(round)) return round.left
      const { again, reread } = round.right
      pending = bySequence(again)
      if (reread === undefined) continue
      const held = run.lease.check()
      if (E.isLeft(held)) return stopped(held.left)
      if (reread._tag === 'FhirConflict') rounds.conflicts += 1
      else rounds.losses += 1
      const { conflicts, losses } = rounds
      const goOn = reread._tag === 'FhirConflict' ? conflicts <= maxConflicts : await pauseBefore(run, losses, reread)
      if (goOn) continue
      const waiting: Unit = { rows: pending, entries: [], deferred: [], recorded: [], deletes: [] }
      const failure = { error: asOutage(reread), attempts: Math.max(conflicts, losses), rowsAlone }
      return blame([waiting], failure, onRejected)
    }
    return done
  }

  const apart = takingApart(settlements, deliver)
  const blame = blaming(batch, deliver, apart)
  return { deliver, splitting: apart.began, syncedInstances }
}
