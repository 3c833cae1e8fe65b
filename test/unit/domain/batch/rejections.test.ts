import { describe, expect, it } from '@jest/globals'
import { countRejections, rejectsAllAfter } from '../../../../lib/domain/batch/rejections'

const rejecting = (counter: ReturnType<typeof countRejections>, from: number, to: number): ReadonlyArray<boolean> =>
  Array.from({ length: to - from + 1 }, (_, n) => counter.reject([{ sequence: from + n, study: `s${from + n}` }]))

describe('studies that FHIR rejects in a row', () => {
  it('are the fault of the server when twenty different ones are, and none was stored between them', () => {
    expect(rejecting(countRejections([]), 1, 20)).toEqual([...Array<boolean>(19).fill(false), true])
  })

  it('begin anew when a study is stored', () => {
    const counter = countRejections([])
    rejecting(counter, 1, 19)
    counter.stored()
    expect([rejecting(counter, 20, 20), counter.studies().length, counter.held()]).toEqual([[false], 1, [20]])
  })

  it('count once each', () => {
    const counter = countRejections([])
    const verdicts = Array.from({ length: 30 }, (_, n) => counter.reject([{ sequence: n, study: 'the same' }]))
    expect(verdicts).not.toContain(true)
    expect(counter.held()).toHaveLength(30)
  })

  it('count across runs: the next run stops at its first', () => {
    const earlier = countRejections([])
    rejecting(earlier, 1, 20)
    const next = countRejections(earlier.studies())
    expect([earlier.studies().length, next.held(), rejecting(next, 1, 1)]).toEqual([rejectsAllAfter - 1, [], [true]])
  })

  it('are kept as digests: a row of the checkpoint has to hold them', () => {
    const counter = countRejections([])
    counter.reject([{ sequence: 1, study: 'Microsoft.Default/1.2.3' }])
    expect(counter.studies()).toEqual([expect.stringMatching(/^[0-9a-f]{12}$/)])
  })
})
