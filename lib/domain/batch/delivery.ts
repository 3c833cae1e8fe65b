// This file is longer than 250 lines because it is the whole failure policy of a batch, to be read from top to bottom.
//
// What happens to a batch on the wire, as a state machine without I/O: `decide` says what to do next, somebody does it,
// and `evolve` takes in what it came to (docs/adr/0005). The stack holds what is in hand; its last frame acts.
//
//   in hand     | what it came to          | then
//   ------------+--------------------------+---------------------------------------------------------------------------
//   a lot       | planned                  | its Endpoint, then its bundles, one after the other
//               | too large to be read     | each half, as a lot of its own
//               | committed                | its rows are settled; what was only found there is read and planned again
//               | conflict, answer lost    | all that is left is read and planned again: five conflicts, or while there
//               |                          | is time after lost answers; then as if it had failed
//               | a delete is refused      | the same bytes refused twice: emptied instead (below, "a deletion")
//               | refused (of a lot that   | taken apart: by halves of its groups, by study; a study alone is suspected
//               | only tries: told)        |
//               | failed                   | the run stops; when patience is over, a comparison comes first
//   a suspect   | its Patient is refused   | all its images are recorded
//   (one study) | one image and one other  | refused for one reason: all are recorded; else those two, and the rest is
//               |                          | delivered by halves
//   a comparison| our position alone fails | the run stops: it is the service
//               | it can be written        | every other study is tried; one that is stored, or no other person that
//               |                          | fails, and what failed is blamed and taken apart by study; else the run stops
//               | there is none (no Basic) | our Endpoint is written in its place, as it stands
//   a deletion  | each resource that was   | deleted alone, once: summaries, events, study; what is refused again stays
//               | emptied                  | emptied, and so does its study
//   nothing     | our position not moved   | moved, so that no older transaction can be committed any more
//   (the end)   | conflict, answer lost    | what was delivered is planned again, five times at the most
import type { EntryError, ServiceError } from '../cast-error'
import { instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import type { TransactionEntry } from '../fhir/bundle'
import { patientKeyText } from '../mapping/patient-identity'
import type { PlanLimits, Stray } from './fold'
import type { LiveRow } from './judge'
import {
  type Ledger,
  isDelivered,
  isRecordedAs,
  openLedger,
  positionLost,
  positionMoved,
  recordRows,
  refusedStudies,
  settle,
  settleDelivered,
  strayOf,
} from './ledger'
import type { SaidOfPatients } from './newest-study'
import { packUnits } from './pack-units'
import { byStudy, bySequence, halves, inTwo, isDeletion, rowsOf } from './parts'
import type { Plan } from './plan'
import { rejectsAll } from './rejections'
import { type Unit, emptyUnit } from './units'

/** Why a batch ended before all of it was settled. */
export type Stop = ServiceError | { readonly _tag: 'OutOfTime' }

/** What a transaction came to. */
export type Sent =
  /** `found`: entries that were to be created and were there: theirs was not written. */
  | { readonly _tag: 'Committed'; readonly found: ReadonlySet<TransactionEntry> }
  | { readonly _tag: 'Rejected'; readonly error: EntryError }
  /** Read again, merge again: another writer was there, or our own answer was lost. `positionMoved`: by another one. */
  | { readonly _tag: 'Reread'; readonly error: ServiceError; readonly positionMoved: boolean }
  /** `attempts`: one is not enough to blame anybody. */
  | { readonly _tag: 'Failed'; readonly error: ServiceError; readonly attempts: number }
  | { readonly _tag: 'OutOfTime' }

/** What must be planned, and what the plan must know besides the rows and what FHIR holds. */
export interface ToPlan {
  readonly rows: ReadonlyArray<LiveRow>
  /** Write the Patients, and nothing that needs them. */
  readonly patientsAlone: boolean
  /** A reading only says whose the study is: a batch is being taken apart. */
  readonly rowsAlone: boolean
  /** Of this batch, recorded because of whose they are. */
  readonly strays: ReadonlyArray<Stray>
  readonly keep: ReadonlySet<string>
  readonly verdicts: ReadonlyMap<string, boolean>
  readonly said: SaidOfPatients
}

export type Action =
  | { readonly _tag: 'Plan'; readonly input: ToPlan }
  | { readonly _tag: 'Send'; readonly entries: ReadonlyArray<TransactionEntry> }
  /** Make sure of the lease; after a lost answer, wait. */
  | { readonly _tag: 'Wait'; readonly error: ServiceError; readonly attempt: number }
  | { readonly _tag: 'ReadEmptied'; readonly reference: string }
  | { readonly _tag: 'Finish'; readonly stop: Stop | undefined }

export type Event =
  /** `endpoint`: one that must be written first. `isRowsAlone`: no study had to be read whole. */
  | {
      readonly _tag: 'Planned'
      readonly plan: Plan
      readonly endpoint: TransactionEntry | undefined
      readonly isRowsAlone: boolean
    }
  | { readonly _tag: 'NotPlanned'; readonly error: ServiceError }
  /** `now`: ms, by our clock. */
  | { readonly _tag: 'Sent'; readonly sent: Sent; readonly now: number }
  | { readonly _tag: 'Waited'; readonly goOn: boolean; readonly now: number }
  /** The deletion of what was emptied; none when it is gone, or somebody has filled it since. */
  | { readonly _tag: 'EmptiedRead'; readonly deletion: TransactionEntry | undefined }
  | { readonly _tag: 'Halted'; readonly stop: Stop }

/** Rows on their way: read, planned and sent in rounds, until nothing of them is left. */
interface Lot {
  readonly _tag: 'Lot'
  readonly rows: ReadonlyArray<LiveRow>
  /** It only tries: what is refused is told to the frame below. */
  readonly tries: boolean
  readonly patientsAlone: boolean
  /** What is in hand of its plan; none while it must be read and planned. */
  readonly round: Round | undefined
  readonly conflicts: number
  readonly losses: number
  readonly endpointWrites: number
  /** The text of the last transaction with a deletion that was refused. */
  readonly refusedDeletes: string
  /** Why what FHIR holds must be read again. */
  readonly reread: ServiceError | undefined
  /** Nothing but the rows of its units was in its last bundles. */
  readonly rowsAlone: boolean
}

interface Round {
  readonly plan: Plan
  readonly endpoint: TransactionEntry | undefined
  readonly bundles: ReadonlyArray<ReadonlyArray<Unit>>
  readonly again: ReadonlyArray<LiveRow>
}

/** One study of which something is refused. */
interface Suspect {
  readonly _tag: 'Suspect'
  readonly rows: ReadonlyArray<LiveRow>
  readonly stage: 'Patient' | 'Images'
  /** Images that are still to be tried alone; the first is being tried. */
  readonly probes: ReadonlyArray<LiveRow>
  readonly refused: ReadonlyArray<readonly [LiveRow, EntryError]>
}

/** Something fails, and patience is over: is it the service, or is it what is sent? */
interface Comparison {
  readonly _tag: 'Comparison'
  readonly units: ReadonlyArray<Unit>
  readonly rowsAlone: boolean
  readonly error: Extract<ServiceError, { _tag: 'ServiceUnavailable' | 'AccessDenied' }>
  /** Studies that are still to be tried; the first is being tried. None before our position alone was written. */
  readonly others: ReadonlyArray<ReadonlyArray<LiveRow>> | undefined
  readonly failing: ReadonlyArray<LiveRow>
}

/** Resources of one study that were emptied because their deletion was refused. */
interface Deletion {
  readonly _tag: 'Deletion'
  readonly references: ReadonlyArray<string>
  readonly entry: TransactionEntry | undefined
  readonly refused: boolean
  readonly attempts: number
}

type Frame = Lot | Suspect | Comparison | Deletion

export interface Delivery {
  readonly input: DeliveryInput
  readonly stack: ReadonlyArray<Frame>
  readonly ledger: Ledger
  /** Rows of transactions that were sent: what is found unchanged of them later was written by us. */
  readonly sent: ReadonlySet<LiveRow>
  /** Whose demographics conflict, once transactions were sent: later plans meet Patients that are their own doing. */
  readonly verdicts: ReadonlyMap<string, boolean>
  /** What others refer to (references): it is emptied, not deleted. */
  readonly keep: ReadonlySet<string>
  /** Emptied, and still to be deleted alone; by study. */
  readonly emptied: ReadonlyArray<ReadonlyArray<string>>
  /** It began to take something apart. */
  readonly takingApart: boolean
  /** Studies of which something was stored while they were taken apart: they are not to blame as a whole. */
  readonly takenStudies: ReadonlySet<string>
  /** The comparison was made: what fails from here on is blamed. */
  readonly compared: boolean
  /** How often the last move of our position had to be tried again. */
  readonly closings: number
  readonly stop: Stop | undefined
}

export interface DeliveryInput {
  /** In sequence order, one an instance. */
  readonly live: ReadonlyArray<LiveRow>
  readonly superseded: ReadonlyArray<LiveRow>
  readonly limits: PlanLimits
  /** Since when a service keeps the checkpoint where it is, ms. */
  readonly stuckSince: number | undefined
  readonly totalRetryDurationMs: number
  /** Studies refused in a row until now; not counted when it is left out. */
  readonly rejectedStudies: ReadonlyArray<string> | undefined
  /** A server without Basic has no position of ours to move. */
  readonly hasPosition: boolean
  /** It stands as our own last transaction left it, and need not be moved for what has nothing to write. */
  readonly hasMoved?: boolean
}

/** Conflicts in a row on the same rows before the service counts as unavailable. */
const maxConflicts = 5

const unavailable = (reason: string, status?: number): ServiceError => ({
  ...{ _tag: 'ServiceUnavailable', hop: 'fhir', reason },
  ...(status === undefined ? {} : { status }),
})

/** A conflict that does not end is trouble of the service. */
const asOutage = (error: ServiceError): ServiceError =>
  error._tag === 'FhirConflict' ? unavailable('another writer keeps changing the same resources', error.status) : error

const lotOf = (
  rows: ReadonlyArray<LiveRow>,
  { tries, patientsAlone = false }: { tries: boolean; patientsAlone?: boolean },
): Lot => ({
  ...{ _tag: 'Lot', rows, tries, patientsAlone, round: undefined },
  ...{ conflicts: 0, losses: 0, endpointWrites: 0, refusedDeletes: '', reread: undefined, rowsAlone: false },
})

export const beginDelivery = (input: DeliveryInput): Delivery => ({
  input,
  stack: input.live.length === 0 ? [] : [lotOf(input.live, { tries: false })],
  ledger: openLedger(input.superseded, input.rejectedStudies, !input.hasPosition || input.hasMoved === true),
  sent: new Set(),
  verdicts: new Map(),
  keep: new Set(),
  emptied: [],
  takingApart: false,
  takenStudies: new Set(),
  compared: false,
  closings: 0,
  stop: undefined,
})

// What to do next.

export const decide = (state: Delivery): Action => {
  const { stop, stack, ledger, input } = state
  const frame = stack.at(-1)
  if (stop !== undefined) return { _tag: 'Finish', stop }
  switch (frame?._tag) {
    case undefined:
      // Also when nothing had to be written: else an older transaction of a sleeping run could still be committed.
      return ledger.moved || input.live.length === 0
        ? { _tag: 'Finish', stop: undefined }
        : { _tag: 'Send', entries: [] }
    case 'Lot':
      return decideLot(state, frame)
    case 'Deletion':
      return frame.entry === undefined
        ? { _tag: 'ReadEmptied', reference: frame.references[0] ?? '' }
        : { _tag: 'Send', entries: [frame.entry] }
    case 'Comparison':
    case 'Suspect':
      return { _tag: 'Send', entries: [] }
  }
}

const decideLot = ({ input, ledger, keep, verdicts, takingApart }: Delivery, lot: Lot): Action => {
  const { round, reread, rows, patientsAlone } = lot
  if (reread !== undefined && round === undefined) {
    return { _tag: 'Wait', error: reread, attempt: reread._tag === 'FhirConflict' ? lot.conflicts : lot.losses }
  }
  if (round === undefined) {
    const { said } = ledger
    const strays = input.live.flatMap((row) => strayOf(ledger, row))
    return { _tag: 'Plan', input: { rows, patientsAlone, rowsAlone: takingApart, strays, keep, verdicts, said } }
  }
  if (round.endpoint !== undefined) return { _tag: 'Send', entries: [round.endpoint] }
  return { _tag: 'Send', entries: (round.bundles[0] ?? []).flatMap(({ entries }) => entries) }
}

// What it came to.

export const evolve = (state: Delivery, event: Event): Delivery => {
  const frame = state.stack.at(-1)
  if (event._tag === 'Halted') return stopped(state, event.stop)
  switch (frame?._tag) {
    case undefined:
      return event._tag === 'Sent' ? closing(state, event.sent) : state
    case 'Lot':
      return evolveLot(state, frame, event)
    case 'Comparison':
      return event._tag === 'Sent' ? positionTried(state, frame, event.sent) : state
    case 'Deletion':
      return deletionTried(state, frame, event)
    // It acts through the lots above it.
    case 'Suspect':
      return state
  }
}

const stopped = (state: Delivery, stop: Stop): Delivery => ({ ...state, stop })

/** The frame in hand as it is now, and others above it: the last of them is in hand then. */
const inHand = (state: Delivery, ...frames: ReadonlyArray<Frame>): Delivery => ({
  ...state,
  stack: [...state.stack.slice(0, -1), ...frames],
})

const above = (state: Delivery, ...frames: ReadonlyArray<Frame>): Delivery => ({
  ...state,
  stack: [...state.stack, ...frames],
})

/** Each is delivered in its turn, and what is refused of it taken apart. */
const inTurn = (state: Delivery, parts: ReadonlyArray<ReadonlyArray<LiveRow>>): Delivery => {
  const lots = parts.filter(({ length }) => length > 0).map((rows) => lotOf(rows, { tries: false }))
  return lots.length === 0 ? goOn(state) : above(state, ...lots.reverse())
}

const withoutFrame = (state: Delivery): Delivery => ({ ...state, stack: state.stack.slice(0, -1) })

const committed = (state: Delivery): Delivery => ({ ...state, ledger: positionMoved(state.ledger) })

/** Of a conflict nothing was carried out; of a lost answer nobody knows. */
const reread = (state: Delivery, error: ServiceError): Delivery =>
  error._tag === 'FhirConflict' || !state.input.hasPosition ? state : { ...state, ledger: positionLost(state.ledger) }

/** The frame in hand is done; `refused`: what it was to try was refused. */
const ended = (state: Delivery, refused?: EntryError): Delivery => goOn(withoutFrame(state), refused)

/** What was above the frame in hand is done. */
const goOn = (state: Delivery, refused?: EntryError): Delivery => {
  const frame = state.stack.at(-1)
  switch (frame?._tag) {
    case undefined:
      return withDeletions(state)
    case 'Lot':
      // Meanwhile rows of it may have been recorded, and Patients written that its plan took as they were.
      return nextRound(
        state,
        frame,
        frame.rows.filter(({ sequence }) => state.ledger.settled.get(sequence)?._tag !== 'Recorded'),
      )
    case 'Suspect':
      return suspectTried(state, frame, refused)
    case 'Comparison':
      return otherTried(state, frame, refused)
    case 'Deletion':
      return state
  }
}

// A lot.

const evolveLot = (state: Delivery, lot: Lot, event: Exclude<Event, { _tag: 'Halted' }>): Delivery => {
  switch (event._tag) {
    case 'Planned':
      return planned(state, lot, event)
    case 'NotPlanned': {
      const isTooMuch = event.error._tag === 'AnswerTooLarge' && lot.rows.length > 1
      return isTooMuch ? inTurn(inHand(state, { ...lot, rows: [] }), halves(lot.rows)) : stopped(state, event.error)
    }
    case 'Waited':
      return waited(state, lot, event.goOn, event.now)
    case 'Sent':
      if (event.sent._tag === 'OutOfTime') return stopped(state, event.sent)
      return lot.round?.endpoint === undefined
        ? bundleSent(state, lot, event.sent, event.now)
        : endpointSent(state, lot, event.sent)
    case 'EmptiedRead':
      return state
  }
}

/** Rows that need no write are settled; what is left to send is packed into bundles. */
const planned = (state: Delivery, lot: Lot, event: Extract<Event, { _tag: 'Planned' }>): Delivery => {
  const { plan, endpoint, isRowsAlone } = event
  const bundles = packUnits(plan.units, state.input.limits)
  const next = { ...lot, rowsAlone: state.takingApart || isRowsAlone }
  const round: Round = { plan, endpoint, bundles, again: [] }
  if (endpoint !== undefined) return inHand(state, { ...next, round })
  const settled = lot.patientsAlone ? state : { ...state, ledger: settleUnwritten(state, plan) }
  return nextBundle(settled, next, round)
}

const settleUnwritten = ({ input, ledger, sent }: Delivery, plan: Plan): Ledger => {
  const ours = plan.unchanged.filter((row) => sent.has(row))
  const others = plan.unchanged.filter((row) => !sent.has(row))
  let next = ledger
  for (const { row, error } of plan.recorded) next = settle(next, [row], { _tag: 'Recorded', error })
  next = settleDelivered(next, ours, { _tag: 'Stored' })
  next = settleDelivered(next, others, { _tag: 'Unchanged' })
  // What came in by a transaction whose answer was lost stands, too.
  return withSynced(next, input, plan, (study) => !plan.writes.has(study))
}

/** Instances that came with these studies (studyKeyText), now that those stand in FHIR as planned: none stays recorded. */
const withSynced = (
  ledger: Ledger,
  { live }: DeliveryInput,
  plan: Plan,
  stands: (study: string) => boolean,
): Ledger => {
  if (plan.syncedInstances.length === 0) return ledger
  const synced = plan.syncedInstances.filter((key) => stands(studyKeyText(key)))
  const texts = new Set(synced.map(instanceKeyText))
  const strays = live.filter(
    (row) => isRecordedAs(ledger, row, 'PatientMismatch') && texts.has(instanceKeyText(row.key)),
  )
  return { ...settle(ledger, strays, { _tag: 'Stored' }), synced: [...ledger.synced, ...synced] }
}

const nextBundle = (state: Delivery, lot: Lot, round: Round): Delivery =>
  round.bundles.length > 0 ? inHand(state, { ...lot, round }) : nextRound(state, lot, round.again)

/** What a round left is read and planned again, until nothing is left. */
const nextRound = (state: Delivery, lot: Lot, again: ReadonlyArray<LiveRow>): Delivery => {
  if (again.length === 0) return ended(state)
  const isConflict = lot.reread?._tag === 'FhirConflict'
  return inHand(state, {
    ...lot,
    rows: bySequence(again),
    round: undefined,
    conflicts: lot.conflicts + (isConflict ? 1 : 0),
    losses: lot.losses + (lot.reread !== undefined && !isConflict ? 1 : 0),
  })
}

const waited = (state: Delivery, lot: Lot, isInTime: boolean, now: number): Delivery => {
  const { reread: error, conflicts, losses, rows } = lot
  if (error === undefined) return state
  const mayGoOn = error._tag === 'FhirConflict' ? conflicts <= maxConflicts : isInTime
  if (mayGoOn) return inHand(state, { ...lot, reread: undefined })
  const waiting: Unit = { ...emptyUnit, rows }
  const rest: Lot = { ...lot, rows: [], reread: undefined }
  return failed(inHand(state, rest), rest, [waiting], asOutage(error), Math.max(conflicts, losses), now)
}

/** Endpoints go first, in transactions of their own: studies refer to them, and are told apart by them. */
const endpointSent = (state: Delivery, lot: Lot, sent: Exclude<Sent, { _tag: 'OutOfTime' }>): Delivery => {
  switch (sent._tag) {
    case 'Committed': {
      const partitions = new Set(lot.rows.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))
      const endpointWrites = lot.endpointWrites + 1
      return endpointWrites <= partitions.size
        ? inHand(committed(state), { ...lot, round: undefined, endpointWrites })
        : stopped(
            committed(state),
            unavailable('the Endpoint of the DICOM service is not found by connection-type after it was written'),
          )
    }
    case 'Reread':
      return nextRound(reread(state, sent.error), { ...lot, reread: sent.error }, lot.rows)
    case 'Rejected':
      return stopped(state, unavailable('it refuses the Endpoint of the DICOM service'))
    case 'Failed':
      return stopped(state, sent.error)
  }
}

