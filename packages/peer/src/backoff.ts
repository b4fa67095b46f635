/**
 * Waits between attempts to reach a peer: exponential with full jitter, so that zones that lost the same global do not
 * return in the same moment. A session that lasted `steadyMs` starts it over.
 */
export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
  readonly steadyMs: number
}

export const sessionBackoff: BackoffOptions = {
  // A cut link is usually back at once; the first attempt should not wait for a person to notice.
  baseMs: 250,
  maxMs: 30_000,
  steadyMs: 10_000,
}

/**
 * A Kuma global may take a session, serve it, and say ten seconds later that it could not: each new one is its whole
 * state again. As Kuma's own zones, whoever dials it does not count less than a minute as a session that lasted.
 */
export const kumaSteadyMs = 60_000

export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: BackoffOptions = sessionBackoff) {
    this.#options = options
  }

  /**
   * @param lastedMs how long the attempt that just ended had worked, 0 if it never did
   * @param steadyMs how long it must have, where that is longer than with others
   */
  ended(lastedMs: number, steadyMs = 0): void {
    this.#failures = lastedMs >= Math.max(steadyMs, this.#options.steadyMs) ? 1 : this.#failures + 1
  }

  /** @param chance in [0, 1) */
  nextMs(chance: number): number {
    const ceiling = Math.min(this.#options.maxMs, this.#options.baseMs * 2 ** Math.min(this.#failures, 16))
    return Math.round(this.#options.baseMs / 2 + chance * (ceiling - this.#options.baseMs / 2))
  }
}
