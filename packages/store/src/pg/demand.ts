import type { Demand } from '@holdfast/kds'
import { demandOf, type KindCounts, kindsOf, knownPools } from '../plan/lease.js'
import type { RoleIdentity } from '../plan/types.js'
import type { History } from './history.js'
import type { Sql } from './sql.js'
import { type DemandFacts, demandFacts } from './statements/vip-read.js'

/**
 * How many addresses more this control plane needs. Services, ledger, pools and blocks change with a revision only, so the
 * answer is kept until this process sees another one: a reconnect that changes nothing looks at nothing.
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
    const facts = await demandFacts(this.#sql, kindsOf(this.#identity), this.#identity.name)
    const demands = demandOf(this.#identity, facts.blocks, countsOf(facts), knownPools(facts.pools))
    this.#last = { at, demands }
    return demands
  }
}

function countsOf({ active, pending }: DemandFacts): ReadonlyMap<string, KindCounts> {
  const counts = new Map<string, KindCounts>()
  const of = (kind: string): KindCounts => counts.get(kind) ?? { v4: 0, v6: 0, pending: 0 }
  for (const { kind, family, count } of active)
    counts.set(kind, { ...of(kind), ...(family === 4 ? { v4: count } : { v6: count }) })
  for (const { kind, count } of pending) counts.set(kind, { ...of(kind), pending: count })
  return counts
}
