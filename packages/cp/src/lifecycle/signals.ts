/** What comes sooner after the first signal is the same one: a terminal tells the whole group, and npm and pnpm tell their child once more. */
const sameAskMs = 300

/**
 * SIGTERM and SIGINT ask for a graceful stop; the second one of either is taken at its word.
 * @returns the signal that aborts at the first one, and what removes the handlers again
 */
export function stopOnSignals(onSecond: (name: NodeJS.Signals) => void): {
  readonly signal: AbortSignal
  readonly release: () => void
} {
  const controller = new AbortController()
  const names: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']
  let askedMs = 0
  const handler = (name: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      askedMs = performance.now()
      controller.abort(name)
    } else if (performance.now() - askedMs >= sameAskMs) onSecond(name)
  }
  for (const name of names) process.on(name, handler)
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, handler)
    },
  }
}
