import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { type Hole, fitted, maxHoles, movedTo, newCheckpoint, without } from '../../../lib/domain/checkpoint'

const seenAt = 1_764_000_000_000
const hole = (from: number, to = from): Hole => ({ from, to, seenAt })
const numbersOf = (holes: ReadonlyArray<Hole>): ReadonlyArray<number> =>
  holes.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index))

describe('what is left of a hole', () => {
  it.each([
    ['nothing was found', [], [hole(10, 20)]],
    ['its ends were found', [20, 10], [hole(11, 19)]],
    ['something in the middle was found', [13, 14, 17], [hole(10, 12), hole(15, 16), hole(18, 20)]],
    ['all of it was found', numbersOf([hole(10, 20)]), []],
  ])('when %s', (_, found, rest) => {
    expect(without(hole(10, 20), found)).toEqual(rest)
  })
})

describe('the holes of a checkpoint', () => {
  it('are in order, and numbers side by side that were missed at one time are one', () => {
    expect(fitted([hole(30), hole(12), hole(10), hole(11), { ...hole(13), seenAt: seenAt + 1 }])).toEqual([
      hole(10, 12),
      { ...hole(13), seenAt: seenAt + 1 },
      hole(30),
    ])
  })

  it('are so few that their row holds them, the nearest joined, and none is lost', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 1_500 })
    fc.assert(
      fc.property(numbers, (missing) => {
        const holes = fitted(missing.map((each) => hole(each)))
        const covered = new Set(numbersOf(holes))
        expect(holes.length).toBeLessThanOrEqual(maxHoles)
        expect(missing.filter((each) => !covered.has(each))).toEqual([])
        expect(JSON.stringify(holes.map(({ from, to }) => [from, to, seenAt])).length).toBeLessThan(32_768)
      }),
      { seed: 4, numRuns: 50 },
    )
  })
})

describe('a checkpoint that an operator moves', () => {
  const from = {
    ...newCheckpoint(20),
    sopInstanceUid: '1.2.20',
    holes: [hole(6), hole(9, 17), hole(19)],
    heads: [
      { sequence: 20, seenAt },
      { sequence: 90, seenAt },
    ],
    stuckSince: seenAt,
  }

  it('keeps what is open before it, with the time it was seen; what lies above is read again from below', () => {
    expect(movedTo(from, 15, 40)).toEqual({
      ...newCheckpoint(15),
      holes: [hole(6), hole(9, 15)],
      heads: [{ sequence: 20, seenAt }],
    })
  })

  it('keeps all of it when it is moved on', () => {
    expect(movedTo(from, 40, 90)).toEqual({ ...newCheckpoint(40), holes: from.holes, heads: from.heads })
  })
})
