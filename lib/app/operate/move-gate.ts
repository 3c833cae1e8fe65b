import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { openSession } from '../cast/fhir-session'
import { type CastSettings, type Run, retrying } from '../context'
import { lookUnderName } from '../feed-name'
import { closedBy } from '../gate-open'
import type { HeldLease } from '../ports'
import type { GateState } from '../ports-gate'
import type { OperatorPorts } from '../ports-operator'
import type { RunOptions } from '../run/run-cast'
import { type Operated, looking, service } from './operating'

export interface GateMoved {
  readonly state: GateState
  readonly was: GateState
  /** Who closed or opened it, and when (ISO 8601): now, or earlier when it stood so already. */
  readonly by: string
  readonly since: string
  /** Closed: a transaction that is on its way now is refused. False when the FHIR server could not be asked for that. */
  readonly fenced?: boolean
}

/**
 * Pauses the whole installation, or lets it go on. It needs no lease, so that a long run can be paused: that run ends
 * when it comes to its next transaction. The row comes first, then the position moves; who casts reads them the other
 * way round.
 */
export const moveGate = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: RunOptions & { readonly by: string },
  state: 'paused' | 'running',
): Promise<Operated<GateMoved>> => {
  const run: Run = { ...looking(ports, settings, options), lease: unneeded, gateState: state }
  const read = await retrying(run, ports.gate.read())
  if (E.isLeft(read)) return service(read.left)
  const row = O.toUndefined(read.right)
  const was = row?.state ?? 'running'
  if (row !== undefined && (was === 'renaming' || was === 'backfill')) {
    return E.left({ _tag: 'Refused', reason: closedBy(row) })
  }
  const now = { state, by: options.by, since: ports.clock.now() }
  if (was !== state) {
    const written = await ports.gate.write(now, row?.etag)()
    if (E.isLeft(written)) return service(written.left)
  }
  const { by, since } = was === state ? (row ?? now) : now
  const moved: GateMoved = { state, was, by, since: new Date(since).toISOString() }
  return E.right(state === 'running' ? moved : { ...moved, fenced: await fence(run) })
}

const unneeded: HeldLease = {
  check: () => E.right(undefined),
  confirm: () => () => Promise.resolve(E.right(undefined)),
  release: () => Promise.resolve(),
}

const attempts = 5

/** Moves our position in FHIR, so that what was built on the one before is refused. */
const fence = async (run: Run): Promise<boolean> => {
  const known = await lookUnderName(run)
  const checked = E.isLeft(known) ? known : await retrying(run, run.ports.fhir.check())
  if (E.isLeft(checked)) return false
  const session = openSession(run, checked.right.offersBasic)
  for (let attempt = 1; session.hasPosition && attempt <= attempts; attempt++) {
    const read = await session.readPosition()
    if (E.isLeft(read)) return false
    const at = session.reached()
    const { _tag } = await session.send([], { from: at, to: at })
    if (_tag === 'Committed') return true
  }
  return false
}
