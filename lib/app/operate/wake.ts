import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { OperatorPorts } from '../ports-operator'
import { illCastIn, readCasts } from './status'
import { isCast } from './timer'

/** Why an event starts no run. LastRunIll: it is the timer's to try again. */
export type NoRun = 'NothingNew' | 'GateClosed' | 'LastRunIll'

/**
 * Whether there is anything to do for somebody who was told of this number and perhaps of lower ones, before the lease is
 * taken and a service is asked. What cannot be read is for the run to say.
 */
export const whyNoRun = async (ports: OperatorPorts, told: number): Promise<NoRun | undefined> => {
  const [stored, gate, casts] = await Promise.all([ports.checkpoints.read()(), ports.gate.read()(), readCasts(ports)])
  if (E.isRight(gate) && O.isSome(gate.right) && gate.right.value.state !== 'running') return 'GateClosed'
  // Events come fast, and would try a service that is down without a pause: that is the timer's to do.
  if (illCastIn(casts) !== undefined || isLeftToTimer(casts)) return 'LastRunIll'
  if (E.isLeft(stored) || O.isNone(stored.right)) return undefined
  const { syncedSequence, holes } = stored.right.value.checkpoint
  // A number that was missing when the checkpoint passed it comes late, and may be told together with a higher one.
  const isLate = holes.some(({ from }) => from <= told)
  return told > syncedSequence || isLate ? undefined : 'NothingNew'
}

/**
 * A wake has less time than a tick. What it could not do in it, the next one cannot either, and wake after wake would keep
 * the lease from the timer.
 */
const isLeftToTimer = (casts: Awaited<ReturnType<typeof readCasts>>): boolean => {
  const last = casts?.runs.find(isCast)
  if (last?.kind !== 'wake' || last.ended !== 'OutOfTime') return false
  const isInVain = last.entries === 0 && last.from === last.to
  // A tick that came meanwhile found the lease held.
  return isInVain && (casts?.beat?.timerAt ?? 0) < last.startedAt + last.durationMs
}
