import { addressKeyText, byText, ledgerText, ownerText, pairText } from './keys.js'
import type { Loaded } from './loaded.js'
import { Index, type Journal, List, Table } from './table.js'
import type { BlockRow, Family, HistoryEvent, HistoryRow, LedgerRow, Owner, Scope } from './types.js'

export type BlockUse = BlockRow & { readonly used: number }

/** The ledger's part of a working set: who has which address, the blocks, and the history that a plan adds. */
export class LedgerSet {
  readonly #rows: Table<LedgerRow>
  readonly #blocks: Table<BlockUse>
  readonly #history: List<Omit<HistoryRow, 'revision'>>
  readonly #byOwner = new Index()
  readonly #byAddress = new Index()
  readonly #past = new Map<string, number>()

  constructor(journal: Journal) {
    this.#rows = new Table<LedgerRow>(journal, (key, before, after) => {
      for (const [row, act] of [[before, 'remove'] as const, [after, 'add'] as const]) {
        if (row === undefined) continue
        this.#byOwner[act](ownerText(row), key)
        this.#byAddress[act](addressKeyText(row.scope, row.family, row.address), key)
      }
    })
    this.#blocks = new Table<BlockUse>(journal)
    this.#history = new List(journal)
  }

  load(loaded: Pick<Loaded, 'ledger' | 'blocks' | 'pastGenerations'>): void {
    for (const row of loaded.ledger) this.#rows.load(ledgerText(row, row.scope, row.family), row)
    for (const block of loaded.blocks) this.#blocks.load(block.id, block)
    for (const past of loaded.pastGenerations) this.#past.set(pairText(ownerText(past), past.scope), past.generation)
  }

  get(owner: Owner, scope: Scope, family: Family): LedgerRow | undefined {
    return this.#rows.get(ledgerText(owner, scope, family))
  }

  /** Every row of an owner, IPv4 first. */
  of(owner: Owner): readonly LedgerRow[] {
    return this.#byOwner
      .keys(ownerText(owner))
      .flatMap((key) => this.#rows.get(key) ?? [])
      .sort((a, b) => a.family - b.family || byText(a.scope, b.scope))
  }

  /** Who has an address in a scope, tombstones included. */
  holder(scope: Scope, family: Family, address: string): LedgerRow | undefined {
    const [key] = this.#byAddress.keys(addressKeyText(scope, family, address))
    return key === undefined ? undefined : this.#rows.get(key)
  }

  rows(): readonly LedgerRow[] {
    return [...this.#rows.values()]
  }

  /** Highest generation that the history knows of an owner without rows; undefined: it never had any. */
  pastGeneration(owner: Owner, scope: Scope): number | undefined {
    return this.#past.get(pairText(ownerText(owner), scope))
  }

  /** Oldest first. */
  blocks(): readonly BlockUse[] {
    return [...this.#blocks.values()].sort((a, b) => a.createdAtMs - b.createdAtMs || byText(a.id, b.id))
  }

  block(id: string): BlockUse | undefined {
    return this.#blocks.get(id)
  }

  put(row: LedgerRow, event: HistoryEvent, atMs: number, why: string): void {
    const before = this.get(row, row.scope, row.family)
    this.#rows.set(ledgerText(row, row.scope, row.family), row)
    if (before?.blockId !== row.blockId) {
      this.#use(before?.blockId, -1)
      this.#use(row.blockId, 1)
    }
    this.note(row, event, atMs, why)
  }

  /** Only after its quarantine, or when a row is to be replaced altogether. */
  free(row: LedgerRow, atMs: number, why: string): void {
    this.#rows.set(ledgerText(row, row.scope, row.family), undefined)
    this.#past.set(pairText(ownerText(row), row.scope), row.generation)
    this.#use(row.blockId, -1)
    this.note(row, 'freed', atMs, why)
  }

  /**
   * Tombstones every address that an owner has in the canonical scope, or from our blocks in our own: they go to nobody
   * else, and come back with it.
   */
  tombstone(owner: Owner, atMs: number, why: string, ownScope: Scope): void {
    for (const row of this.of(owner))
      if (
        row.state === 'active' &&
        (row.scope === 'canonical' || (row.scope === ownScope && row.blockId !== undefined))
      )
        this.rest(row, atMs, why)
  }

  rest(row: LedgerRow, atMs: number, why: string): void {
    const resting: LedgerRow = { ...row, state: 'tombstoned', tombstonedAtMs: atMs, tombstonedRevision: undefined }
    this.put(resting, 'tombstoned', atMs, why)
  }

  note(row: LedgerRow, event: HistoryEvent, atMs: number, why: string): void {
    const { kind, mesh, origin, namespace, displayName, scope, family, address, generation } = row
    this.#history.push({
      kind,
      mesh,
      origin,
      namespace,
      displayName,
      scope,
      family,
      address,
      generation,
      event,
      atMs,
      why,
    })
  }

  putBlock(block: BlockRow): void {
    this.#blocks.set(block.id, { used: 0, ...this.#blocks.get(block.id), ...block })
  }

  removeBlock(id: string): void {
    this.#blocks.set(id, undefined)
  }

  #use(blockId: string | undefined, by: number): void {
    const block = blockId === undefined ? undefined : this.#blocks.get(blockId)
    if (block !== undefined) this.#blocks.set(block.id, { ...block, used: block.used + by })
  }

  changes(): {
    readonly rows: ReturnType<Table<LedgerRow>['changes']>
    readonly blocks: ReturnType<Table<BlockUse>['changes']>
    readonly history: readonly Omit<HistoryRow, 'revision'>[]
  } {
    return { rows: this.#rows.changes(), blocks: this.#blocks.changes(), history: this.#history.all() }
  }
}
