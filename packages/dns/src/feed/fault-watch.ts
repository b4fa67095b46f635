import type { ResourceKey } from '@holdfast/model'
import type { ControlPlaneStore, ServiceStanding } from '@holdfast/store'
import { isServed, serviceKey, serviceWords } from '../table/served.js'
import type { NameTable } from '../table/table.js'

/** Services looked at in one turn; a turn is at most so often. */
export const checkedPerTurn = 200
export const turnMs = 1_000
/** Faults told in a heartbeat; the rest is a number. */
export const faultsToldMax = 20

export interface WatchedStore {
  readonly vip: Pick<ControlPlaneStore['vip'], 'standing'>
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

  /** One turn, and one question to the store; a store that does not answer leaves everything due. */
  async turn(): Promise<void> {
    const keys = [...this.#due].slice(0, checkedPerTurn)
    if (keys.length === 0) return
    const found = await this.#store.vip.standing(keys.map(keyOf))
    const standing = new Map(found.map((each) => [serviceKey(each), each]))
    for (const key of keys) {
      const fault = this.#faultOf(key, standing.get(key))
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

  #faultOf(key: string, row: ServiceStanding | undefined): string | undefined {
    const wanted = row === undefined || !isServed(row) ? undefined : row
    const served = this.#table().get(key)
    if (wanted === undefined)
      return served === undefined ? undefined : `${serviceWords(served)} is answered and is not in the store`
    if (served === undefined) return `${serviceWords(wanted)} is in the store and is not answered`
    const said = textOf(served.addresses)
    const stored = textOf(wanted.vips?.addresses ?? [])
    if (said !== stored) return `${serviceWords(served)}: DNS answers ${said}, the store has ${stored}`
    const booked = textOf(wanted.booked)
    return said === booked ? undefined : `${serviceWords(served)}: DNS answers ${said}, the ledger has ${booked}`
  }
}

const keyOf = (key: string): ResourceKey => {
  const [type = '', mesh = '', name = ''] = key.split('\u0000')
  return { type, mesh, name }
}

const textOf = (addresses: readonly string[]): string =>
  addresses.length === 0 ? 'nothing' : [...addresses].sort().join(', ')
