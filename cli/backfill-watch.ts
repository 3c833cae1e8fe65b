import type { BackfillProgress } from '../lib/composition/backfill'
import type { Answer } from '../lib/composition/operator'
import { problemOf } from '../lib/composition/problem'
import type { ProgressBar } from './progress'

/** What each state means, after "Backfill". */
export const stateWords: Readonly<Record<BackfillProgress['state'], string>> = {
  starting: 'begins',
  waiting: 'waits until every entry up to the head of the feed can be seen',
  listing: 'lists the studies, and works on them',
  working: 'works on them',
  closing: 'closes its lanes',
  walking: 'looks for what FHIR alone holds',
  leftOver: 'casts what was left over',
  opening: 'lets the feed go on',
  over: 'is over',
}

/** A storage account that is away for a moment is no reason to look away; five minutes are. */
const mostFailures = 150

export interface Watching {
  readonly read: () => Promise<Answer<BackfillProgress>>
  readonly bar: ProgressBar
  /** Between two looks. */
  readonly pause: () => Promise<unknown>
  readonly stopping: () => boolean
}

/** Looks until it is over, or somebody stops looking; the last look is the answer. */
export const watchBackfill = async ({ read, bar, pause, stopping }: Watching): Promise<Answer<BackfillProgress>> => {
  let last: Answer<BackfillProgress> | undefined
  let [before, failures]: [number | undefined, number] = [undefined, 0]
  for (;;) {
    const found = await read()
    if (found._tag === 'Right') {
      ;[last, failures] = [found, 0]
      before ??= found.right.settled.images
      if (found.right.state === 'over') break
      draw(bar, found.right, before)
    } else {
      failures += 1
      const isAway = found.left._tag === 'Service' && found.left.error._tag === 'ServiceUnavailable'
      if (last === undefined || !isAway || failures > mostFailures) {
        last = found
        break
      }
      bar.wait(problemOf(found.left).detail)
    }
    if (stopping()) break
    await pause()
  }
  bar.end()
  return last
}

const draw = (
  bar: ProgressBar,
  { state, listed, settled, lanes, lanesAtWork }: BackfillProgress,
  before: number,
): void => {
  if ((state !== 'listing' && state !== 'working') || listed.images === 0) return bar.wait(`It ${stateWords[state]}`)
  const soFar = listed.whole ? '' : ' listed so far'
  const words = `${settled.images} of ${listed.images} images${soFar}, ${lanesAtWork} of ${lanes} lanes at work`
  bar.show(settled.images, listed.images, words, before)
}
