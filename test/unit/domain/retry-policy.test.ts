import { describe, expect, it } from '@jest/globals'
import { requestRetries, retryDelay } from '../../../lib/domain/retry-policy'

const policy = { attempts: 6, baseMs: 500, capMs: 4_000 }

describe('the delay before the next attempt', () => {
  it('doubles up to the cap', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => retryDelay(policy, attempt, Infinity, 1))).toEqual([
      500, 1_000, 2_000, 4_000, 4_000,
    ])
  })

  it('is a share of that, by chance (full jitter)', () => {
    expect([retryDelay(policy, 3, Infinity, 0), retryDelay(policy, 3, Infinity, 0.25)]).toEqual([0, 500])
  })

  it("is the server's Retry-After where it names one", () => {
    expect(retryDelay(policy, 1, Infinity, 0.5, 30_000)).toBe(30_000)
  })

  it('is none when the attempts are used up', () => {
    expect(retryDelay(policy, 6, Infinity, 0.5)).toBeUndefined()
  })

  it('is none when the time would be used up, also by Retry-After', () => {
    expect([retryDelay(policy, 2, 1_000, 1), retryDelay(policy, 1, 1_000, 0, 1_000)]).toEqual([undefined, undefined])
    expect(retryDelay(policy, 2, 1_001, 1)).toBe(1_000)
  })

  it('stays below half a minute a request', () => {
    const delays = [1, 2, 3, 4, 5].map((attempt) => retryDelay(requestRetries, attempt, Infinity, 1) ?? 0)
    expect(delays.reduce((total, delay) => total + delay, 0)).toBeLessThan(30_000)
  })
})
