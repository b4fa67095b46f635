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