const bundleSent = (before: Delivery, lot: Lot, sent: Exclude<Sent, { _tag: 'OutOfTime' }>, now: number): Delivery => {
  const { round } = lot
  const [units, ...bundles] = round?.bundles ?? []
  if (round === undefined || units === undefined) return before
  // On a plain conflict somebody else changed the Patient: then it is judged afresh.
  const wasSent = sent._tag === 'Committed' || (sent._tag === 'Reread' && sent.error._tag !== 'FhirConflict')
  const state = wasSent ? { ...before, verdicts: new Map([...round.plan.verdicts, ...before.verdicts]) } : before
  /** The lot while this bundle is seen to: what comes behind it is planned anew. */
  const rest: Lot = { ...lot, round: undefined, rows: [...round.again, ...rowsOf(bundles.flat())] }
  switch (sent._tag) {
    case 'Committed':
      return bundleCommitted(state, lot, { ...round, bundles }, units, sent.found)
    case 'Reread': {
      const known = wasSent ? { ...state, sent: new Set([...state.sent, ...rowsOf(units)]) } : state
      const isRefused = sent.error._tag === 'FhirConflict' && sent.error.status === 409
      return planAgain(reread(known, sent.error), rest, units, sent.error, isRefused && !sent.positionMoved)
    }
    case 'Rejected':
      if (isRefusedDelete(sent.error) && units.some(({ deletes }) => deletes.length > 0)) {
        return planAgain(state, rest, units, { _tag: 'FhirConflict', status: 409 }, true)
      }
      return lot.tries ? ended(state, sent.error) : takeApart(inHand(state, rest), units, sent.error, lot.rowsAlone)
    case 'Failed':
      return failed(inHand(state, rest), rest, units, sent.error, sent.attempts, now)
  }
}

