import type { HeldLease, LeaseRecord, LeaseStore } from '../lease-port.js'
import { LeaseLost } from '../plan/lease-lost.js'

type Kept = Omit<LeaseRecord, 'heldForMs' | 'expiresInMs'> & {
  readonly takenAtMs: number
  readonly expiresAtMs: number
}

/** Leases in memory, by a clock that is the same for everybody. */
export class MemoryLeases implements LeaseStore {
  readonly #nowMs: () => number
  readonly #kept = new Map<string, Kept>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  async take({ holder, place, names, ttlMs, gone }: Parameters<LeaseStore['take']>[0]): Promise<readonly HeldLease[]> {
    const nowMs = this.#nowMs()
    return [...names].sort().flatMap((name) => {
      const before = this.#kept.get(name)
      const isOurs = before?.holder === holder
      if (before !== undefined && !isOurs && before.expiresAtMs > nowMs && !gone.includes(before.holder)) return []
      const token = before === undefined ? 1 : isOurs ? before.token : before.token + 1
      const takenAtMs = isOurs ? before.takenAtMs : nowMs
      this.#kept.set(name, { name, holder, place, token, takenAtMs, expiresAtMs: nowMs + ttlMs })
      return [{ name, holder, token }]
    })
  }

  async release(holder: string, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const kept = this.#kept.get(name)
      if (kept?.holder === holder) this.#kept.set(name, { ...kept, expiresAtMs: this.#nowMs() })
    }
  }

  async list(): Promise<readonly LeaseRecord[]> {
    const nowMs = this.#nowMs()
    return [...this.#kept.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ takenAtMs, expiresAtMs, ...kept }) => ({
        ...kept,
        heldForMs: nowMs - takenAtMs,
        expiresInMs: Math.max(0, expiresAtMs - nowMs),
      }))
  }

  /** @throws LeaseLost if another process has taken it */
  check(lease: HeldLease | undefined): void {
    if (lease === undefined) return
    const kept = this.#kept.get(lease.name)
    if (kept?.holder !== lease.holder || kept.token !== lease.token) throw new LeaseLost(lease.name)
  }
}
