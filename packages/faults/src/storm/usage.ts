import { readdirSync, readFileSync } from 'node:fs'
import { metric, type Plane } from '../stand/plane.js'

/** What a process holds on to. */
export interface Usage {
  readonly memoryMiB: number
  readonly descriptors: number
  readonly timers: number
}

export async function usageOf(plane: Plane): Promise<Usage> {
  const pid = plane.process.pid
  if (pid === undefined) throw new Error(`${plane.name} does not run`)
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    memoryMiB: Math.round(Number(resident) / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    timers: await metric(plane, 'nodejs_active_resources', { type: 'Timeout' }),
  }
}

const descriptorsMore = 12
const timersMore = 12
const memoryMoreMiB = 120

/** What has grown beyond what comes and goes, in words. */
export function grown(plane: string, before: Usage, after: Usage): readonly string[] {
  const more = (what: string, was: number, is: number, allowed: number): readonly string[] =>
    is - was > allowed ? [`${plane}: ${what} went from ${was} to ${is}`] : []
  return [
    ...more('memory in MiB', before.memoryMiB, after.memoryMiB, memoryMoreMiB),
    ...more('descriptors', before.descriptors, after.descriptors, descriptorsMore),
    ...more('timers', before.timers, after.timers, timersMore),
  ]
}