const bundleCommitted = (
  state: Delivery,
  lot: Lot,
  round: Round,
  units: ReadonlyArray<Unit>,
  found: ReadonlySet<TransactionEntry>,
): Delivery => {
  const { plan } = round
  let { ledger } = committed(state)
  let { reread: again } = lot
  const left: Array<LiveRow> = []
  for (const unit of units) {
    if (unit.entries.some((entry) => found.has(entry))) {
      // Somebody created it since the snapshot: it is never believed unread. Read it, and merge into it.
      left.push(...unit.rows, ...unit.recorded.map(({ row }) => row))
      again = { _tag: 'FhirConflict', status: 200 }
    } else if (!lot.patientsAlone) {
      ledger = settleDelivered(ledger, unit.rows, { _tag: 'Stored' })
      for (const { row, error } of unit.recorded) ledger = settle(ledger, [row], { _tag: 'Recorded', error })
      // What is taken out may have been what others were at odds with: they came in with it.
      ledger = withSynced(ledger, state.input, plan, (study) => unit.writes.includes(study))
    }
    if (!lot.patientsAlone) left.push(...unit.deferred)
  }
  const sent = new Set([...state.sent, ...units.flatMap(({ rows }) => rows)])
  const conflicts = again === undefined ? 0 : lot.conflicts
  return nextBundle(
    { ...state, ledger, sent },
    { ...lot, conflicts, reread: again },
    { ...round, again: [...round.again, ...left] },
  )
}

