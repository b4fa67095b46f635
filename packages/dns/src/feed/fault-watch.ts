import { displayNameOf, namespaceLabel } from '@holdfast/model'
import type { ControlPlaneStore, LedgerRow } from '@holdfast/store'
import { type ServedService, servedOf, serviceWords } from '../table/served.js'
import type { NameTable } from '../table/table.js'

/** Services looked at in one turn; a turn is at most so often. */
export const checkedPerTurn = 50
export const turnMs = 1_000
/** Faults told in a heartbeat; the rest is a number. */
export const faultsToldMax = 20

export interface WatchedStore {
  readonly read: Pick<ControlPlaneStore['read'], 'get'>
  readonly vip: Pick<ControlPlaneStore['vip'], 'ledger'>
}

/**
 * Compares what DNS answers for a service with its ledger and its row (VIP-4), for each one that has changed, in turns: a
 * change is looked at soon, ten thousand of them one after the other. What differs is looked at again before it is told: a
 * change under way is no fault.
 */
export class FaultWatch {
  readonly #store: WatchedStore
  readonly #table: () => NameTable
  readonly #due = new Set<string>()
  readonly #suspected = new Map<string, string>()
  readonly #faults = new Map<string, string>()

  constructor(store: WatchedStore, table: () => NameTable) {
    this.#store = store
    this.#table = table
  }

  /** These have changed. */
  note(keys: Iterable<string>): void {
    for (const key of keys) this.#due.add(key)
  }

  get due(): number {
    return this.#due.size
  }

  /** As a heartbeat tells them. */
  get faults(): readonly string[] {
    const all = [...this.#faults.values()]
    return all.length <= faultsToldMax
      ? all
      : [...all.slice(0, faultsToldMax), `and ${all.length - faultsToldMax} more`]
  }

  /** One turn; a store that does not answer leaves everything due. */
  async turn(): Promise<void> {
    for (const key of [...this.#due].slice(0, checkedPerTurn)) {
      const fault = await this.#look(key)
      if (fault === undefined) {
        this.#due.delete(key)
        this.#suspected.delete(key)
        this.#faults.delete(key)
      } else if (this.#suspected.get(key) === fault) {
        // Stays due: it is told until it is gone.
        this.#faults.set(key, fault)
      } else this.#suspected.set(key, fault)
      // Behind those that have not been looked at.
      if (this.#due.delete(key)) this.#due.add(key)
    }
  }

  async #look(key: string): Promise<string | undefined> {
    const [type = '', mesh = '', name = ''] = key.split('\u0000')
    const row = await this.#store.read.get({ type, mesh, name })
    const wanted = row === undefined ? undefined : servedOf(row)
    const served = this.#table().get(key)
    if (wanted === undefined)
      return served === undefined ? undefined : `${serviceWords(served)} is answered and is not in the store`
    if (served === undefined) return `${serviceWords(wanted)} is in the store and is not answered`
    const said = textOf(served.addresses)
    if (said !== textOf(wanted.addresses))
      return `${serviceWords(served)}: DNS answers ${said}, the store has ${textOf(wanted.addresses)}`
    const ledger = await this.#ledgerOf(served)
    return said === textOf(ledger)
      ? undefined
      : `${serviceWords(served)}: DNS answers ${said}, the ledger has ${textOf(ledger)}`
  }

  async #ledgerOf({ type, mesh, origin, name, labels }: ServedService): Promise<readonly string[]> {
    const displayName = displayNameOf(name, labels)
    const { items } = await this.#store.vip.ledger({
      kind: type,
      mesh,
      origin,
      displayName,
      includeTombstoned: false,
      limit: 100,
    })
    const namespace = labels[namespaceLabel] ?? ''
    const rows = items.filter((row) => row.displayName === displayName && row.namespace === namespace)
    const canonical = rows.filter(({ scope }) => scope === 'canonical')
    // Under a Kuma global a zone gives addresses to others' services itself, from blocks of its own, in its own scope.
    const isStandIn = ({ scope, blockId }: LedgerRow): boolean => scope !== 'canonical' && blockId !== undefined
    return (canonical.length > 0 ? canonical : rows.filter(isStandIn)).map((row) => row.address)
  }
}

const textOf = (addresses: readonly string[]): string =>
  addresses.length === 0 ? 'nothing' : [...addresses].sort().join(', ')
