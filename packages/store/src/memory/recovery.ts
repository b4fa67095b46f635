import { findType } from '@holdfast/model'
import {
  type HistoryRow,
  rebuildPlan,
  rebuildUnit,
  recoverUnit,
  recoveryPlanUnit,
  releaseUnit,
  rememberedOf,
  rememberUnit,
  servingUnit,
} from '../plan/index.js'
import { byText, keyText, ledgerText } from '../plan/keys.js'
import type { RecoveryStore, WitnessRow } from '../recovery-port.js'
import type { MemoryStore } from './memory-store.js'

/** What a store in memory remembers of others, and takes over from those who remember it. */
export function memoryRecovery(store: MemoryStore): RecoveryStore {
  const seen = new Map<string, { readonly row: WitnessRow; readonly atMs: number; readonly epoch: string }>()
  return {
    noteWitnesses: async (rows) => {
      for (const row of rows) seen.set(row.zone, { row, atMs: store.nowMs(), epoch: store.image.head.epoch })
    },
    witnesses: async (withinMs) =>
      [...seen.values()].flatMap(({ row, atMs, epoch }) =>
        atMs > store.nowMs() - withinMs && epoch === store.image.head.epoch ? [row] : [],
      ),
    remembered: async (after, limit) => {
      const own = store.identity.name
      const found = [...store.image.rows]
        .filter(([key, row]) => row.origin !== own && (row.origin === '' || row.deleted) && (after ?? '') < key)
        .sort(([a], [b]) => byText(a, b))
      const page = found.slice(0, limit)
      const items = page.flatMap(([, row]) => rememberedOf(row, own) ?? [])
      const last = page.at(-1)?.[0]
      return found.length > page.length && last !== undefined ? { items, next: last } : { items }
    },
    remember: async (testimony) =>
      store.run(rememberUnit(testimony, store.options(store.nowMs()), store.logHistory().epochs)),
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
        ...[...blocks.values()].map((block) => block.owner),
        ...[...zones.values()].filter((zone) => zone.everInStep).map((zone) => zone.name),
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