/**
 * A conflict, or a refused delete, which on some servers looks the same. The same bytes refused again, at the same
 * versions and not for our position: others refer to what it deletes. Then it is emptied, and its deletion tried alone.
 */
const planAgain = (
  state: Delivery,
  rest: Lot,
  units: ReadonlyArray<Unit>,
  error: ServiceError,
  mayBeRefused: boolean,
): Delivery => {
  const deletes = units.flatMap((unit) => unit.deletes)
  const bytes = units.flatMap(({ entries }) => entries.map(({ text }) => text)).join()
  const isRefused = mayBeRefused && deletes.length > 0
  const isAgain = isRefused && bytes === rest.refusedDeletes
  const parts = isAgain ? inTwo(units) : undefined
  if (parts !== undefined) return inTurn(inHand(state, rest), parts)
  const known = isAgain
    ? { ...state, keep: new Set([...state.keep, ...deletes.flat()]), emptied: [...state.emptied, ...deletes] }
    : state
  const lot: Lot = { ...rest, reread: error, refusedDeletes: isRefused && !isAgain ? bytes : '' }
  return nextRound(known, lot, [...rest.rows, ...rowsOf(units)])
}

/** Some servers refuse a delete that others refer to with a 400 or 422 that says so; 403 and 405 are about rights. */
const isRefusedDelete = (error: EntryError): boolean =>
  error._tag === 'FhirRejected' &&
  (error.status === 400 || error.status === 422) &&
  error.issues.some((issue) => /^(conflict|business-rule)\b/.test(issue))

