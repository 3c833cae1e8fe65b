import { describe, expect, it } from '@jest/globals'
import type { FaultKind } from './faults'
import { simulate } from './simulate'

/** Histories with all that makes work, on services that work. */
const busy = new Set<FaultKind>([
  'feed: late row',
  'feed: rolled-back identity',
  'feed: delete',
  'feed: bulk update',
  'feed: move',
  'feed: re-create',
  'feed: stray',
  'feed: partition twins',
  'feed: poison',
  'fhir: rejects an instance',
])

describe('at any step of a history', () => {
  it.each([
    ['kill', 3],
    ['stop', 5],
  ] as const)(
    'to %s a run changes nothing in the end: history %i',
    async (what, seed) => {
      const { steps, violations } = await simulate(seed, { only: busy, unknownServer: true })
      expect(violations).toEqual([])
      for (let step = 1; step <= Math.min(steps, 400); step++) {
        const disturbed = await simulate(seed, { only: busy, unknownServer: true, at: { step, what } })
        expect({ step, violations: disturbed.violations }).toEqual({ step, violations: [] })
      }
    },
    300_000,
  )
})
