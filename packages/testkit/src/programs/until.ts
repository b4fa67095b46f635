export interface UntilOptions {
  readonly what: string
  readonly withinMs: number
  readonly signal: AbortSignal
}

const pollMs = 25

/**
 * Waits for a level, never for the next event.
 * @throws if the level is not reached in time (with what was awaited), or if the signal aborts
 */
export async function until(level: () => boolean | Promise<boolean>, options: UntilOptions): Promise<void> {
  const endMs = performance.now() + options.withinMs
  while (!(await level())) {
    options.signal.throwIfAborted()
    if (performance.now() > endMs) throw new Error(`waited ${options.withinMs / 1000} s for ${options.what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
