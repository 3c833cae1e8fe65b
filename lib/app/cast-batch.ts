import * as E from 'fp-ts/Either'
import type { Run } from './context'
import { pauseBefore } from './context'
import type { FhirSession, Sent } from './fhir-session'
import { type Known, limitsOf, prepare } from './prepare'
import { coalesce } from '../domain/batch/coalesce'
import type { LiveRow } from '../domain/batch/judge'
import { type Plan, planEndpoint } from '../domain/batch/plan'
import { type Unit, packUnits } from '../domain/batch/units'
import type { Snapshot } from '../domain/batch/snapshot'
import type { EntryError, ServiceError } from '../domain/cast-error'
import { type InstanceKey, studyKeyText } from '../domain/dicom/change-feed-entry'
import { patientKeyText } from '../domain/mapping/patient-identity'
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
  /** Studies with a PatientMismatch on record (studyKeyText): what is stored of them now may have settled it. */
  readonly mismatched?: ReadonlySet<string>
  /** Nothing is sent until that came about: the checkpoint of the batch before is stored. */
  readonly before?: Promise<E.Either<ServiceError, void>>
  /** For our position and the audit log, when the rows' own are not those of the feed. */
  readonly sequences?: { readonly from: number; readonly to: number }
}

type Delivered =
  | { readonly _tag: 'Done' }
  | { readonly _tag: 'Rejected'; readonly error: EntryError }
  | { readonly _tag: 'Stop'; readonly stop: Stop }

interface Failure {
  readonly error: ServiceError
  readonly attempts: number
  /** Whether nothing but the rows in hand was in what failed. */
  readonly rowsAlone: boolean
}

const done: Delivered = { _tag: 'Done' }

/** Conflicts in a row on the same rows before the service counts as unavailable. */
const maxConflicts = 5

