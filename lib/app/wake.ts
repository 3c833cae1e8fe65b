import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Clock } from './ports'
import type { WakeStore } from './ports-wake'

// No wake-up is lost: an event first writes its number, and then tries for the lease. Whoever holds the lease has taken
// the number away before it read the feed, and reads it again after it let the lease go. So what is told while a run is
// at work either lies before that run's reading, or is found after it. A number is taken away by the run that looks for
// it, so that one beyond the head of the feed costs one look, and hides no true one behind it.

/** Others tell at the same time: each try is lost to one of them only. */
const tries = 5

/** Writes down that the feed has this number. False: it could not be. */
export const tell = async (wake: WakeStore, { now }: Pick<Clock, 'now'>, sequence: number): Promise<boolean> => {
  for (let attempt = 0; attempt < tries; attempt++) {
    const read = await wake.read()()
    if (E.isLeft(read)) return false
    const row = O.toUndefined(read.right)
    if (row !== undefined && row.sequence >= sequence) return true
    const written = await wake.write({ sequence, toldAt: now() }, row?.etag)()
    if (E.isRight(written)) return true
    if (written.left._tag !== 'CheckpointMoved') return false
  }
  return false
}

/** To be called under the lease, before the feed is read. What is told after it stands in the row when the run is over. */
export const takeTold = async (wake: WakeStore): Promise<void> => {
  const read = await wake.read()()
  const row = E.isRight(read) ? O.toUndefined(read.right) : undefined
  // Refused: somebody has told more meanwhile, which may cost a look.
  if (row !== undefined && row.sequence > 0) await wake.write({ ...row, sequence: 0 }, row.etag)()
}

/** The highest number told that no run has taken away. */
export const toldNow = async (wake: WakeStore): Promise<number> => {
  const read = await wake.read()()
  return E.isRight(read) && O.isSome(read.right) ? read.right.value.sequence : 0
}

/** Of what a run tells in the end. */
interface Seen {
  readonly ended: string
  readonly head: number
  readonly openHoles: number
}

/** Beyond what the run saw, or perhaps the late row of a hole: the row keeps the highest of what was told, and no other. */
const isMore = ({ head, openHoles }: Seen, told: number): boolean => told > head || (openHoles > 0 && told > 0)

/**
 * Behind a run that had the lease: it runs again as long as events told of more meanwhile, who could not run themselves.
 * `again`: none when there is no time left.
 */
export const runTold = async <A extends Seen>(
  wake: WakeStore,
  first: A,
  again: () => Promise<A | undefined>,
): Promise<void> => {
  let looked = ''
  for (let last: A | undefined = first; last?.ended === 'CaughtUp';) {
    const read = await wake.read()()
    const row = E.isRight(read) ? O.toUndefined(read.right) : undefined
    // A row that stands there still could not be taken away: it is not looked for again and again. One told anew is.
    if (row === undefined || !isMore(last, row.sequence) || row.etag === looked) return
    looked = row.etag
    last = await again()
  }
}
