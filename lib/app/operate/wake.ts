import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { OperatorPorts } from '../ports-operator'
import { readIllCast } from './status'

/** Why an event starts no run. */
export type NoRun = 'NothingNew' | 'GateClosed' | 'LastRunIll'

/**
 * Whether there is anything to do for somebody who was told of this number and perhaps of lower ones, before the lease is
 * taken and a service is asked. What cannot be read is for the run to say.
 */
export const whyNoRun = async (ports: OperatorPorts, told: number): Promise<NoRun | undefined> => {
  const [stored, gate, ill] = await Promise.all([ports.checkpoints.read()(), ports.gate.read()(), readIllCast(ports)])
  if (E.isRight(gate) && O.isSome(gate.right) && gate.right.value.state !== 'running') return 'GateClosed'
  // Events come fast, and would try a service that is down without a pause: that is the timer's to do.
  if (ill !== undefined) return 'LastRunIll'
  if (E.isLeft(stored) || O.isNone(stored.right)) return undefined
  const { syncedSequence, holes } = stored.right.value.checkpoint
  // A number that was missing when the checkpoint passed it comes late, and may be told together with a higher one.
  const isLate = holes.some(({ from }) => from <= told)
  return told > syncedSequence || isLate ? undefined : 'NothingNew'
}