/** Casts the live rows of one batch into FHIR: snapshot → plan → transact, and takes apart what is refused. */
export const castBatch = async (run: Run, session: FhirSession, input: BatchInput): Promise<BatchResult> => {
  const { ports, settings } = run
  const { live, superseded } = coalesce(input.rows)
  const settlements = openSettlements(session, superseded, input.rejectedStudies)
  const { settled, newest, settle, settleDelivered, settleStored } = settlements
  const syncedInstances: Array<InstanceKey> = []
  /** Rows of transactions that were sent: what is found unchanged of them later was written by us. */
  const sent = new Set<LiveRow>()
  const keep = new Set<string>()
  /** Studies of which something was stored while they were taken apart: they are not to blame as a whole. */
  const takenStudies = new Set<string>()
  const record = (rows: ReadonlyArray<LiveRow>, error: EntryError): Delivered => {
    const stop = settlements.record(rows, error)
    return stop === undefined ? done : { _tag: 'Stop', stop }
  }
  /** Whose demographics conflict, once transactions were sent: later plans meet Patients that are their own doing. */
  let verdicts: ReadonlyMap<string, boolean> = new Map()
  let splitting = false
  let blaming = false
  const position = input.sequences ?? { from: live[0]?.sequence ?? 0, to: live.at(-1)?.sequence ?? 0 }
  const limits = limitsOf(run)

  /** What a plan must know; our position is read before every snapshot. */
  const known = async (patientsAlone: boolean): Promise<E.Either<ServiceError, Known>> => {
    const position = await session.readPosition()
    if (E.isLeft(position)) return position
    const { mismatched = new Set() } = input
    const reached = session.reached()
    return E.right({ keep, patientsAlone, rowsAlone: splitting, mismatched, verdicts, reached, newest })
  }

  const partitionsOf = (rows: ReadonlyArray<LiveRow>): ReadonlySet<string> =>
    new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))

  /** Endpoints first, in transactions of their own: studies refer to them, and are told apart by them. */
  const ensureEndpoints = async (rows: ReadonlyArray<LiveRow>, snapshot: Snapshot): Promise<Sent | undefined> => {
    for (const partition of partitionsOf(rows)) {
      const entry = planEndpoint(settings, snapshot, partition)
      if (entry !== undefined) return session.send([entry], position)
    }
    return undefined
  }

  /** Whether FHIR failed for these entries alone (docs/adr/0003): then they may be blamed. */
  const patienceIsOver = (): boolean =>
    input.stuckSince !== undefined && ports.clock.now() - input.stuckSince >= settings.totalRetryDurationMs

  const studiesOf = (rows: ReadonlyArray<LiveRow>): ReadonlyArray<ReadonlyArray<LiveRow>> => {
    const studies = new Map<string, Array<LiveRow>>()
    for (const row of rows) {
      const key = studyKeyText(row.key)
      studies.set(key, [...(studies.get(key) ?? []), row])
    }
    return [...studies.values()]
  }

  const halves = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
    const middle = Math.ceil(items.length / 2)
    return [items.slice(0, middle), items.slice(middle)].filter((half) => half.length > 0)
  }

  const inTurn = async (parts: ReadonlyArray<ReadonlyArray<LiveRow>>): Promise<Delivered> => {
    for (const part of parts) {
      const delivered = await deliver(part, 'split')
      if (delivered._tag === 'Stop') return delivered
    }
    return done
  }

  /** Instances that came with the studies of these rows, now that those stand in FHIR as planned. */
  const noteSynced = (planned: Plan, rows: ReadonlyArray<LiveRow>): void => {
    const studies = new Set(rows.map(({ key }) => studyKeyText(key)))
    syncedInstances.push(...planned.syncedInstances.filter((key) => studies.has(studyKeyText(key))))
  }

  const rowsOf = (units: ReadonlyArray<Unit>): ReadonlyArray<LiveRow> => [
    ...new Set(units.flatMap(({ rows, deferred }) => [...rows, ...deferred])),
  ]

  /** A transaction was refused for good: by group, then by study, until the culprits stand alone. */
  const split = async (units: ReadonlyArray<Unit>, error: EntryError, rowsAlone: boolean): Promise<Delivered> => {
    splitting = true
    if (units.length > 1) return inTurn(halves(units).map(rowsOf))
    const rows = [...rowsOf(units)].sort((left, right) => left.sequence - right.sequence)
    const studies = studiesOf(rows)
    if (studies.length > 1) {
      // Patients that went alone and were refused: nothing that needs them can be stored.
      return units.every((unit) => unit.rows.length === 0) ? recordAll(rows, error) : inTurn(studies)
    }
    if (rows.length === 1 && rowsAlone) return record(rows, error)
    const [study = ''] = rows.map(({ key }) => studyKeyText(key))
    return takenStudies.has(study) ? inTurn(halves(rows)) : splitStudy(rows, study)
  }

  /** First its Patient alone, then one entry, then one other: only then is the whole study to blame. */
  const splitStudy = async (rows: ReadonlyArray<LiveRow>, study: string): Promise<Delivered> => {
    const patient = await deliver(rows, 'report', true)
    if (patient._tag === 'Stop') return patient
    if (patient._tag === 'Rejected') return recordAll(rows, patient.error)
    const probes = rows.filter((row) => !isDeletion(row)).slice(0, 2)
    const refused: Array<readonly [LiveRow, EntryError]> = []
    for (const row of probes) {
      const one = await deliver([row], 'report')
      if (one._tag === 'Stop') return one
      if (one._tag === 'Done') break
      refused.push([row, one.error])
    }
    const [last] = refused.slice(-1)
    const isOneReason = new Set(refused.map(([, { _tag }]) => _tag)).size === 1
    if (last !== undefined && refused.length === probes.length && isOneReason) return recordAll(rows, last[1])
    // Some of it can be stored, each for its own reason not, or there are only deletions: from here on by halves, until the
    // culprits stand alone.
    takenStudies.add(study)
    for (const [row, error] of refused) {
      const recorded = record([row], error)
      if (recorded._tag === 'Stop') return recorded
    }
    const rest = rows.filter(({ sequence }) => !settled.has(sequence))
    return inTurn(rest.length === rows.length && rest.length > 1 ? halves(rest) : [rest])
  }

  /** A deletion needs neither the Patient nor the images that were refused. */
  const recordAll = async (rows: ReadonlyArray<LiveRow>, error: EntryError): Promise<Delivered> => {
    const [deletions, upserts] = [rows.filter(isDeletion), rows.filter((row) => !isDeletion(row))]
    const recorded = record(upserts.length === 0 ? deletions : upserts, error)
    const isDone = recorded._tag === 'Stop' || upserts.length === 0 || deletions.length === 0
    return isDone ? recorded : deliver(deletions, 'split')
  }
  const isDeletion = ({ _tag }: LiveRow): boolean => _tag === 'Delete'

  /**
   * Delivers rows until they are settled. `report`: a refusal is only told, not taken apart.
   * `patientsAlone`: writes what Patients these rows need, and settles nothing.
   */
  const deliver = async (
    rows: ReadonlyArray<LiveRow>,
    onRejected: 'split' | 'report',
    patientsAlone = false,
  ): Promise<Delivered> => {
    let pending = rows
    let [conflicts, losses, endpointWrites] = [0, 0, 0]
    let lastDeletes = ''
    while (pending.length > 0) {
      const prepared = await prepare(run, pending, () => known(patientsAlone))
      if (E.isLeft(prepared)) {
        if (prepared.left._tag === 'AnswerTooLarge' && pending.length > 1) return inTurn(halves(pending))
        return { _tag: 'Stop', stop: prepared.left }
      }
      const { plan: planned, snapshot } = prepared.right
      const rowsAlone = splitting || prepared.right.isRowsAlone
      const endpoints = await ensureEndpoints(pending, snapshot)
      if (endpoints?._tag === 'Committed') {
        endpointWrites += 1
        if (endpointWrites <= partitionsOf(pending).size) continue
        const reason = 'the Endpoint of the DICOM service is not found by connection-type after it was written'
        return { _tag: 'Stop', stop: { _tag: 'ServiceUnavailable', hop: 'fhir', reason } }
      }
      if (endpoints?._tag === 'OutOfTime') return { _tag: 'Stop', stop: endpoints }
      if (endpoints?._tag === 'Failed') return { _tag: 'Stop', stop: endpoints.error }
      if (endpoints?._tag === 'Rejected') {
        const reason = 'it refuses the Endpoint of the DICOM service'
        return { _tag: 'Stop', stop: { _tag: 'ServiceUnavailable', hop: 'fhir', reason } }
      }
      if (!patientsAlone && endpoints === undefined) {
        for (const { row, error } of planned.recorded) settle([row], { _tag: 'Recorded', error })
        for (const row of planned.unchanged) {
          if (sent.has(row)) settleStored([row])
          else settleDelivered([row], { _tag: 'Unchanged' })
        }
        noteSynced(planned, planned.unchanged)
      }
      const again: Array<LiveRow> = endpoints === undefined ? [] : [...pending]
      let reread: ServiceError | undefined = endpoints?._tag === 'Reread' ? endpoints.error : undefined
      const bundles = endpoints === undefined ? packUnits(planned.units, limits) : []
      for (const [index, units] of bundles.entries()) {
        const version = session.version()
        const result = await session.send(
          units.flatMap(({ entries }) => entries),
          position,
        )
        // On a plain conflict somebody else changed the Patient: then it is judged afresh.
        const wasSent =
          result._tag === 'Committed' || (result._tag === 'Reread' && result.error._tag !== 'FhirConflict')
        if (wasSent) verdicts = new Map([...planned.verdicts, ...verdicts])
        if (result._tag === 'Committed') {
          for (const unit of units) {
            const foundThere = unit.entries.some((entry) => result.found.has(entry))
            unit.rows.forEach((row) => sent.add(row))
            if (foundThere) {
              // Somebody created it since the snapshot: read it, and merge into it.
              again.push(...unit.rows)
              reread = { _tag: 'FhirConflict', status: 200 }
            }
            if (!foundThere && !patientsAlone) {
              settleStored(unit.rows)
              noteSynced(planned, unit.rows)
            }
            if (!patientsAlone) again.push(...unit.deferred)
          }
          if (reread === undefined) conflicts = 0
          continue
        }
        if (result._tag === 'Rejected') {
          if (onRejected === 'report') return result
          const delivered = await split(units, result.error, rowsAlone)
          if (delivered._tag === 'Stop') return delivered
          // What was taken apart was planned anew, and may have written a Patient that the rest of this plan took as it was.
          again.push(...rowsOf(bundles.slice(index + 1).flat()))
          break
        }
        if (result._tag === 'Reread') {
          if (result.error._tag !== 'FhirConflict') rowsOf(units).forEach((row) => sent.add(row))
          again.push(...rowsOf(bundles.slice(index).flat()))
          reread = result.error
          const deletes = units.flatMap((unit) => unit.deletes)
          const bytes = units.flatMap(({ entries }) => entries.map(({ text }) => text)).join()
          // 409 again for the same bytes, so with the same versions of all, and not for our position: others refer to it.
          const known = await session.readPosition()
          if (E.isLeft(known)) return { _tag: 'Stop', stop: known.left }
          const isRefused = result.error._tag === 'FhirConflict' && result.error.status === 409
          if (isRefused && bytes === lastDeletes && version === session.version()) {
            for (const { study } of deletes) keep.add(study)
          }
          lastDeletes = deletes.length === 0 || !isRefused ? '' : bytes
          break
        }
        if (result._tag === 'OutOfTime') return { _tag: 'Stop', stop: result }
        return failed(units, { ...result, rowsAlone }, onRejected)
      }
      pending = [...new Set(again)].sort((left, right) => left.sequence - right.sequence)
      if (reread === undefined) continue
      const held = run.lease.check()
      if (E.isLeft(held)) return { _tag: 'Stop', stop: held.left }
      if (reread._tag === 'FhirConflict') conflicts += 1
      else losses += 1
      const goOn = reread._tag === 'FhirConflict' ? conflicts <= maxConflicts : await pauseBefore(run, losses, reread)
      if (!goOn)
        return failed(
          [{ rows: pending, entries: [], deferred: [], deletes: [] }],
          { error: asOutage(reread), attempts: Math.max(conflicts, losses), rowsAlone },
          onRejected,
        )
    }
    return done
  }

  const asOutage = (error: ServiceError): ServiceError =>
    error._tag === 'FhirConflict'
      ? {
          _tag: 'ServiceUnavailable',
          hop: 'fhir',
          reason: 'another writer keeps changing the same resources',
          status: error.status,
        }
      : error

  /**
   * FHIR failed for these units, and retries are used up. They are blamed only by comparison: patience is over, our
   * position alone can be written, and so could another study since; where there is none, no other person's fails.
   */
  const failed = async (
    units: ReadonlyArray<Unit>,
    { error, attempts, rowsAlone }: Failure,
    onRejected: 'split' | 'report',
  ): Promise<Delivered> => {
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
    if (blaming) return onRejected === 'report' ? { _tag: 'Rejected', error: blame } : split(units, blame, rowsAlone)
    blaming = true
    const culprits = new Set(rows.map(({ key }) => studyKeyText(key)))
    const others = live.filter(({ key, sequence }) => !culprits.has(studyKeyText(key)) && !settled.has(sequence))
    const failing: Array<LiveRow> = culprits.size > 1 ? [] : [...rows]
    for (const study of studiesOf(culprits.size > 1 ? [...others, ...rows] : others)) {
      const delivered = await deliver(study, 'report')
      if (delivered._tag === 'Stop') return delivered
      if (delivered._tag === 'Rejected' && delivered.error._tag === 'OutlastedRetries') failing.push(...study)
    }
    const compared = live.some(({ sequence }) => settled.get(sequence)?._tag === 'Stored') || isOnePerson(failing)
    return compared ? inTurn(studiesOf([...others, ...rows].filter(({ sequence }) => !settled.has(sequence)))) : stop
  }

  /** One study, or studies of one patient: what fails for all of them can be the fault of one resource. */
  const isOnePerson = (rows: ReadonlyArray<LiveRow>): boolean =>
    studiesOf(rows).length === 1 ||
    new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [patientKeyText(row.identity)] : []))).size <= 1

  const finish = async (): Promise<Stop | undefined> => {
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
  session.startBatch(input.before)
  const stop = await finish()
  settlements.close(stop)
  const delivered = new Set(
    live.filter(({ sequence }) => settlements.isDelivered(sequence)).map(({ key }) => studyKeyText(key)),
  )
  return {
    settled,
    // Only of studies that were synced in the end: what is wrong with the others still is.
    syncedInstances: syncedInstances.filter((key) => delivered.has(studyKeyText(key))),
    stop,
    splitting: splitting && stop !== undefined,
    rejectedStudies: settlements.rejectedStudies(),
  }
}
