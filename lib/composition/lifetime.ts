import { setTimeout as sleep } from 'node:timers/promises'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { HeldLease, Lease } from '../app/ports'

// What ends with the process: the run in hand, and the leases that are held.

let stopping = false
const runsInHand = new Set<Promise<unknown>>()
const heldLeases = new Set<HeldLease>()
// Of the five seconds that the host gives: the rest is for letting the lease go.
const patienceMs = 3_000

/**
 * The host asks the app to end: the batch in hand is finished, and no other is begun. One that takes longer than the
 * host waits loses its lease here, and with it the right to begin another request that writes.
 */
export const stopTakingWork = async (): Promise<void> => {
  stopping = true
  await Promise.race([Promise.allSettled(runsInHand), sleep(patienceMs, undefined, { ref: false })])
  await Promise.all([...heldLeases].map((held) => held.release()))
}

export const isStopping = (): boolean => stopping

/** The end of the process waits for it, as long as the host lets it. */
export const inHand = async <A>(run: Promise<A>): Promise<A> => {
  runsInHand.add(run)
  return run.finally(() => runsInHand.delete(run))
}

/** Remembers what is held, so that it can be let go when the host ends the app. */
export const remembered = (lease: Lease): Lease => ({
  acquire: (runId) =>
    TE.map(
      O.map((held: HeldLease): HeldLease => {
        const known: HeldLease = {
          check: held.check,
          confirm: held.confirm,
          release: async () => {
            heldLeases.delete(known)
            await held.release()
          },
        }
        heldLeases.add(known)
        return known
      }),
    )(lease.acquire(runId)),
})
