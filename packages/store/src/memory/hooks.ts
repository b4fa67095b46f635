import type { Row } from '../plan/index.js'
import { judgedUnit, sweptUnit, workOf } from '../plan/judged.js'
import { byText, keyText } from '../plan/keys.js'
import type { HookClaim, HookCount, HookStore } from '../port.js'
import { typeOrder } from './load.js'
import type { MemoryStore } from './memory-store.js'

const withForms = (store: MemoryStore): readonly Row[] =>
  [...store.image.rows.values()]
    .filter((row) => !row.deleted && row.form !== undefined)
    .sort((a, b) => typeOrder(a.type) - typeOrder(b.type) || byText(a.mesh, b.mesh) || byText(a.name, b.name))

/** The same queue as PostgreSQL's, on the same units. */
export const memoryHooks = (store: MemoryStore): HookStore => ({
  claim: async (claim) => claimed(store, claim).map(workOf),
  settle: async (verdicts) => store.run(judgedUnit(verdicts, store.options(store.nowMs()))),
  noteHealth: async (health) => {
    const before = store.image.hookHealth.get(health.hook)
    if (before?.answers === health.answers) return false
    store.image.hookHealth.set(health.hook, health)
    const nowMs = store.nowMs()
    if (health.answers)
      for (const row of withForms(store))
        if (row.form?.hook === health.hook && row.form.state !== 'refused' && row.form.state !== 'changed')
          store.image.rows.set(keyText(row), { ...row, form: { ...row.form, nextTryMs: nowMs } })
    return true
  },
  health: async () => [...store.image.hookHealth.values()].sort((a, b) => byText(a.hook, b.hook)),
  sweep: async (cover, types) => {
    const { hookSweep } = store.image
    const rows = [...store.image.rows.values()].filter((row) => !row.deleted)
    const keys = rows.filter((row) => types.includes(row.type) || row.form !== undefined)
    if (types.length === 0 ? withForms(store).length === 0 : hookSweep === cover.fingerprint)
      return { more: false, marked: 0 }
    const marked = store.run(sweptUnit(keys, { ...store.options(store.nowMs()), hooks: cover }))
    store.image.hookSweep = cover.fingerprint
    return { more: false, marked }
  },
  // Nobody waits for work in a store in memory: whoever runs the hooks there asks when its time has come.
  onWaiting: () => () => {},
  counts: async () => {
    const counts = new Map<string, HookCount>()
    for (const { type, form } of withForms(store)) {
      if (form === undefined) continue
      const { hook, state, sinceMs } = form
      const key = `${type} ${hook ?? ''} ${state}`
      const before = counts.get(key) ?? { type, hook, state, count: 0, oldestMs: sinceMs }
      counts.set(key, { ...before, count: before.count + 1, oldestMs: Math.min(before.oldestMs, sinceMs) })
    }
    return [...counts].sort(([a], [b]) => byText(a, b)).map(([, count]) => count)
  },
  open: async (limit) =>
    withForms(store)
      .filter((row) => row.form?.state !== 'changed')
      .toSorted((a, b) => (a.form?.sinceMs ?? 0) - (b.form?.sinceMs ?? 0))
      .slice(0, limit),
})

function claimed(store: MemoryStore, claim: HookClaim): readonly Row[] {
  if (store.image.hookSweep !== claim.fingerprint) return []
  const nowMs = store.nowMs()
  const due = withForms(store)
    .filter(
      ({ form }) =>
        form?.hook === claim.hook &&
        form.nextTryMs !== undefined &&
        form.nextTryMs <= nowMs &&
        claim.states.includes(form.state),
    )
    .toSorted((a, b) => (a.form?.tries ?? 0) - (b.form?.tries ?? 0))
    .slice(0, claim.limit)
  for (const row of due)
    if (row.form !== undefined)
      store.image.rows.set(keyText(row), { ...row, form: { ...row.form, nextTryMs: nowMs + claim.claimMs } })
  return due
}
