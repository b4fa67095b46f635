import type { Demand } from '@holdfast/kds'
import { isHeadless } from '@holdfast/model'
import { demandOf, type KindCounts, kindsOf, knownPools } from '../plan/lease.js'
import type { RoleIdentity } from '../plan/types.js'
import type { History } from './history.js'
import type { Sql } from './sql.js'
import { readBlocks } from './statements/ledger-read.js'
import { pendingRows } from './statements/rows-read.js'
import { type ActiveVips, activeVips, poolSpecs } from './statements/vip-read.js'

/** In a ledger with more rows than this, active addresses are not counted for every change: a block grows at half load, so there is time. */
const countedAlwaysMax = 10_000
const countEveryMs = 10_000

/**
 * How many addresses more this control plane needs. Services, ledger, pools and blocks change with a revision only, so the
 * answer is kept until this process sees another one: a reconnect that changes nothing counts nothing.
 */
export class DemandLook {
  readonly #sql: Sql
  readonly #identity: RoleIdentity
  readonly #history: Pick<History, 'seen'>
  #counted: { readonly atMs: number; readonly active: ActiveVips } | undefined
  #last: { readonly at: History['seen']; readonly demands: readonly Demand[] } | undefined

  constructor(sql: Sql, identity: RoleIdentity, history: Pick<History, 'seen'>) {
    this.#sql = sql
    this.#identity = identity
    this.#history = history
  }

  async demands(): Promise<readonly Demand[]> {
    // Taken before the look: what is committed meanwhile is looked at again.
    const at = this.#history.seen
    const last = this.#last
    if (last?.at.epoch === at.epoch && last.at.revision === at.revision && last.at.tag === at.tag) return last.demands
    const demands = await this.#read()
    this.#last = { at, demands }
    return demands
  }

  async #read(): Promise<readonly Demand[]> {
    const pending = await pendingRows(this.#sql, kindsOf(this.#identity), this.#identity.name)
    const waiting = pending.filter((row) => !isHeadless(row.labels))
    const counts = new Map<string, KindCounts>()
    for (const [kind, active] of await this.#active(waiting.length > 0)) counts.set(kind, { ...active, pending: 0 })
    for (const row of waiting) {
      const count = counts.get(row.type) ?? { v4: 0, v6: 0, pending: 0 }
      counts.set(row.type, { ...count, pending: count.pending + 1 })
    }
    const pools = knownPools(await poolSpecs(this.#sql))
    return demandOf(this.#identity, await readBlocks(this.#sql, 'us'), counts, pools)
  }

  /** Who waits for an address is never told by an old count that there is room. */
  async #active(isAnybodyWaiting: boolean): Promise<ActiveVips['byKind']> {
    const before = this.#counted
    const nowMs = performance.now()
    const isFresh = before !== undefined && nowMs - before.atMs < countEveryMs
    if (isFresh && !isAnybodyWaiting && before.active.ledgerRows > countedAlwaysMax) return before.active.byKind
    const active = await activeVips(this.#sql, this.#identity.name)
    this.#counted = { atMs: nowMs, active }
    return active.byKind
  }
}
