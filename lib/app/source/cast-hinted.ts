import * as E from 'fp-ts/Either'
import { defaultPartition } from '../../domain/dicom/partition'
import { retrying } from '../context'
import type { Work } from '../run/run-cast'
import { endingOf } from '../run/casting'
import { unlisted } from './cast-listed'
import { castSlice } from './reconcile-slice'
import type { SourcePorts } from './source-ports'

/**
 * Casts the studies that somebody has named. Those that the archive has no more leave FHIR, as long as they are no more
 * than may leave it unasked: else they wait for a comparison, which counts them.
 */
export const castHinted =
  (ports: SourcePorts, uids: ReadonlyArray<string>, maxGone: number): Work =>
  async (run, reading, tally) => {
    const [there, gone]: [string[], string[]] = [[], []]
    for (const uid of uids) {
      const has = await retrying(run, ports.studyIndex.has(defaultPartition, uid))
      if (E.isLeft(has)) return endingOf(has.left)
      ;(has.right ? there : gone).push(uid)
    }
    const studies = [...there, ...(gone.length > maxGone ? [] : gone)].map(unlisted)
    return castSlice(ports, studies, () => undefined)(run, reading, tally)
  }
