import { describe, expect, it } from '@jest/globals'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../../lib/domain/cast-error'
import type { Totals, TotalsStore } from '../../../lib/app/ports-totals'
import { keepTotals } from '../../../lib/composition/totals'

const down: ServiceError = { _tag: 'ServiceUnavailable', hop: 'storage', reason: 'down' }

const store = () => {
  const added: Totals[] = []
  let isDown = false
  const totals: TotalsStore = {
    read: () => TE.right({}),
    add: (more) => {
      if (isDown) return TE.left(down)
      added.push(more)
      return TE.right(undefined)
    },
  }
  return { added, totals, setDown: (value: boolean) => void (isDown = value) }
}
const minute = 60_000

describe('the totals of a process', () => {
  it('are added when a run does something, with the idle ticks before it', async () => {
    const { added, totals } = store()
    await keepTotals(totals, { ticks: 1 }, { now: 0, isIdle: true })
    await keepTotals(totals, { ticks: 1 }, { now: minute, isIdle: true })
    expect(added).toEqual([])
    await keepTotals(totals, { ticks: 1, stored: 5 }, { now: 2 * minute, isIdle: false })
    await keepTotals(totals, { ticks: 1 }, { now: 3 * minute, isIdle: false })
    expect(added).toEqual([{ ticks: 3, stored: 5 }, { ticks: 1 }])
  })

  it('are added a quarter of an hour later at the most', async () => {
    const { added, totals } = store()
    for (let tick = 0; tick <= 15; tick++) await keepTotals(totals, { ticks: 1 }, { now: tick * minute, isIdle: true })
    expect(added).toEqual([{ ticks: 16 }])
  })

  it('wait while storage is down', async () => {
    const { added, totals, setDown } = store()
    setDown(true)
    await keepTotals(totals, { stored: 1 }, { now: 0, isIdle: false })
    await keepTotals(totals, { stored: 2 }, { now: 1, isIdle: false })
    setDown(false)
    await keepTotals(totals, { stored: 4 }, { now: 2, isIdle: false })
    expect(added).toEqual([{ stored: 7 }])
  })
})
