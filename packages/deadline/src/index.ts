/**
 * Lets `work` run until it is done, one of `signals` aborts, or `ms` milliseconds have passed; then its signal aborts, with the
 * reason of that signal or a `TimeoutError`. Nothing is left of it afterwards: no timer, and no listener on signals that live longer.
 *
 * Instead of `AbortSignal.any([signal, AbortSignal.timeout(ms)])`: there only the composed signal holds the timer, and weakly. If
 * nothing but its listener needs it, both are collected as garbage, and the time never comes (nodejs/node#57736; Node 20.20.2).
 *
 * @throws whatever `work` throws
 */
export async function within<T>(
  ms: number,
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(
    () => controller.abort(new DOMException(`not done within ${ms / 1_000} s`, 'TimeoutError')),
    ms,
  )
  // What waits keeps the process alive, or nothing does.
  timer.unref()
  const stops = signals.map((signal) => {
    const stop = (): void => controller.abort(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    return () => signal.removeEventListener('abort', stop)
  })
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    for (const stop of stops) stop()
  }
}
