import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import {
  Backfill,
  cancelled,
  mayMoveCheckpoint,
  newPart,
  nextPauseS,
  noCounts,
  openStudies,
  stallS,
  stalled,
  states,
  withDone,
} from '../../../../lib/domain/backfill/backfill'

const backfill: Backfill = {
  ...{ id: 'b', by: 'anna', startedAt: 1, state: 'working', lanes: 2, scope: {}, isFresh: false },
  ...{ parts: [1, 2], listed: { studies: 3, images: 4 }, unlistable: 0, leftOver: { cast: 0, failed: 0 } },
}

describe('the checkpoint of a backfill', () => {
  it.each([
    ['goes to the head where FHIR held nothing of the feed', { isFresh: true }, true],
    ['goes there when FHIR’s side was walked', { isWalked: true }, true],
    ['stays while that was not walked', {}, false],
    ['stays when a partition was left out', { isFresh: true, scope: { partitions: ['a'] } }, false],
    ['stays when only changes were listed', { isWalked: true, scope: { since: 1 } }, false],
    ['stays when something could not be listed', { isWalked: true, unlistable: 1 }, false],
    ['stays when it was cancelled', { isFresh: true, isCancelled: true }, false],
  ])('%s', (_what, given, may) => {
    expect(mayMoveCheckpoint({ ...backfill, ...given })).toBe(may)
  })
})

describe('cancel', () => {
  it.each(states)('of one that is %s never goes back', (state) => {
    const after = cancelled({ ...backfill, state })
    expect(states.indexOf(after.state)).toBeGreaterThanOrEqual(
      Math.max(states.indexOf(state), states.indexOf('closing')),
    )
    expect(after.isCancelled).toBe(true)
  })
})

describe('a row of a backfill', () => {
  it('is read back as it was written', () => {
    expect(Backfill.decode(JSON.parse(JSON.stringify(backfill)))).toEqual(E.right(backfill))
  })

  it.each([{ ...backfill, state: 'new' }, { ...backfill, lanes: -1 }, { ...backfill, parts: undefined }, null, 'x'])(
    'that makes no sense is none: %j',
    (given) => expect(E.isLeft(Backfill.decode(given))).toBe(true),
  )
})

describe('a part', () => {
  const studies = ['1.1', '1.2', '1.3'].map((studyInstanceUid) => ({ studyInstanceUid, patientId: '', instances: 2 }))
  const part = newPart({ lane: 0, part: 1, partition: 'p', touchedAt: 0 }, studies)

  it('keeps which of its studies are not done, and what the others came to', () => {
    const after = withDone(part, new Set(['1.2']), { ...noCounts, studies: 1, images: 2 })
    expect(openStudies(after)).toEqual(['1.1', '1.3'])
    expect(after.counts).toMatchObject({ studies: 1, images: 2 })
    expect(part.listed).toEqual({ studies: 3, images: 6 })
  })

  it('waits longer each time that a service is away, to a bound, and no try is counted', () => {
    let [each, waits]: [typeof part, Array<number>] = [part, []]
    for (let time = 0; time < 9; time++) {
      ;[each, waits] = [stalled(each), [...waits, stallS(each)]]
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 480, 600, 600, 600])
    expect(each.tries).toBe(0)
  })
})

describe('a lane', () => {
  const pausesOf = (throttled: ReadonlyArray<number>): ReadonlyArray<number> => {
    let pauseS = 0
    return throttled.map((times) => (pauseS = nextPauseS(pauseS, times)))
  }

  it('waits longer from part to part while a service asks for less, to a bound, and comes back when it does not', () => {
    expect(pausesOf([0, 2, 3, 9, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0])).toEqual([
      ...[0, 0, 15, 30, 60, 120, 240, 480, 600],
      ...[300, 150, 75, 37, 18, 0],
    ])
  })
})
