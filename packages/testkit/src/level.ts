/** A condition to wait for: never an event that may have passed, never a time. */
export interface Level {
  /** Whatever the conditions depend on has changed. */
  changed(): void
  /** Resolves as soon as the condition holds. */
  until(holds: () => boolean): Promise<void>
}

export function createLevel(): Level {
  let waiters: { readonly holds: () => boolean; readonly resolve: () => void }[] = []
  return {
    changed() {
      const due = waiters.filter(({ holds }) => holds())
      waiters = waiters.filter((waiter) => !due.includes(waiter))
      for (const { resolve } of due) resolve()
    },
    until: (holds) => (holds() ? Promise.resolve() : new Promise((resolve) => waiters.push({ holds, resolve }))),
  }
}

/** Between two looks at something. */
const pauseMinMs = 10
const pauseMaxMs = 250

/**
 * Looks at a level of another process, of a database, of an API, until it is there. No look is closer to the last one than four
 * times what that one took: a test that asks without a pause takes the machine from what it waits for.
 *
 * @returns false: it was not there within the time
 */
export async function reached(
  level: () => boolean | Promise<boolean>,
  withinMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const beganMs = performance.now()
    if (await level()) return true
    signal?.throwIfAborted()
    const nowMs = performance.now()
    if (nowMs > endMs) return false
    const pauseMs = Math.min(Math.max(4 * (nowMs - beganMs), pauseMinMs), pauseMaxMs)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
