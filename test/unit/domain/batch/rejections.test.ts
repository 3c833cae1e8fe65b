import { describe, expect, it } from '@jest/globals'
import {
  type Rejections,
  keptRejections,
  noRejections,
  rejectionsSince,
  rejectsAll,
  rejectsAllAfter,
  withRejected,
} from '../../../../lib/domain/batch/rejections'

const rejecting = (known: Rejections, from: number, to: number): Rejections =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ sequence: from + n, study: `s${from + n}` })).reduce(
    (rejections, row) => withRejected(rejections, [row]),
    known,
  )

describe('studies that FHIR rejects in a row', () => {
  it('are the fault of the server when twenty different ones are, and none was stored between them', () => {
    expect([19, 20].map((count) => rejectsAll(rejecting(noRejections, 1, count)))).toEqual([false, true])
  })

  it('begin anew when a study is stored', () => {
    expect(rejecting(noRejections, 20, 20)).toMatchObject({ held: [20], studies: [expect.any(String)] })
  })

  it('count once each', () => {
    const same = Array.from({ length: 30 }, (_, sequence) => ({ sequence, study: 'the same' }))
    const rejections = withRejected(noRejections, same)
    expect([rejectsAll(rejections), rejections.held.length]).toEqual([false, 30])
  })

  it('count across runs: the next run stops at its first', () => {
    const kept = keptRejections(rejecting(noRejections, 1, 20))
    const next = rejectionsSince(kept)
    expect([kept.length, next.held, rejectsAll(rejecting(next, 1, 1))]).toEqual([rejectsAllAfter - 1, [], true])
  })

  it('are kept as digests: a row of the checkpoint has to hold them', () => {
    const rejections = withRejected(noRejections, [{ sequence: 1, study: 'Microsoft.Default/1.2.3' }])
    expect(keptRejections(rejections)).toEqual([expect.stringMatching(/^[0-9a-f]{12}$/)])
  })
})
