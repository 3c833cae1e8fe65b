import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { type Head, noteHead, youngAbove } from '../../../lib/domain/heads'

const holeAgeMs = 120_000
const noon = 1_764_000_000_000
const at = (sequence: number, seconds: number): Head => ({ sequence, seenAt: noon + seconds * 1_000 })
const noted = (heads: ReadonlyArray<Head>): ReadonlyArray<Head> =>
  heads.reduce<ReadonlyArray<Head>>((known, head) => noteHead(known, head, holeAgeMs), [])
const above = (heads: ReadonlyArray<Head>, head: number, seconds: number): number =>
  youngAbove(heads, head, noon + seconds * 1_000, holeAgeMs)

describe('numbers above which all are young', () => {
  it('are those above the newest head that was seen a hole’s age ago', () => {
    expect(above([at(100, 0), at(200, 60), at(300, 100)], 400, 190)).toBe(200)
  })

  it('are the newest 1,000 while no head is known, and never below the first number', () => {
    expect([above([], 5_000, 0), above([], 300, 0)]).toEqual([4_000, 0])
  })

  it('are 1,000 and more while no known head is old enough: the first one known counts', () => {
    expect(above([at(5_000, 0)], 90_000, 60)).toBe(4_000)
  })

  it('are not told by a head of another feed', () => {
    expect(above([at(9_000, 0)], 5_000, 3_600)).toBe(4_000)
  })
})

describe('heads that are kept', () => {
  it('are the newest old one, and later ones a quarter of a hole’s age apart', () => {
    const heads = noted(Array.from({ length: 400 }, (_, second) => at(second + 1, second)))
    expect(heads.map(({ seenAt }) => (seenAt - noon) / 1_000)).toEqual([270, 300, 330, 360, 390])
  })

  it('say when a number was first seen, however long the feed stands still', () => {
    expect(noted([at(7, 0), at(7, 600), at(7, 1_200)])).toEqual([at(7, 0)])
  })

  it('are not those of a feed that was there before, nor of a clock that went wrong', () => {
    expect(noted([at(900, 0), at(20, 600)])).toEqual([at(20, 600)])
    expect(noted([at(7, 9_000), at(8, 60)])).toEqual([at(8, 60)])
  })

  it('are few, and a number that may still be young never counts as old', () => {
    const step = fc.record({ numbers: fc.integer({ min: 0, max: 500 }), seconds: fc.integer({ min: 0, max: 200 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let [known, sequence, seconds]: [ReadonlyArray<Head>, number, number] = [[], 1, 0]
        const seen: Array<Head> = []
        for (const each of steps) {
          sequence += each.numbers
          seconds += each.seconds
          const young = above(known, sequence, seconds)
          const sure = seen.filter((head) => noon + seconds * 1_000 - head.seenAt > holeAgeMs)
          const oldest = sure.at(-1)?.sequence
          if (oldest !== undefined && known[0] !== undefined) expect(young).toBeLessThanOrEqual(oldest)
          seen.push(at(sequence, seconds))
          known = noteHead(known, at(sequence, seconds), holeAgeMs)
          expect(known.length).toBeLessThanOrEqual(8)
        }
      }),
      { seed: 7, numRuns: 200 },
    )
  })
})
