import { recoverUnit, recoveryPlanUnit, rememberedOf, rememberUnit } from '../plan/index.js'
import { byText } from '../plan/keys.js'
import type { RecoveryStore } from '../recovery-port.js'
import type { MemoryStore } from './memory-store.js'

/** What a store in memory remembers of others, and takes over from those who remember it. */
export function memoryRecovery(store: MemoryStore): RecoveryStore {
  return {
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
    remember: async (testimony) => store.run(rememberUnit(testimony, store.options(store.nowMs()))),
    recover: async (request) => {
      const asked = { ...request, epochs: store.logHistory().epochs }
      return store.run(request.apply ? recoverUnit(asked, store.options(store.nowMs())) : recoveryPlanUnit(asked))
    },
    onStranger: (listener) => store.onStranger(listener),
  }
}
