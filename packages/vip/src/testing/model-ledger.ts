import type { Held, LedgerView, OwnBlock, Wish } from '../index.js'
import { freeable, ownerText, planAllocation, rangeOf, usableSize } from '../index.js'
import type { Owner } from '../owner.js'

export interface ModelRow extends Held {
  readonly scope: string
  readonly blockId: string
  readonly tombstonedAtMs: number
  readonly tombstonedRevision: number
}

/** The smallest ledger that the plans can run on: what a database would keep, in maps. For tests. */
export class ModelLedger implements LedgerView<ModelRow> {
  readonly rows = new Map<string, ModelRow>()
  readonly past = new Map<string, number>()
  readonly blocks: { block: Omit<OwnBlock, 'used'> }[] = []
  /** Every (address → owner, when) that was ever active, to check that nobody gets it too early. */
  readonly released = new Map<string, { readonly owner: string; readonly atMs: number }>()

  get(owner: Owner, family: number): ModelRow | undefined {
    return this.rows.get(`${family}|${ownerText(owner)}`)
  }

  holder(family: number, address: string): ModelRow | undefined {
    return [...this.rows.values()].find((row) => row.family === family && row.address === address)
  }

  pastGeneration(owner: Owner): number | undefined {
    return this.past.get(ownerText(owner))
  }

  ownBlocks(): OwnBlock[] {
    return this.blocks.map(({ block }) => ({ ...block, used: this.used(block.id) }))
  }

  used(blockId: string): number {
    return [...this.rows.values()].filter((row) => row.blockId === blockId).length
  }

  put(row: ModelRow): void {
    this.rows.set(`${row.family}|${ownerText(row)}`, row)
  }

  apply(
    wishes: readonly Wish[],
    plan: typeof planAllocation = planAllocation,
  ): ReturnType<typeof planAllocation<ModelRow>> {
    const result = plan<ModelRow>(wishes, this.ownBlocks(), this)
    for (const a of result.assigned)
      this.put({ ...a, scope: 'canonical', state: 'active', tombstonedAtMs: 0, tombstonedRevision: 0 })
    for (const row of result.revived) this.put({ ...row, state: 'active' })
    return result
  }

  remove(owner: Owner, atMs: number): void {
    for (const family of [4, 6]) {
      const row = this.get(owner, family)
      if (row?.state !== 'active') continue
      this.put({ ...row, state: 'tombstoned', tombstonedAtMs: atMs, tombstonedRevision: atMs })
      this.released.set(row.address, { owner: ownerText(owner), atMs })
    }
  }

  free(nowMs: number, quarantineMs: number, free: typeof freeable = freeable): readonly ModelRow[] {
    const size = (id: string): number =>
      Number(usableSize(rangeOf(this.blocks.find(({ block }) => block.id === id)?.block.cidr ?? '0.0.0.0/32')))
    const freed = free(
      [...this.rows.values()].filter((r) => r.state === 'tombstoned'),
      {
        nowMs,
        quarantineMs,
        ackedByAll: undefined,
        load: (id) => this.used(id) / size(id),
        excess: (id, limit) => Math.ceil(this.used(id) - size(id) * limit),
      },
    )
    for (const row of freed) {
      this.rows.delete(`${row.family}|${ownerText(row)}`)
      this.past.set(ownerText(row), row.generation)
    }
    return freed
  }
}
