import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { WakeRow, WakeStore } from '../../../lib/app/ports-wake'
import { runTold, takeTold, tell, toldNow } from '../../../lib/app/wake'
import type { ServiceError } from '../../../lib/domain/cast-error'

const clock = { now: () => 1_000 }
const down: ServiceError = { _tag: 'ServiceUnavailable', hop: 'storage', reason: 'away' }

/** `before`: what others do between a read and the write that follows it. */
const store = (before: (write: (row: WakeRow) => void) => void = () => undefined) => {
  let row: (WakeRow & { etag: string }) | undefined
  let version = 0
  const put = (next: WakeRow): void => void (row = { ...next, etag: String(++version) })
  const wake: WakeStore = {
    read: () => () => Promise.resolve(E.right(O.fromNullable(row))),
    write: (next, etag) => () => {
      before(put)
      if (row?.etag !== etag) return Promise.resolve(E.left({ _tag: 'CheckpointMoved' }))
      put(next)
      return Promise.resolve(E.right(undefined))
    },
  }
  return { wake, written: () => version }
}
const away: WakeStore = {
  read: () => () => Promise.resolve(E.left(down)),
  write: () => () => Promise.resolve(E.left(down)),
}

describe('a number that is told', () => {
  it('stands there until a run takes it away', async () => {
    const { wake } = store()
    expect(await toldNow(wake)).toBe(0)
    expect(await tell(wake, clock, 7)).toBe(true)
    expect(await toldNow(wake)).toBe(7)
    await takeTold(wake)
    expect(await toldNow(wake)).toBe(0)
    expect(await tell(wake, clock, 3)).toBe(true)
    expect(await toldNow(wake)).toBe(3)
  })

  it('is not written when as high a one stands there', async () => {
    const { wake, written } = store()
    await tell(wake, clock, 7)
    expect([await tell(wake, clock, 7), await tell(wake, clock, 6)]).toEqual([true, true])
    expect(written()).toBe(1)
  })

  it('is told again when another was written meanwhile, and never lowers it', async () => {
    const others = [
      { sequence: 5, toldAt: 0 },
      { sequence: 9, toldAt: 0 },
    ]
    const { wake } = store((put) => {
      const other = others.shift()
      if (other !== undefined) put(other)
    })
    expect(await tell(wake, clock, 7)).toBe(true)
    expect(await toldNow(wake)).toBe(9)
  })

  it('is given up when others are always first, or storage is away', async () => {
    let other = 0
    const { wake } = store((put) => put({ sequence: ++other, toldAt: 0 }))
    expect(await tell(wake, clock, 100)).toBe(false)
    expect(other).toBe(5)
    expect(await tell(away, clock, 100)).toBe(false)
  })

  it('is not taken away when more was told meanwhile', async () => {
    let more: WakeRow | undefined
    const { wake } = store((put) => {
      if (more !== undefined) put(more)
      more = undefined
    })
    await tell(wake, clock, 7)
    more = { sequence: 8, toldAt: 0 }
    await takeTold(wake)
    expect(await toldNow(wake)).toBe(8)
  })

  it('stops nobody when the row cannot be read', async () => {
    await takeTold(away)
    expect(await toldNow(away)).toBe(0)
  })
})

describe('behind a run that had the lease', () => {
  /** How often it runs again when this stands in the row, and each run takes it away, or cannot. */
  const runsAgain = async (told: number, seen: Partial<Parameters<typeof runTold>[1]>, takesAway = true) => {
    const { wake } = store()
    if (told > 0) await tell(wake, clock, told)
    let runs = 0
    const summary = { ended: 'CaughtUp', head: 10, openHoles: 0, ...seen } as const
    await runTold(wake, summary, async () => {
      runs += 1
      if (takesAway) await takeTold(wake)
      return runs > 5 ? undefined : summary
    })
    return runs
  }

  it('it runs again for what lies beyond the head that it saw, and for what may be the late row of a hole', async () => {
    expect(await runsAgain(11, {})).toBe(1)
    expect(await runsAgain(10, {})).toBe(0)
    expect(await runsAgain(7, { openHoles: 1 })).toBe(1)
    expect(await runsAgain(0, { openHoles: 1 })).toBe(0)
  })

  it('it does not when it ended otherwise than it should, nor twice for a number that cannot be taken away', async () => {
    expect(await runsAgain(11, { ended: 'BatchDone' })).toBe(0)
    expect(await runsAgain(11, { ended: 'ServiceUnavailable' })).toBe(0)
    expect(await runsAgain(11, {}, false)).toBe(1)
  })
})

describe('events and runs, in any order', () => {
  /** Each step of each party waits here for its turn. */
  const turns = (seed: number) => {
    const waiting: Array<() => void> = []
    let random = seed
    const next = (below: number): number => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
      return (random >>> 8) % below
    }
    return {
      turn: () => new Promise<void>((resolve) => void waiting.push(resolve)),
      play: async () => {
        for (await new Promise(setImmediate); waiting.length > 0; await new Promise(setImmediate)) {
          waiting.splice(next(waiting.length), 1)[0]?.()
        }
      },
    }
  }

  /** A tick, an event that is forged, and three that are true: what the last look at the feed saw. */
  const play = async (seed: number) => {
    const { turn, play: toTheEnd } = turns(seed)
    const { wake: row } = store()
    const wake: WakeStore = {
      read: () => async () => turn().then(row.read()),
      write: (next, etag) => async () => turn().then(row.write(next, etag)),
    }
    let [head, seen, runs, isHeld] = [0, 0, 0, false]
    const run = async (): Promise<void> => {
      await turn()
      if (isHeld) return
      isHeld = true
      runs += 1
      await takeTold(wake)
      await turn()
      const saw = head
      seen = Math.max(seen, saw)
      await turn()
      isHeld = false
      if ((await toldNow(wake)) > saw) await run()
    }
    const event = async (sequence?: number): Promise<void> => {
      await turn()
      if (sequence === undefined) head += 1
      await tell(wake, clock, sequence ?? head)
      await run()
    }
    void [run(), event(Number.MAX_SAFE_INTEGER), event(), event(), event()]
    await toTheEnd()
    return { head, seen, runs }
  }

  it('lose no wake-up, and end', async () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const { head, seen, runs } = await play(seed)
      expect([seed, head, seen]).toEqual([seed, 3, 3])
      expect(runs).toBeLessThanOrEqual(12)
    }
  })
})
