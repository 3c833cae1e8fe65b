import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../domain/cast-error'
import { type Run, retrying } from './context'
import type { GateState } from './ports-gate'

/** What the installation does instead of running, in words. */
export const whatItDoes: Readonly<Record<Exclude<GateState, 'running'>, string>> = {
  paused: 'it was paused; dicomcast resume lets it go on',
  renaming: 'the DICOM service is being renamed; dicomcast rename-service finishes it',
  backfill: 'a backfill is at work',
}

/**
 * May this run write? To be asked after the position's version was read, and before FHIR and the archive are: whoever
 * closes the gate moves the position then, so that a run that asked before, and slept, is refused by its old version.
 * Who asked first and read the position after would pass both.
 */
export const gateOpen = async (run: Run): Promise<E.Either<ServiceError, void>> => {
  const read = await retrying(run, run.ports.gate.read())
  if (E.isLeft(read)) return read
  const own = run.gateState ?? 'running'
  const state = O.isSome(read.right) ? read.right.value.state : 'running'
  if (state === own) return E.right(undefined)
  const why = state === 'running' ? `the ${own} that this belongs to is over` : whatItDoes[state]
  return E.left({ _tag: 'GateClosed', state, reason: why })
}
