import * as E from 'fp-ts/Either'
import type { ListedStudy } from '../ports-source'
import { type Casting, type Step, begin, endingOf } from '../run/casting'
import type { Work } from '../run/run-cast'
import { openCheckpoint, writeCheckpoint } from '../run/stored-checkpoint'
import { type DoneStudy, castListed } from './cast-listed'
import type { SourcePorts } from './source-ports'

/** Some of the studies that a comparison has to read, in a run of its own: between two of them the archive's changes are cast. */
export const castSlice =
  (ports: SourcePorts, studies: ReadonlyArray<ListedStudy>, tell: (done: DoneStudy) => void): Work =>
  async (run, reading, tally) => {
    const opened = await openCheckpoint(run)
    if (E.isLeft(opened)) return endingOf(opened.left)
    const casting = begin(run, reading, tally, opened.right)
    const cast = await castListed(casting, ports, studies, tell)
    if (E.isLeft(cast)) return cast.left
    const freed = await noMoreStuck(casting)
    if (E.isLeft(freed)) return freed.left
    return { ended: cast.right ? 'CaughtUp' : run.stopping() ? 'Stopped' : 'OutOfTime' }
  }

/** The services work: where an archive has no log nothing else moves the checkpoint. */
const noMoreStuck = async ({ run, stored }: Casting): Step<void> => {
  const { stuckSince, ...checkpoint } = stored.checkpoint
  if (stuckSince === undefined) return E.right(undefined)
  return E.bimap(endingOf, () => undefined)(await writeCheckpoint(run, stored, checkpoint))
}
