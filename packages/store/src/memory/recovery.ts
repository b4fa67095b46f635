import { findType } from '@holdfast/model'
import {
  type HistoryRow,
  type HoldRow,
  type Remembered,
  rebuildPlan,
  rebuildUnit,
  recoverUnit,
  recoveryPlanUnit,
  releaseUnit,
  remembering,
  rememberUnit,
  servingUnit,
  type Testimony,
} from '../plan/index.js'
import { byText, keyText, ledgerText } from '../plan/keys.js'
import type { RecoveryStore, WitnessRow } from '../recovery-port.js'
import type { Image } from './image.js'
import type { MemoryStore } from './memory-store.js'

/** What the processes on a store in memory see of the zones that come back. */
export class MemoryWitnesses {
  readonly #store: MemoryStore

  constructor(store: MemoryStore) {
    this.#store = store
  }

  note(row: WitnessRow): void {
    const { nowMs, image } = this.#store
    const { epoch } = image.head
    const before = image.witnesses.get(row.zone)
    const conflicts = row.heard || before?.epoch !== epoch ? row.conflicts : before.row.conflicts
    image.witnesses.set(row.zone, { row: { ...row, conflicts }, atMs: nowMs(), epoch })
  }

  within(ms: number): readonly WitnessRow[] {
    const { nowMs, image } = this.#store
    return [...image.witnesses.values()].flatMap(({ row, atMs, epoch }) =>
      atMs > nowMs() - ms && epoch === image.head.epoch ? [row] : [],
    )
  }

  remember(testimony: Testimony): Remembered {
    const store = this.#store
    const { zones, cursors } = store.image
    const wasFollowed = [...cursors.values()].some(
      ({ peer, channel, side }) => channel === 'down' && side === 'acked' && zones.get(peer)?.storeId !== undefined,
    )
    const { epochs } = store.logHistory()
    return store.run(rememberUnit(testimony, store.options(store.nowMs()), { epochs, wasFollowed }))
  }
}

/** What a store in memory remembers of others, and takes over from those who remember it. */
export function memoryRecovery(store: MemoryStore): RecoveryStore {
  const witnesses = new MemoryWitnesses(store)
  return {
    noteWitnesses: async (rows) => {
      for (const row of rows) witnesses.note(row)
    },
    witnesses: async (withinMs) => witnesses.within(withinMs),
    remembered: async (after, limit) => {
      const own = store.identity.name
      const found = [...store.image.rows]
        .filter(([key, row]) => row.origin !== own && (row.origin === '' || row.deleted) && (after ?? '') < key)
        .sort(([a], [b]) => byText(a, b))
      const page = found.slice(0, limit)
      const remember = remembering(own, approvedOf(store.image))
      const items = page.flatMap(([, row]) => remember(row) ?? [])
      const last = page.at(-1)?.[0]
      return found.length > page.length && last !== undefined ? { items, next: last } : { items }
    },
    remember: async (testimony) => witnesses.remember(testimony),
    recover: async (request) => {
      const asked = { ...request, history: store.logHistory() }
      return store.run(request.apply ? recoverUnit(asked, store.options(store.nowMs())) : recoveryPlanUnit(asked))
    },
    rebuild: async ({ apply, actor }) => {
      const { image } = store
      const last = new Map<string, HistoryRow>()
      for (const row of image.history)
        if (row.scope === 'canonical' && row.event !== 'refused') last.set(ledgerText(row, row.scope, row.family), row)
      const services = [...image.rows.values()].filter((row) => !row.deleted && findType(row.type)?.vipKind === true)
      const ledger = [...image.ledger.values()].filter((row) => row.scope === 'canonical')
      const plan = rebuildPlan({ services, ledger, history: [...last.values()] })
      if (!apply) return plan
      const options = store.options(store.nowMs())
      store.run(rebuildUnit(plan.restore, services, { ...options, actor }))
      store.run(servingUnit(options))
      return plan
    },
    missingZones: async () => {
      const { blocks, zones, rows, cursors } = store.image
      const known = new Set([
        ...[...blocks.values()].filter(({ storeId }) => storeId !== store.identity.storeId).map(({ owner }) => owner),
        ...[...zones.values()].filter((zone) => zone.everInStep && zone.storeId !== undefined).map((zone) => zone.name),
      ])
      known.delete('')
      // Its clock does not say when its log began: whoever was ever proven counts as back.
      const proven = new Set([...cursors.values()].flatMap((row) => (row.provenAtMs === undefined ? [] : [row.peer])))
      const isDeleted = (name: string): boolean => rows.get(keyText({ type: 'Zone', mesh: '', name }))?.deleted === true
      return [...known].filter((name) => !proven.has(name) && !isDeleted(name)).sort()
    },
    release: async (owner, actor) => store.run(releaseUnit(owner, { ...store.options(store.nowMs()), actor })),
    onStranger: (listener) => store.onStranger(listener),
  }
}

/** Every hold that was ever approved. */
export const approvedOf = ({ holds }: Pick<Image, 'holds'>): readonly HoldRow[] =>
  [...holds.values()].filter(({ state }) => state === 'approved')
