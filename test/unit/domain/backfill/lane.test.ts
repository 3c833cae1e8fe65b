import { describe, expect, it } from '@jest/globals'
import { laneOf } from '../../../../lib/domain/backfill/lane'

describe('the lane of a PatientID', () => {
  it.each([
    ['P1', ' P1 '],
    ['müller', 'MU\u0308LLER'],
    ['\uFF21\uFF11', 'a1'],
    ['K1', '\u212A1'],
    ['ab', 'AB'],
  ])('is one for spellings that a server may take for one: %j and %j', (left, right) => {
    for (const lanes of [1, 2, 8, 64]) expect(laneOf(left, lanes)).toBe(laneOf(right, lanes))
  })

  it('is among the lanes that there are, and all of them are used', () => {
    const lanes = Array.from({ length: 2_000 }, (_, each) => laneOf(`P${each}`, 64))
    expect(new Set(lanes).size).toBe(64)
    expect(lanes.every((lane) => Number.isInteger(lane) && lane >= 0 && lane < 64)).toBe(true)
    expect(laneOf('', 8)).toBe(laneOf('   ', 8))
  })

  it('is told in linear time of a value of any length', () => {
    expect(laneOf('\uFDFA'.repeat(100_000), 8)).toBeLessThan(8)
  })
})
