export type Outcome = 'done' | 'nothing to do'

export interface Paced {
  readonly done: number
  /** Operations that found nothing to do, or that somebody else was faster with. */
  readonly idle: number
  readonly perSecond: number
  /** From the begin of an operation to its answer. */
  readonly medianMs: number
  readonly slowestMs: number
}

/** Operations that may be under way at once. Behind it they wait: the pace falls, and nothing piles up. */
const underWayMax = 64

/** So many operations a second, whether those before are over or not, until told to stop. @throws what an operation throws */
export async function paced(
  perSecond: number,
  goesOn: () => boolean,
  operation: (n: number) => Promise<Outcome>,
): Promise<Paced> {
  const underWay = new Set<Promise<void>>()
  const durationsMs: number[] = []
  const failures: unknown[] = []
  let idle = 0
  const one = async (n: number): Promise<void> => {
    const beganMs = performance.now()
    try {
      if ((await operation(n)) === 'done') durationsMs.push(performance.now() - beganMs)
      else idle++
    } catch (error) {
      failures.push(error)
    }
  }
  const beganMs = performance.now()
  for (let n = 0; goesOn() && failures.length === 0; n++) {
    const work = one(n).finally(() => underWay.delete(work))
    underWay.add(work)
    if (underWay.size >= underWayMax) await Promise.race(underWay)
    // Behind the pace there is no catching up in a burst: the next one comes at once.
    const dueMs = beganMs + ((n + 1) * 1_000) / perSecond
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, dueMs - performance.now())))
  }
  const tookMs = performance.now() - beganMs
  await Promise.all(underWay)
  if (failures.length > 0) throw failures[0]
  const sorted = durationsMs.sort((a, b) => a - b)
  return {
    done: sorted.length,
    idle,
    perSecond: (1_000 * sorted.length) / Math.max(1, tookMs),
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    slowestMs: sorted.at(-1) ?? 0,
  }
}
