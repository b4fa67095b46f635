import { type RepairTurns, repairEveryMs } from '@holdfast/kds'

export interface LastRepair {
  readonly atMs: number
  /** The sender's log that it compared with. */
  readonly epoch: string
}

/**
 * Which types may be repaired now: those whose last repair ended a minute ago or more, or compared with another log. A
 * clock that was set back makes nobody wait.
 */
export function repairTurns(
  of: { readonly epoch: string; readonly types: readonly string[]; readonly nowMs: number },
  lastOf: (type: string) => LastRepair | undefined,
): RepairTurns {
  const { epoch, types, nowMs } = of
  const againAtMs = (type: string): number => {
    const last = lastOf(type)
    // One in the future was written down before our clock was set back: how long ago it was nobody knows.
    const isKnown = last !== undefined && last.epoch === epoch && last.atMs <= nowMs
    return isKnown ? last.atMs + repairEveryMs : nowMs
  }
  const waiting = types.filter((type) => againAtMs(type) > nowMs)
  const due = types.filter((type) => againAtMs(type) <= nowMs)
  return waiting.length === 0 ? { due } : { due, retryAtMs: Math.min(...waiting.map(againAtMs)) }
}
