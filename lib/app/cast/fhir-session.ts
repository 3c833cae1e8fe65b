import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Basic } from 'fhir/r4'
import type { Sent } from '../../domain/batch/delivery'
import { createdPatient } from '../../domain/batch/units'
import type { ServiceError } from '../../domain/cast-error'
import { type TransactionEntry, asIfMatch, transactionText, updateEntry } from '../../domain/fhir/bundle'
import { notesOf } from '../../domain/fhir/position'
import { type Run, pauseBefore, remainingMs } from '../context'
import type { FhirSearch, TransactOutcome } from '../ports'
import { type Ahead, type Found, foundAhead, noteWritten, writesEndpoint } from './ahead'
import { type Fence, positionFence } from './fence'

/**
 * Our transactions of one run. Each carries our position in FHIR (or another fence) with If-Match: one that was built on an
 * old snapshot fails as a whole, whoever sent it.
 */
export interface FhirSession {
  /** A server without Basic has none. */
  readonly hasPosition: boolean
  /** Makes sure that our position is known, and that the gate was open after that; before every snapshot. */
  readonly readPosition: () => Promise<E.Either<ServiceError, void>>
  /** It stands as our own last transaction left it: nothing that was built before that can be committed any more. */
  readonly isPositionOurs: () => boolean
  /** The same, but the gate is only asked: what is read and planned meanwhile counts when it `mayWrite`. */
  readonly beginPosition: () => Promise<E.Either<ServiceError, void>>
  readonly mayWrite: () => Promise<E.Either<ServiceError, void>>
  /** The highest sequence that an earlier run's last transaction held. */
  readonly reached: () => number
  /** Patients that this run created, by what their creation is known by (createdPatient): the id, where the server told it. */
  readonly created: () => ReadonlyMap<string, string | undefined>
  /** `before`: nothing is sent until that came about. `next`: looks up what the next batch needs, beside what is sent. */
  readonly startBatch: (before?: Promise<E.Either<ServiceError, void>>, next?: () => Ahead['lookUp']) => void
  /** What was found for this batch while the one before was sent; none when it must be asked for now. To be taken once. */
  readonly foundAhead: (searches: ReadonlyArray<FhirSearch>) => Promise<Found | undefined>
  /** What this batch writes its rows do not tell: nothing that is looked up beside it could be believed. */
  readonly standAlone: () => void
  readonly send: (entries: ReadonlyArray<TransactionEntry>, sequences: Sequences) => Promise<Sent>
}

interface Sequences {
  readonly from: number
  readonly to: number
}

/** What a session knows of our position. */
interface Position {
  readonly run: Run
  readonly fence: Fence
  readonly isKept: boolean
  /** The version our last transaction left or met; none while unknown. */
  version: string | undefined
  /** This version is one that our own transaction left. */
  isOurs: boolean
  /** Whether the gate was open, asked after this version was read. None: to be asked. */
  gate: Promise<E.Either<ServiceError, void>> | undefined
  before: Promise<E.Either<ServiceError, void>> | undefined
  next: (() => Ahead['lookUp']) | undefined
  /** Of the next batch, and of the one in hand. */
  ahead: Ahead | undefined
  lookedUp: Ahead | undefined
  readonly created: Map<string, string | undefined>
}

export const openSession = (run: Run, offersBasic: boolean, fence: Fence = positionFence(run)): FhirSession => {
  const position: Position = {
    ...{ run, fence, isKept: offersBasic },
    ...{ version: undefined, isOurs: false, gate: undefined, before: undefined, created: new Map() },
    ...{ next: undefined, ahead: undefined, lookedUp: undefined },
  }
  return {
    hasPosition: offersBasic,
    readPosition: () => readPosition(position),
    isPositionOurs: () => position.version !== undefined && position.isOurs,
    beginPosition: () => beginPosition(position),
    mayWrite: () => mayWrite(position),
    reached: fence.reached,
    created: () => position.created,
    startBatch: (before, next) => {
      position.gate = undefined
      position.before = before
      position.lookedUp = position.ahead
      position.ahead = undefined
      position.next = offersBasic ? next : undefined
    },
    foundAhead: async (searches) => {
      const { lookedUp } = position
      position.lookedUp = undefined
      return lookedUp === undefined ? undefined : foundAhead(lookedUp, searches)
    },
    standAlone: () => {
      position.next = undefined
      position.ahead = undefined
    },
    send: (entries, sequences) => send(position, entries, sequences),
  }
}

type Result<A> = Promise<E.Either<ServiceError, A>>

const readPosition = async (position: Position): Result<void> => {
  const known = await knowVersion(position)
  return E.isLeft(known) ? known : mayWrite(position)
}

const beginPosition = async (position: Position): Result<void> => {
  const known = await knowVersion(position)
  // Whoever waits for it hears of an exception.
  if (E.isRight(known)) askGate(position).catch(() => undefined)
  return known
}

/** It comes after the version, each time that is read, and once a batch: who closes it moves the position then. */
const askGate = (position: Position): Result<void> => (position.gate ??= position.fence.mayWrite())

