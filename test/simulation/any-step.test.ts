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

describe.each(['kill', 'stop'] as const)('to %s a run', (what) => {
  it.each([2, 3, 5])(
    'at any step of history %i changes nothing in the end',
    async (seed) => {
      const { steps, violations } = await simulate(seed, { only: busy })
      expect(violations).toEqual([])
      for (let step = 1; step <= Math.min(steps, 400); step++) {
        const disturbed = await simulate(seed, { only: busy, at: { step, what } })
        expect({ step, violations: disturbed.violations }).toEqual({ step, violations: [] })
      }
    },
    300_000,
  )
})
