import { describe, expect, it } from '@jest/globals'
import { watchBackfill } from '../../../cli/backfill-watch'
import { progressBar } from '../../../cli/progress'
import type { BackfillProgress } from '../../../lib/composition/backfill'
import type { Answer } from '../../../lib/composition/operator'

const begun: BackfillProgress = {
  ...{ id: 'b', by: 'anna', startedAt: '2026-11-29T11:00:00.000Z', state: 'waiting', lanes: 8, lanesAtWork: 0 },
  listed: { studies: 0, images: 0, whole: false },
  lanesWaiting: 0,
  settled: { studies: 0, images: 0 },
  done: { studies: 0, images: 0, written: 0, notCast: 0, failed: 0, leftOver: 0 },
  leftOver: { cast: 0, failed: 0 },
}
const at = (images: number, of: number, more: Partial<BackfillProgress>): Answer<BackfillProgress> => ({
  _tag: 'Right',
  right: {
    ...begun,
    ...{ listed: { studies: of, images: of, whole: more.state !== 'listing' }, lanesAtWork: 3 },
    ...{ settled: { studies: images, images } },
    ...more,
  },
})
const over = at(20, 20, { state: 'over', ended: 'Done', lanesAtWork: 0 })
const away: Answer<BackfillProgress> = {
  _tag: 'Left',
  left: { _tag: 'Service', error: { _tag: 'ServiceUnavailable', hop: 'storage', reason: 'no connection' } },
}
const refused: Answer<BackfillProgress> = {
  _tag: 'Left',
  left: { _tag: 'Service', error: { _tag: 'AccessDenied', hop: 'storage', status: 403, reason: 'no' } },
}

/** What somebody sees who looks at these, one after the other; the last one stays. */
const watched = async (
  looks: ReadonlyArray<Answer<BackfillProgress>>,
  { visible = true, stopAt = Infinity }: { readonly visible?: boolean; readonly stopAt?: number } = {},
) => {
  const written: Array<string> = []
  let taken = 0
  const answer = await watchBackfill({
    read: () => Promise.resolve(looks[Math.min(taken++, looks.length - 1)] ?? over),
    bar: progressBar(visible, (text) => void written.push(text)),
    pause: () => Promise.resolve(),
    stopping: () => taken >= stopAt,
  })
  // eslint-disable-next-line no-control-regex
  return { answer, taken, seen: written.map((text) => text.replace(/\r|\u001b\[K|, [^,]* left/g, '')) }
}

describe('dicomcast backfill status --watch', () => {
  it('shows what it waits for, then a bar, until it is over', async () => {
    const looks = [
      { _tag: 'Right', right: begun } as const,
      at(0, 10, { state: 'listing' }),
      at(10, 20, { state: 'working' }),
      at(20, 20, { state: 'closing' }),
      over,
    ]
    const { answer, seen } = await watched(looks)
    expect(answer).toEqual(over)
    expect(seen).toEqual([
      'It waits until every entry up to the head of the feed can be seen',
      `${'░'.repeat(24)} 0 of 10 images listed so far, 3 of 8 lanes at work`,
      `${'█'.repeat(12)}${'░'.repeat(12)} 10 of 20 images, 3 of 8 lanes at work`,
      'It closes its lanes',
      '\n',
    ])
    expect(await watched(looks, { visible: false })).toMatchObject({ answer: over, seen: [] })
  })

  it('looks on while storage is away, but not for ever, and not where it is refused', async () => {
    expect(await watched([at(1, 2, { state: 'working' }), away, away, over])).toMatchObject({ answer: over, taken: 4 })
    expect(await watched([at(1, 2, { state: 'working' }), away])).toMatchObject({ answer: away, taken: 152 })
    expect(await watched([at(1, 2, { state: 'working' }), refused])).toMatchObject({ answer: refused, taken: 2 })
    expect(await watched([away])).toMatchObject({ answer: away, taken: 1 })
  })

  it('ends when somebody stops it, with what was seen last', async () => {
    const first = at(1, 2, { state: 'working' })
    expect(await watched([first], { stopAt: 3 })).toMatchObject({ answer: first, taken: 3 })
  })
})
