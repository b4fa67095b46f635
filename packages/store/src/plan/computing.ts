import { equalBytes, sameSpec, typeOf, withComputed } from '@holdfast/model'
import type { LocalChange, LocalOutcome } from '../port.js'
import type { PlanOptions } from './local.js'
import type { Row } from './types.js'
import type { WorkingSet } from './working-set.js'

/**
 * Whether the row is no longer the one that a change was made for. Whoever computes from what it has read writes only
 * over what it has read: of two processes that compute the same service the second one finds it done.
 */
export function isStale(change: LocalChange, ws: WorkingSet): boolean {
  const expected = change.change === 'put' ? (change.generated?.ifRevision ?? change.ifRevision) : change.ifRevision
  if (expected === undefined) return false
  const row = ws.liveRow(change.key)
  // What an earlier change of the same commit has done shows in no revision yet.
  return (row?.revision ?? 0) !== expected || ws.isTouched(change.key)
}

/**
 * Computed fields and status of a resource of ours. Never its labels, never its VIP; and no hook is asked, for nobody
 * has authored it: it goes into what is published and into what was authored beside it.
 */
export function planCompute(
  change: Extract<LocalChange, { change: 'compute' }>,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
): LocalOutcome {
  const row = ws.liveRow(change.key)
  if (row === undefined || row.origin !== ws.identity.name) return { outcome: 'stale' }
  const computed = (spec: Uint8Array): Uint8Array => {
    const after = withComputed(typeOf(row.type), spec, change.computed)
    return sameSpec(typeOf(row.type), after, spec) ? spec : after
  }
  const spec = computed(row.spec)
  const form = row.form === undefined ? undefined : { ...row.form, spec: computed(row.form.spec) }
  const isSame = spec === row.spec && form?.spec === row.form?.spec
  const after = isSame ? row : ws.put({ ...row, spec, form, modifiedAtMs: nowMs })
  const isSameStatus = sameStatus(row.status, change.status)
  if (!isSameStatus) ws.setStatus(after, change.status)
  const { vips, pendingReason } = after
  return { outcome: isSame && isSameStatus ? 'unchanged' : 'updated', vips, pendingReason }
}

export const sameStatus = (a: Row['status'], b: Row['status']): boolean =>
  a === b || (a !== undefined && b !== undefined && equalBytes(a, b))