// Taking apart what is refused. The lot below keeps what comes behind it.

const takeApart = (before: Delivery, units: ReadonlyArray<Unit>, error: EntryError, rowsAlone: boolean): Delivery => {
  const state = { ...before, takingApart: true }
  const parts = inTwo(units)
  if (parts !== undefined) return inTurn(state, parts)
  const rows = bySequence(rowsOf(units))
  const studies = byStudy(rows)
  if (studies.length > 1) {
    // Patients that went alone and were refused: nothing that needs them can be stored.
    const arePatients = units.every((unit) => unit.rows.length === 0 && unit.recorded.length === 0)
    return arePatients ? recordAll(state, rows, error) : inTurn(state, studies)
  }
  if (rows.length === 1 && rowsAlone) return recorded(state, rows, error, goOn)
  const [study = ''] = rows.map(({ key }) => studyKeyText(key))
  if (state.takenStudies.has(study)) return inTurn(state, halves(rows))
  const suspect: Suspect = { _tag: 'Suspect', rows, stage: 'Patient', probes: [], refused: [] }
  return above(state, suspect, lotOf(rows, { tries: true, patientsAlone: true }))
}

const recorded = (
  state: Delivery,
  rows: ReadonlyArray<LiveRow>,
  error: EntryError,
  then: (next: Delivery) => Delivery,
): Delivery => {
  const next = { ...state, ledger: recordRows(state.ledger, rows, error) }
  const { rejections } = next.ledger
  if (error._tag !== 'FhirRejected' || rejections === undefined || !rejectsAll(rejections)) return then(next)
  const { status, issues } = error
  return stopped(next, {
    ...{ _tag: 'FhirRejectsAll', status, issues },
    studies: refusedStudies(next.ledger, next.input.live),
  })
}

