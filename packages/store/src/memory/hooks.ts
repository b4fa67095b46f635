import { dueForm, dueRefusedForm, isDue } from '../plan/due.js'
import type { HookCover } from '../plan/forms.js'
import type { Row } from '../plan/index.js'
import { type HookWork, type Judged, judgedUnit, sweptUnit, type Verdict, workOf } from '../plan/judged.js'
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
  claim: async (claim) => claimWork(store, claim),
  settle: async (verdicts) => settleVerdicts(store, verdicts),
  noteHealth: async (health) =>
    store.transaction(undefined, () => {
      const before = store.image.hookHealth.get(health.hook)
      if (before?.answers === health.answers) return false
      store.image.hookHealth.set(health.hook, health)
      const nowMs = store.nowMs()
      if (health.answers)
        for (const row of withForms(store))
          if (row.form?.hook === health.hook && (row.form.state === 'waiting' || row.form.state === 'bypassed'))
            setNextTry(store, row, nowMs)
      return true
    }),
  health: async () => [...store.image.hookHealth.values()].sort((a, b) => byText(a.hook, b.hook)),
  sweep: async (cover, types) => ({ more: false, marked: sweepAll(store, cover, types) }),
  adopt: async (cover) => {
    if (store.image.hookSweep === undefined) return undefined
    if (store.image.hookSweep !== cover.fingerprint) return 0
    const keys = withForms(store).filter(({ form }) => form?.hook !== undefined && !cover.names.includes(form.hook))
    return store.run(sweptUnit(keys, { ...store.options(store.nowMs()), hooks: cover }))
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

/** Everything that is covered is given to be judged, if that was not done for these hooks yet. */
export function sweepAll(store: MemoryStore, cover: HookCover, types: readonly string[]): number {
  const { hookSweep } = store.image
  const rows = [...store.image.rows.values()].filter((row) => !row.deleted)
  const keys = rows.filter((row) => types.includes(row.type) || row.form !== undefined)
  if (hookSweep === cover.fingerprint || (hookSweep === undefined && types.length === 0)) return 0
  return store.transaction(undefined, () => {
    const marked = store.run(sweptUnit(keys, { ...store.options(store.nowMs()), hooks: cover }, true))
    store.image.hookSweep = cover.fingerprint
    return marked
  })
}

/** What is due, which nobody else gets before the claim has run out. */
export function claimWork(store: MemoryStore, claim: HookClaim): readonly HookWork[] {
  if (store.image.hookSweep !== claim.fingerprint) return []
  const nowMs = store.nowMs()
  const due = withForms(store)
    .filter(
      ({ form }) =>
        form?.hook === claim.hook &&
        form.nextTryMs !== undefined &&
        isDue(form.nextTryMs, form.state === 'refused' ? dueRefusedForm(nowMs) : dueForm(nowMs, claim.claimMs)) &&
        claim.states.includes(form.state),
    )
    .sort((a, b) => (a.form?.tries ?? 0) - (b.form?.tries ?? 0))
    .slice(0, claim.limit)
  store.transaction(undefined, () => {
    for (const row of due) setNextTry(store, row, nowMs + claim.claimMs)
  })
  return due.map(workOf)
}

/** What the hooks have said, through the same plan as on PostgreSQL. */
export const settleVerdicts = (store: MemoryStore, verdicts: readonly Verdict[]): readonly Judged[] =>
  store.run(judgedUnit(verdicts, store.options(store.nowMs())))

function setNextTry(store: MemoryStore, row: Row, nextTryMs: number): void {
  if (row.form !== undefined) store.image.rows.set(keyText(row), { ...row, form: { ...row.form, nextTryMs } })
}
