import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'
import type { Checkpoint } from '../../domain/checkpoint'
import { type FhirSession, openSession } from '../cast/fhir-session'
import { type Run, retrying } from '../context'
import { claimName } from '../feed-name'
import type { Reading } from '../feed/read-feed'
import type { StoredCheckpoint } from '../ports'
import { type FailIndex, readFailIndex } from './fail-index'
import type { Noted } from './heed-notes'
import { stuck } from './stuck'
import { type WriteError, writeCheckpoint } from './stored-checkpoint'
import { type Ending, type Tally, endedBy } from './summary'

/** A run on its way through the feed. */
export interface Casting {
  readonly run: Run
  readonly reading: Reading
  readonly tally: Tally
  /** As the run found it. */
  readonly opened: StoredCheckpoint
  /** As it stands in storage; the batch before may still be on its way there. */
  stored: StoredCheckpoint
  /** Up to where all is settled. */
  checkpoint: Checkpoint
  session: FhirSession | undefined
  failIndex: FailIndex | undefined
  /** Of the batch in hand. */
  noted: Noted
  /** Of the batch before: its checkpoint is stored. What is read meanwhile writes nothing. */
  confirmed: Promise<E.Either<WriteError, void>>
  /** How many were begun. */
  batches: number
  isServerTried: boolean
}

export const nothingNoted: Noted = { before: new Map(), notes: [], rows: [], stuckSince: undefined }

/** A step of a batch: what it brought, or how the run ends with it. */
export type Step<A> = Promise<E.Either<Ending, A>>

export const begin = (run: Run, reading: Reading, tally: Tally, opened: StoredCheckpoint): Casting => {
  const { checkpoint } = opened
  tally.from = tally.to = tally.head = checkpoint.syncedSequence
  tally.stood = checkpoint.stuckSince !== undefined
  reading.hangs = checkpoint.hangs ?? []
  return {
    ...{ run, reading, tally, opened, stored: opened, checkpoint, session: undefined, failIndex: undefined },
    ...{ confirmed: Promise.resolve(E.right(undefined)), batches: 0, isServerTried: false, noted: nothingNoted },
  }
}

export const endingOf = (error: ServiceError): Ending => ({
  ended: endedBy(error),
  reason: describeServiceError(error),
})

/** A service, or the time, ends the run; unless the batch before could not even be confirmed. */
export const stuckOn = async (casting: Casting, error: Stop): Promise<Ending> => {
  const known = await casting.confirmed
  const { run, stored, reading } = casting
  return E.isLeft(known) ? endingOf(known.left) : stuck(run, stored, error, reading.hangs)
}

export const sessionOf = async (casting: Casting): Step<FhirSession> => {
  const { run, confirmed, opened, checkpoint } = casting
  if (casting.session !== undefined) return E.right(casting.session)
  const checked = await retrying(run, run.ports.fhir.check())
  if (E.isLeft(checked)) return E.left(await stuckOn(casting, checked.left))
  const before = await confirmed
  if (E.isLeft(before)) return E.left(endingOf(before.left))
  const named = await claimName(run, checked.right.offersBasic)
  if (E.isLeft(named)) return E.left(await stuckOn(casting, named.left))
  // Whoever had the lease before may not know yet that it is lost, and cast on ahead of us: then these rows would be
  // older than what stands in FHIR, and nobody would come back for the newer ones. Now only we move the checkpoint.
  const { stored } = casting
  const fenced = stored === opened ? await writeCheckpoint(run, stored, checkpoint) : E.right(stored)
  if (E.isLeft(fenced)) return E.left(endingOf(fenced.left))
  casting.stored = fenced.right
  casting.session = openSession(run, checked.right.offersBasic)
  return E.right(casting.session)
}

export const failIndexOf = async (casting: Casting): Step<FailIndex> => {
  if (casting.failIndex !== undefined) return E.right(casting.failIndex)
  const index = await readFailIndex(casting.run)
  if (E.isLeft(index)) return E.left(await stuckOn(casting, index.left))
  casting.failIndex = index.right
  return index
}
