import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../domain/cast-error'
import { type Run, retrying } from './context'
import type { GateRow, GateState } from './ports-gate'

/** What the installation does instead of running, in words. */
export const whatItDoes: Readonly<Record<Exclude<GateState, 'running'>, string>> = {
  paused: 'it was paused; dicomcast resume lets it go on',
  renaming: 'the DICOM service is being renamed; dicomcast rename-service finishes it',
  backfill: 'a backfill is at work',
}

/** And who began it, where a person would ask that first. */
export const closedBy = ({ state, by, since }: GateRow): string => {
  if (state === 'running') return 'it is open'
  return state === 'backfill'
    ? `${whatItDoes.backfill}, begun by ${by} at ${new Date(since).toISOString()}; dicomcast backfill status tells how far it is`
    : whatItDoes[state]
}

/**
 * May this run write? To be asked after the position's version was read, and to be heard before anything is sent: whoever
 * closes the gate moves the position then, so that a run that asked before, and slept, is refused by its old version.
 * Who asked first and read the position after would pass both.
 */
export const gateOpen = async (run: Run): Promise<E.Either<ServiceError, void>> => {
  const read = await retrying(run, run.ports.gate.read())
  if (E.isLeft(read)) return read
  const own = run.gateState ?? 'running'
  const row = O.toUndefined(read.right)
  const state = row?.state ?? 'running'
  if (state === own) return E.right(undefined)
  const why = row === undefined || row.state === 'running' ? `the ${own} that this belongs to is over` : closedBy(row)
  return E.left({ _tag: 'GateClosed', state, reason: why })
}