/** A deletion needs neither the Patient nor the images that were refused. */
const recordAll = (state: Delivery, rows: ReadonlyArray<LiveRow>, error: EntryError): Delivery => {
  const [deletions, upserts] = [rows.filter(isDeletion), rows.filter((row) => !isDeletion(row))]
  return upserts.length === 0
    ? recorded(state, deletions, error, goOn)
    : recorded(state, upserts, error, (next) => inTurn(next, [deletions]))
}

// A suspect: first its Patient alone, then one image, then one other; only then is the whole study to blame.

const suspectTried = (state: Delivery, suspect: Suspect, refusal: EntryError | undefined): Delivery => {
  const tryNext = (next: Suspect): Delivery => {
    const [probe] = next.probes
    return probe === undefined
      ? suspectJudged(state, next)
      : above(inHand(state, next), lotOf([probe], { tries: true }))
  }
  if (suspect.stage === 'Patient') {
    if (refusal !== undefined) return recordAll(withoutFrame(state), suspect.rows, refusal)
    return tryNext({ ...suspect, stage: 'Images', probes: imagesTried(suspect) })
  }
  const [probe, ...probes] = suspect.probes
  return refusal === undefined || probe === undefined
    ? suspectJudged(state, suspect)
    : tryNext({ ...suspect, probes, refused: [...suspect.refused, [probe, refusal]] })
}

