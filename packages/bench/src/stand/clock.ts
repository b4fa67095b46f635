const setIntervalOfNode = globalThis.setInterval
let stopped = false

/**
 * What repeats by the clock (heartbeats, records of sessions, looks at what is refused) does nothing while this runs: on a
 * machine that is busy more of it would fall into the same job, and a count would be one of seconds.
 */
export async function whileClocksStand<T>(work: () => Promise<T>): Promise<T> {
  stopped = true
  try {
    return await work()
  } finally {
    stopped = false
  }
}

/** From here on timers that repeat can be stopped; the planes of a stand are all in this process. */
export function takeClocks(): void {
  if (globalThis.setInterval !== setIntervalOfNode) return
  const taken = ((work: (...of: unknown[]) => void, ...rest: [number?, ...unknown[]]) =>
    setIntervalOfNode(
      (...of: unknown[]) => {
        if (!stopped) work(...of)
      },
      ...rest,
    )) as typeof setInterval
  globalThis.setInterval = Object.assign(taken, setIntervalOfNode)
}
