import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { TimerWatch } from './timers.js'

/** What a process holds: by kind, so that what grew can be named. */
export interface Usage {
  readonly heapBytes: number
  readonly externalBytes: number
  /** Sockets, servers … that keep the process alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
  /** By the place in the code that armed them; empty unless they are watched. */
  readonly timers: Readonly<Record<string, number>>
}

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/**
 * Longer than what is looked at a second after a commit waits: such a timer is armed for a moment, and nobody's leak. What
 * runs every few seconds has no timer, and a busy connection, in the moment that it runs.
 */
const looks = 15
const looksEveryMs = 100

/**
 * After everything that is garbage has gone: several rounds, for what finalizers and sockets let go of later. Of what is
 * counted, the fewest that were ever seen in these rounds: what is there always is held.
 */
export async function usage(timers: TimerWatch | undefined): Promise<Usage> {
  let fewest: { readonly resources: Counts; readonly timers: Counts } | undefined
  for (let look = 0; look < looks; look++) {
    if (look % 5 === 0) collect()
    await new Promise((resolve) => setTimeout(resolve, looksEveryMs))
    const seen = { resources: resources(timers !== undefined), timers: timers?.armed() ?? {} }
    fewest =
      fewest === undefined
        ? seen
        : { resources: lower(fewest.resources, seen.resources), timers: lower(fewest.timers, seen.timers) }
  }
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return { heapBytes: heapUsed, externalBytes: external, resources: {}, timers: {}, ...fewest }
}

/** As long as a peer that is gone without a word may be waited for, and longer than anything that only waits. */
const lingersAtMostMs = 90_000

/**
 * What is held once nothing is left over, or what is held after a minute and a half: what waits for its time goes, what
 * leaked stays for ever.
 */
export async function usageAtRest(before: Usage, timers: TimerWatch | undefined): Promise<Usage> {
  const endMs = performance.now() + lingersAtMostMs
  for (;;) {
    const after = await usage(timers)
    if (leftOver(before, after).length === 0 || performance.now() > endMs) return after
  }
}

type Counts = Readonly<Record<string, number>>

/** Timers apart where somebody says where they come from. */
function resources(named: boolean): Counts {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo())
    if (!named || kind !== 'Timeout') counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

const lower = (one: Counts, other: Counts): Counts =>
  Object.fromEntries(Object.entries(one).map(([kind, count]) => [kind, Math.min(count, other[kind] ?? 0)]))

/** Growth of the heap, as a share of what it was. */
export const growth = (before: Usage, after: Usage): number => after.heapBytes / before.heapBytes - 1

/** Kinds of which there are more than before; of timers, the places that armed them. */
export const leftOver = (before: Usage, after: Usage): readonly string[] => [
  ...more(before.resources, after.resources),
  ...more(before.timers, after.timers).map((one) => `${one} timers`),
]

const more = (before: Counts, after: Counts): readonly string[] =>
  Object.entries(after).flatMap(([kind, count]) => {
    const added = count - (before[kind] ?? 0)
    return added > 0 ? [`${added} more ${kind} (${count})`] : []
  })
