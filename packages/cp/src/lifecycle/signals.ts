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
  const handler = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) onSecond(name)
    else controller.abort(name)
  }
  for (const name of names) process.on(name, handler)
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, handler)
    },
  }
}
