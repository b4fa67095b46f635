import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a process holds: by kind, so that what grew can be named. */
export interface Usage {
  readonly heapBytes: number
  readonly externalBytes: number
  /** Timers, sockets, servers … that keep the process alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
}

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/** After everything that is garbage has gone: several rounds, for what finalizers and sockets let go of later. */
export async function usage(): Promise<Usage> {
  for (let round = 0; round < 6; round++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const { heapUsed, external } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  return { heapBytes: heapUsed, externalBytes: external, resources }
}

/** Growth of the heap, as a share of what it was. */
export const growth = (before: Usage, after: Usage): number => after.heapBytes / before.heapBytes - 1

/** Kinds of which there are more than before. */
export const leftOver = (before: Usage, after: Usage): readonly string[] =>
  Object.entries(after.resources).flatMap(([kind, count]) => {
    const more = count - (before.resources[kind] ?? 0)
    return more > 0 ? [`${more} more ${kind} (${count})`] : []
  })
