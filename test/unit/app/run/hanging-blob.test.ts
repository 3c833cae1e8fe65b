import { describe, expect, it } from '@jest/globals'
import { rowsFrom } from '../../../support/world/feed-reader'
import { feedRuns } from '../../../support/world/feed-runs'

/** As the product comes: a request may take 100 s, and a run 240. */
const budgetMs = 240_000
const rows = rowsFrom(1, 200)

describe('a metadata blob that hangs', () => {
  it.each([1, 2, 100, 150, 199, 200])('costs its own row alone, also at the default time-outs: row %i', async (bad) => {
    const feed = feedRuns({ rows, hangs: new Set([bad]) })
    const first = await feed.run(budgetMs)
    expect([first.to, first.entries]).toEqual([bad - 1, bad - 1])
    const ends = [first.ended]
    for (let runs = 0; runs < 4 && feed.checkpoint().syncedSequence < 200; runs++) {
      ends.push((await feed.run(budgetMs)).ended)
    }
    expect([ends.at(-1), feed.checkpoint().syncedSequence]).toEqual(['CaughtUp', 200])
    const why = feed.recorded.map(({ sequence, error }) => [sequence, JSON.stringify(error).includes('in time')])
    expect(why.filter(([, isBlamed]) => isBlamed)).toEqual([[bad, true]])
    expect(new Set(why.map(([sequence]) => sequence)).size).toBe(200)
  })

  it('says in its end which row the run waited for', async () => {
    const { ended, reason } = await feedRuns({ rows, hangs: new Set([150]) }).run(budgetMs)
    expect([ended, reason]).toEqual([
      'ServiceUnavailable',
      "dicom: the metadata of the feed's row 150 does not come in time",
    ])
  })

  it('is not waited for by those behind it, once it is recorded, when several hang', async () => {
    const hangs = new Set([50, 51, 150])
    const feed = feedRuns({ rows, hangs })
    for (let runs = 0; runs < 12 && feed.checkpoint().syncedSequence < 200; runs++) await feed.run(budgetMs)
    expect(feed.checkpoint().syncedSequence).toBe(200)
    const blamed = feed.recorded.filter(({ error }) => JSON.stringify(error).includes('in time'))
    expect(new Set(blamed.map(({ sequence }) => sequence))).toEqual(hangs)
  })

  it('in a hole holds nobody up either', async () => {
    const late = { sequence: 20, timestamp: Date.now(), visibleFrom: 0 }
    const feed = feedRuns(
      { rows: [...rows.filter(({ sequence }) => sequence !== 20), late], hangs: new Set([20]) },
      {
        ...{ syncedSequence: 100, holes: [{ from: 20, to: 20 }], rejectedStudies: [] },
      },
    )
    const { to } = await feed.run(budgetMs)
    expect([to, feed.checkpoint().holes.map(({ from }) => from)]).toEqual([200, [20]])
    for (let runs = 0; runs < 4 && feed.checkpoint().holes.length > 0; runs++) await feed.run(budgetMs)
    expect(feed.recorded.filter(({ sequence }) => sequence === 20)).toHaveLength(1)
  })

  it('is nobody’s fault while all metadata hangs: nothing is recorded, however long', async () => {
    const all = new Set(rows.map(({ sequence }) => sequence))
    const feed = feedRuns({ rows, hangs: all })
    for (let runs = 0; runs < 6; runs++) expect(await feed.run(budgetMs)).toMatchObject({ to: 0, entries: 0 })
    all.clear()
    expect(await feed.run(budgetMs)).toMatchObject({ ended: 'CaughtUp', to: 200 })
  })

  it('is no reason to blame it when only the run was short', async () => {
    const feed = feedRuns({ rows, hangs: new Set([150]) })
    for (let runs = 0; runs < 8; runs++) await feed.run(15_000)
    expect(feed.recorded.filter(({ error }) => JSON.stringify(error).includes('in time'))).toEqual([])
    expect(feed.checkpoint().syncedSequence).toBeGreaterThanOrEqual(100)
  })
})