const mayWrite = async (position: Position): Result<void> => {
  const open = await askGate(position)
  if (E.isLeft(open)) position.gate = position.version = undefined
  return open
}

const knowVersion = async (position: Position): Result<void> => {
  if (!position.isKept || position.version !== undefined) return E.right(undefined)
  position.gate = undefined
  // Between what was looked up and this version somebody else may have written.
  position.ahead = undefined
  position.lookedUp = undefined
  const read = await position.fence.read()
  if (E.isLeft(read)) return read
  position.version = asIfMatch(read.right)
  position.isOurs = false
  return E.right(undefined)
}

const send = async (
  position: Position,
  entries: ReadonlyArray<TransactionEntry>,
  sequences: Sequences,
): Promise<Sent> => {
  // Known when the batch was looked up; since then an answer may have told no version, and what was read may be old.
  if (position.isKept && position.version === undefined) {
    return { _tag: 'Reread', error: { _tag: 'FhirConflict', status: 412 }, positionMoved: true }
  }
  const own = position.isKept ? position.fence.next(sequences.to) : undefined
  const all = [...positionEntry(position, own), ...entries]
  if (all.length === 0) return { _tag: 'Committed', found: new Set() }
  const ready = await position.before
  if (ready !== undefined && E.isLeft(ready)) return { _tag: 'Failed', error: ready.left, attempts: 1 }
  const { run } = position
  const body = transactionText(all)
  for (let attempt = 1; ; attempt++) {
    if (remainingMs(run) <= 0) return { _tag: 'OutOfTime' }
    const held = run.lease.check()
    if (E.isLeft(held)) return { _tag: 'Failed', error: held.left, attempts: attempt }
    lookAhead(position, entries)
    const result = await run.ports.fhir.transact(body, all.length, `${sequences.from}-${sequences.to}`)()
    if (E.isRight(result)) {
      const { right: outcome } = result
      if (outcome._tag === 'Committed' && own !== undefined) {
        position.version = outcome.entries[0]?.etag ?? (await versionOfWritten(run, own))
      }
      return taken(position, entries, outcome)
    }
    const { left: error } = result
    if (error._tag === 'FhirConflict') return refusedFor(position, error)
    if (error._tag !== 'ServiceUnavailable') return { _tag: 'Failed', error, attempts: attempt }
    if (error.answerLost === true) {
      // It may have been carried out, or be at work still: what follows must read and move the position.
      position.version = undefined
      return { _tag: 'Reread', error, positionMoved: true }
    }
    if (!(await pauseBefore(run, attempt, error))) return { _tag: 'Failed', error, attempts: attempt }
  }
}

const lookAhead = (position: Position, entries: ReadonlyArray<TransactionEntry>): void => {
  if (entries.some(writesEndpoint)) position.ahead = undefined
  else if (position.next !== undefined) position.ahead ??= { lookUp: position.next(), written: new Set() }
}

const positionEntry = ({ run, version }: Position, own: Basic | undefined): ReadonlyArray<TransactionEntry> =>
  own === undefined ? [] : [updateEntry(run.settings.fhirBase, own, version)]

/** Where an answer tells no version: that of what was written, if nobody has written since. */
const versionOfWritten = async ({ ports }: Run, own: Basic): Promise<string | undefined> => {
  const read = await ports.fhir.read('Basic', own.id ?? '')()
  const stored = E.isRight(read) ? O.toUndefined(read.right) : undefined
  const version = stored?.meta?.versionId
  if (stored === undefined || version === undefined) return undefined
  const [theirs] = notesOf(stored, 'transaction')
  return theirs !== undefined && theirs === notesOf(own, 'transaction')[0] ? asIfMatch(version) : undefined
}

const isPatient = (creates: string): boolean => creates.startsWith(createdPatient(''))

const taken = (position: Position, entries: ReadonlyArray<TransactionEntry>, outcome: TransactOutcome): Sent => {
  if (outcome._tag === 'Rejected') return outcome
  const first = position.isKept ? 1 : 0
  position.isOurs = position.isKept
  position.run.trouble = undefined
  if (position.ahead !== undefined) noteWritten(position.ahead, entries)
  const found = new Set<TransactionEntry>()
  entries.forEach((entry, index) => {
    const { status, id } = outcome.entries[index + first] ?? {}
    if (entry.creates === undefined) return
    if (status !== 201) found.add(entry)
    // A long run creates studies without end, and asks for none of them by id.
    else if (isPatient(entry.creates)) position.created.set(entry.creates, id)
  })
  return { _tag: 'Committed', found }
}

/** A conflict over our position, or over something else? Another run that moved it changes what everything rests on. */
const refusedFor = async (position: Position, error: ServiceError): Promise<Sent> => {
  const { version } = position
  position.version = undefined
  const read = await readPosition(position)
  if (E.isLeft(read)) return { _tag: 'Failed', error: read.left, attempts: 1 }
  return { _tag: 'Reread', error, positionMoved: version !== position.version }
}
