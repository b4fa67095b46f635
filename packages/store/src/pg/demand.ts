import type { Demand } from '@holdfast/kds'
import { isHeadless } from '@holdfast/model'
import { demandOf, type KindCounts, kindsOf, knownPools } from '../plan/lease.js'
import type { RoleIdentity } from '../plan/types.js'
import type { History } from './history.js'
import type { Sql } from './sql.js'
import { readBlocks } from './statements/ledger-read.js'
import { pendingRows } from './statements/rows-read.js'
import { activeCounts, poolSpecs } from './statements/vip-read.js'

/**
 * How many addresses more this control plane needs. Services, ledger, pools and blocks change with a revision only, so the
 * answer is kept until this process sees another one: a reconnect that changes nothing counts nothing.
 */
export class DemandLook {
  readonly #sql: Sql
  readonly #identity: RoleIdentity
  readonly #history: Pick<History, 'seen'>
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
    const { name } = this.#identity
    const counts = new Map<string, KindCounts>()
    for (const [kind, active] of await activeCounts(this.#sql, name)) counts.set(kind, { ...active, pending: 0 })
    for (const row of await pendingRows(this.#sql, kindsOf(this.#identity), name)) {
      if (isHeadless(row.labels)) continue
      const count = counts.get(row.type) ?? { v4: 0, v6: 0, pending: 0 }
      counts.set(row.type, { ...count, pending: count.pending + 1 })
    }
    const pools = knownPools(await poolSpecs(this.#sql))
    return demandOf(this.#identity, await readBlocks(this.#sql, 'us'), counts, pools)
  }
}