const imagesTried = ({ rows }: Suspect): ReadonlyArray<LiveRow> => rows.filter((row) => !isDeletion(row)).slice(0, 2)

const suspectJudged = (state: Delivery, suspect: Suspect): Delivery => {
  const { rows, refused } = suspect
  const [, reason] = refused.at(-1) ?? []
  const isOneReason = new Set(refused.map(([, { _tag }]) => _tag)).size === 1
  if (reason !== undefined && refused.length === imagesTried(suspect).length && isOneReason) {
    return recordAll(withoutFrame(state), rows, reason)
  }
  // Some of it can be stored, each for its own reason not, or there are only deletions: from here on by halves, until the
  // culprits stand alone.
  const [study = ''] = rows.map(({ key }) => studyKeyText(key))
  let next: Delivery = { ...withoutFrame(state), takenStudies: new Set([...state.takenStudies, study]) }
  for (const [row, error] of refused) next = recorded(next, [row], error, (after) => after)
  if (next.stop !== undefined) return next
  const rest = rows.filter(({ sequence }) => !next.ledger.settled.has(sequence))
  return inTurn(next, rest.length === rows.length && rest.length > 1 ? halves(rest) : [rest])
}

// A comparison: a service is in trouble for one thing, and not for another?

const failed = (
  state: Delivery,
  { rowsAlone }: Lot,
  units: ReadonlyArray<Unit>,
  error: ServiceError,
  attempts: number,
  now: number,
): Delivery => {
  if (error._tag !== 'ServiceUnavailable' && error._tag !== 'AccessDenied') return stopped(state, error)
  // Without a token nothing was asked of FHIR.
  if (error.hop === 'identity') return stopped(state, error)
  const { stuckSince, totalRetryDurationMs } = state.input
  // Cut short by the end of the run's time: one failure is nobody's fault.
  const isLasting = error._tag === 'AccessDenied' || attempts > 1
  const isPatienceOver = stuckSince !== undefined && now - stuckSince >= totalRetryDurationMs
  if (!isLasting || !isPatienceOver) return stopped(state, error)
  return above(state, { _tag: 'Comparison', units, rowsAlone, error, others: undefined, failing: [] })
}

const positionTried = (before: Delivery, comparison: Comparison, sent: Sent): Delivery => {
  const { units, rowsAlone, error } = comparison
  if (sent._tag !== 'Committed') return stopped(before, error)
  const state = committed(before)
  if (state.compared) {
    const blame: EntryError = { _tag: 'OutlastedRetries', hop: error.hop, status: error.status }
    const below = withoutFrame(state)
    const lot = below.stack.at(-1)
    return lot?._tag === 'Lot' && lot.tries ? ended(below, blame) : takeApart(below, units, blame, rowsAlone)
  }
  const rows = rowsOf(units)
  const isOne = byStudy(rows).length <= 1
  const others = byStudy(isOne ? unsettledOthers(state, rows) : [...unsettledOthers(state, rows), ...rows])
  return tryOthers({ ...state, compared: true }, { ...comparison, others, failing: isOne ? rows : [] })
}

