import * as E from 'fp-ts/Either'
import type { ListedStudy } from '../ports-source'
import { begin, endingOf } from '../run/casting'
import type { Work } from '../run/run-cast'
import { openCheckpoint } from '../run/stored-checkpoint'
import { type DoneStudy, castListed } from './cast-listed'
import type { SourcePorts } from './source-ports'

/** Some of the studies that a comparison has to read, in a run of its own: between two of them the archive's changes are cast. */
export const castSlice =
  (ports: SourcePorts, studies: ReadonlyArray<ListedStudy>, tell: (done: DoneStudy) => void): Work =>
  async (run, reading, tally) => {
    const opened = await openCheckpoint(run)
    if (E.isLeft(opened)) return endingOf(opened.left)
    const cast = await castListed(begin(run, reading, tally, opened.right), ports, studies, tell)
    if (E.isLeft(cast)) return cast.left
    return { ended: cast.right ? 'CaughtUp' : run.stopping() ? 'Stopped' : 'OutOfTime' }
  }
