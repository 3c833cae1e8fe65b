export interface RetryPolicy {
  readonly attempts: number
  readonly baseMs: number
  readonly capMs: number
}

export const requestRetries: RetryPolicy = { attempts: 6, baseMs: 500, capMs: 20_000 }

/**
 * Delay before the next attempt, in ms; `undefined` when attempts or time are used up. The server's Retry-After wins
 * over backoff, which is exponential with full jitter. `attempt` counts from 1, `fraction` is in [0, 1).
 */
export const retryDelay = (
  policy: RetryPolicy,
  attempt: number,
  remainingMs: number,
  fraction: number,
  retryAfterMs?: number,
): number | undefined => {
  if (attempt >= policy.attempts) return undefined
  const backoff = fraction * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1))
  const delay = retryAfterMs ?? backoff
  return delay < remainingMs ? delay : undefined
}
