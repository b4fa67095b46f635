/** Most resources in one call. */
export const batchMax = 64
const firstPauseMs = 250
/** Longest pause between two attempts on a hook that does not answer: when it is back, it is found out so soon. */
export const pauseMaxMs = 2_000
/** Calls for a single resource that fail in a row until the hook counts as away, and not the resource as its trouble. */
const singlesUntilAway = 2

/**
 * Whether and how much a hook is asked now. After a failed call the next one is for a single resource, so that one that
 * a hook stumbles over is found and the others go on; then twice as many with every success.
 */
export interface Breaker {
  /** Most resources in the next call. */
  readonly limit: number
  /** Failed calls for a single resource in a row. */
  readonly failed: number
  readonly closedUntilMs: number
  /** Set while the hook counts as away. */
  readonly away?: { readonly sinceMs: number; readonly reason: string } | undefined
}

export const newBreaker: Breaker = { limit: batchMax, failed: 0, closedUntilMs: 0 }

/** How many resources may be asked about now; 0: none until `closedUntilMs`. */
export const allowedNow = (breaker: Breaker, nowMs: number): number =>
  nowMs < breaker.closedUntilMs ? 0 : breaker.limit

export const answered = (breaker: Breaker): Breaker => ({
  limit: Math.min(batchMax, breaker.limit * 2),
  failed: 0,
  closedUntilMs: 0,
})

/** @param size resources in the call that failed */
export function unanswered(breaker: Breaker, size: number, reason: string, nowMs: number): Breaker {
  const failed = size === 1 ? breaker.failed + 1 : breaker.failed
  const isAway = breaker.away !== undefined || failed >= singlesUntilAway
  return {
    limit: 1,
    failed,
    closedUntilMs: nowMs + Math.min(firstPauseMs * 2 ** Math.min(failed, 16), pauseMaxMs),
    ...(isAway ? { away: { sinceMs: breaker.away?.sinceMs ?? nowMs, reason } } : {}),
  }
}