const unsettledOthers = ({ input, ledger }: Delivery, rows: ReadonlyArray<LiveRow>): ReadonlyArray<LiveRow> => {
  const culprits = new Set(rows.map(({ key }) => studyKeyText(key)))
  return input.live.filter(({ key, sequence }) => !culprits.has(studyKeyText(key)) && !ledger.settled.has(sequence))
}

const otherTried = (state: Delivery, comparison: Comparison, refusal: EntryError | undefined): Delivery => {
  const [tried = [], ...others] = comparison.others ?? []
  const isFailing = refusal?._tag === 'OutlastedRetries'
  return tryOthers(state, {
    ...comparison,
    others,
    failing: isFailing ? [...comparison.failing, ...tried] : comparison.failing,
  })
}

const tryOthers = (state: Delivery, comparison: Comparison): Delivery => {
  const { units, others = [], failing, error } = comparison
  const [next] = others
  if (next !== undefined) return above(inHand(state, comparison), lotOf(next, { tries: true }))
  const { settled } = state.ledger
  const isStored = state.input.live.some(({ sequence }) => settled.get(sequence)?._tag === 'Stored')
  if (!isStored && !isOnePerson(failing)) return stopped(state, error)
  const rows = rowsOf(units)
  const open = [...unsettledOthers(state, rows), ...rows].filter(({ sequence }) => !settled.has(sequence))
  return inTurn(withoutFrame(state), byStudy(open))
}

/** One study, or studies of one patient: what fails for all of them can be the fault of one resource. */
const isOnePerson = (rows: ReadonlyArray<LiveRow>): boolean =>
  byStudy(rows).length === 1 ||
  new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [patientKeyText(row.identity)] : []))).size <= 1

// The end: what was emptied is deleted where the server allows it, and our position moves.

const withDeletions = (state: Delivery): Delivery => ({
  ...state,
  emptied: [],
  stack: state.emptied.map((references) => ({
    ...{ _tag: 'Deletion', references, entry: undefined, refused: false, attempts: 0 },
  })),
})

const deletionTried = (state: Delivery, deletion: Deletion, event: Exclude<Event, { _tag: 'Halted' }>): Delivery => {
  const next = (refused: boolean): Delivery => {
    // A study that an Observation stays part of stays, too.
    const references = deletion.references.slice(1).filter((each) => !refused || !each.startsWith('ImagingStudy/'))
    const rest: Deletion = { ...deletion, references, entry: undefined, refused, attempts: 0 }
    return references.length === 0 ? ended(inHand(state, rest)) : inHand(state, rest)
  }
  if (event._tag === 'EmptiedRead') {
    return event.deletion === undefined ? next(deletion.refused) : inHand(state, { ...deletion, entry: event.deletion })
  }
  if (event._tag !== 'Sent') return state
  const { sent } = event
  switch (sent._tag) {
    case 'Committed':
      return committed(next(deletion.refused))
    case 'Rejected':
      return next(true)
    case 'Reread': {
      const isRefused = sent.error._tag === 'FhirConflict' && !sent.positionMoved
      const attempts = deletion.attempts + 1
      if (isRefused || attempts > maxConflicts) return reread(next(true), sent.error)
      return inHand(reread(state, sent.error), { ...deletion, entry: undefined, attempts })
    }
    case 'Failed':
      return stopped(state, sent.error)
    case 'OutOfTime':
      return stopped(state, sent)
  }
}

const closing = (state: Delivery, sent: Sent): Delivery => {
  switch (sent._tag) {
    case 'Committed':
      return committed(state)
    case 'Rejected':
      return stopped(state, unavailable('it refuses our position (a Basic resource)'))
    case 'Failed':
      return stopped(state, sent.error)
    case 'OutOfTime':
      return stopped(state, sent)
    case 'Reread': {
      if (state.closings >= maxConflicts) return stopped(state, asOutage(sent.error))
      const rows = state.input.live.filter((row) => isDelivered(state.ledger, row))
      const next = { ...reread(state, sent.error), closings: state.closings + 1 }
      return rows.length === 0 ? next : above(next, lotOf(rows, { tries: false }))
    }
  }
}
