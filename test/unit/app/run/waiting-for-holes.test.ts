import { describe, expect, it } from '@jest/globals'
import { newCheckpoint } from '../../../../lib/domain/checkpoint'
import { eight, rowsFrom } from '../../../support/world/feed-reader'
import { feedRuns } from '../../../support/world/feed-runs'

const holes = Array.from({ length: 500 }, (_, index) => ({ from: 2 * index + 1, to: 2 * index + 1, seenAt: eight }))
/** One more number is missing behind the checkpoint, and it is young. */
const rows = rowsFrom(1_002, 1_010, eight - 1_000)

describe('a run that meets one more hole than it may remember', () => {
  it('says that it waits, why, and what ends it, and goes on when the holes are old enough', async () => {
    const feed = feedRuns({ rows }, { ...newCheckpoint(1_000), holes })
    const summary = await feed.run(240_000)
    expect(summary).toMatchObject({ ended: 'WaitingForHoles', from: 1_000, to: 1_000, head: 1_010, openHoles: 500 })
    expect(summary.reason).toContain('DicomCast__HoleAge')
    expect(feed.checkpoint().holes).toHaveLength(500)
    await feed.run(240_000)
    await feed.run(240_000)
    expect(await feed.run(240_000)).toMatchObject({ ended: 'CaughtUp', to: 1_010 })
  })

  it('first casts what is before it', async () => {
    const more = { ...newCheckpoint(1_000), holes: holes.slice(1) }
    const young = [...rowsFrom(1_002, 1_003, eight - 1_000), ...rowsFrom(1_005, 1_006, eight - 1_000)]
    const feed = feedRuns({ rows: young }, more)
    expect(await feed.run(240_000)).toMatchObject({ ended: 'WaitingForHoles', to: 1_003, openHoles: 500 })
  })
})
