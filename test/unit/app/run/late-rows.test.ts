import { expect, it } from '@jest/globals'
import { newCheckpoint } from '../../../../lib/domain/checkpoint'
import { eight, rowsFrom } from '../../../support/world/feed-reader'
import { feedRuns } from '../../../support/world/feed-runs'

it('a run casts all rows that came late, also those that found no room in its first batch', async () => {
  const holes = [
    { from: 1, to: 2_500, seenAt: eight },
    { from: 2_510, to: 2_510, seenAt: eight },
  ]
  const feed = feedRuns({ rows: rowsFrom(1, 2_520) }, { ...newCheckpoint(2_520), holes })
  expect(await feed.run(240_000)).toMatchObject({ ended: 'CaughtUp', entries: 2_501, openHoles: 0 })
})
