import { canonicalLabels, encodeVips, equalBytes, invariant } from '@holdfast/model'
import { sameForm } from './forms.js'
import type { LedgerSet } from './ledger-set.js'
import type { ZoneFacts } from './loaded.js'
import type {
  AuditRow,
  BlockRow,
  HoldRow,
  LedgerRow,
  NamedConflicts,
  Owner,
  RefusedRow,
  Row,
  Scope,
  WritePlan,
  ZoneTimes,
} from './types.js'

type Changes<V> = Iterable<{ readonly key: string; readonly before: V | undefined; readonly after: V | undefined }>

export interface Changed {
  readonly rows: Changes<Row>
  readonly refused: Changes<RefusedRow>
  readonly holds: Changes<HoldRow>
  readonly zones: Changes<ZoneFacts>
  readonly visibility: Changes<boolean>
  readonly zoneTimes: Changes<ZoneTimes>
  readonly named: Changes<NamedConflicts>
  readonly audit: readonly AuditRow[]
  readonly ledger: LedgerSet
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] }

/** The difference between what was loaded and what is planned, as one transaction. */
export function writePlanOf(changed: Changed, nowMs: number): WritePlan {
  const plan: Mutable<WritePlan> = {
    atMs: nowMs,
    upserts: [],
    tombstones: [],
    movedTombstones: [],
    offered: [],
    forms: [],
    formRemovals: [],
    statuses: [],
    ledgerInserts: [],
    ledgerTombstones: [],
    ledgerRevivals: [],
    ledgerReplacements: [],
    ledgerFreed: [],
    history: [],
    blocks: [],
    blockRemovals: [],
    refused: [],
    refusedCleared: [],
    holds: [],
    visibility: [],
    zoneTimes: [],
    audit: [...changed.audit],
    zones: [],
    named: [],
  }
  for (const { before, after } of changed.rows) if (after !== undefined) writeRow(plan, before, after)
  for (const { before, after } of changed.refused)
    if (after !== undefined) plan.refused.push(after)
    else if (before !== undefined) plan.refusedCleared.push(before)
  for (const { after } of changed.holds)
    if (after !== undefined)
      plan.holds.push(after.state === 'ended' && after.endedAtMs === undefined ? { ...after, endedAtMs: nowMs } : after)
  for (const { after } of changed.zones)
    if (after !== undefined) {
      const { hasSession: _, session: __, superseded: ___, ...zone } = after
      plan.zones.push(zone)
    }
  for (const { after } of changed.named) if (after !== undefined) plan.named.push(after)
  for (const { after } of changed.zoneTimes) if (after !== undefined) plan.zoneTimes.push(after)
  for (const { key, after } of changed.visibility)
    if (after !== undefined) plan.visibility.push({ origin: key, hidden: after })
  const ledger = changed.ledger.changes()
  for (const { before, after } of ledger.rows) writeLedger(plan, before, after)
  for (const { key, before, after } of ledger.blocks) {
    if (after === undefined) plan.blockRemovals.push(key)
    else if (before === undefined || blockText(before) !== blockText(after)) {
      const { used: _, ...block } = after
      plan.blocks.push(block)
    }
  }
  plan.history = [...ledger.history]
  return plan
}

const blockText = ({ id, kind, family, cidr, owner, storeId, generation }: BlockRow): string =>
  JSON.stringify([id, kind, family, cidr, owner, storeId, generation])

function writeRow(plan: Mutable<WritePlan>, loaded: Row | undefined, after: Row): void {
  const key = { type: after.type, mesh: after.mesh, name: after.name }
  const replaces = loaded !== undefined && !after.deleted && loaded.exportName !== after.exportName
  const before = replaces ? undefined : loaded
  if (replaces) {
    // The same stored name, another resource to everybody else: they still have to hear that the first one is gone.
    if (!loaded.deleted) plan.tombstones.push({ ...key, expectedRevision: loaded.revision, deletedAtMs: plan.atMs })
    plan.movedTombstones.push({ ...key, to: `~${loaded.exportName}` })
  }
  // Made and deleted in one group: nobody has seen it.
  if (before === undefined && after.deleted) return
  if (after.deleted && before !== undefined && (!before.deleted || before.audience !== after.audience))
    plan.tombstones.push({
      ...key,
      expectedRevision: before.revision,
      deletedAtMs: after.deletedAtMs ?? plan.atMs,
      offeredEntry: after.offeredEntry,
      absentSinceMs: after.absentSinceMs,
      ...(after.audience === 'suspended' ? { suspended: true } : {}),
    })
  else if (!after.deleted && (before === undefined || before.deleted || !sameKept(before, after))) {
    plan.upserts.push({
      ...key,
      row: after,
      statusMoves:
        before === undefined ? after.statusRevision > 0 : before.deleted || before.audience !== after.audience,
      expectedRevision: before?.revision,
    })
  } else if (before !== undefined && !sameOffered(before, after))
    plan.offered.push({
      ...key,
      offeredEntry: after.offeredEntry,
      holdId: after.holdId,
      absentSinceMs: after.absentSinceMs,
    })
  if (after.form === undefined) {
    if (before?.form !== undefined) plan.formRemovals.push(key)
  } else if (!sameForm(before?.form, after.form) || before?.entry !== after.entry)
    plan.forms.push({ ...key, form: after.form, rowEntry: after.entry })
  if (!sameStatus(before, after))
    plan.statuses.push({ ...key, status: after.status, offeredStatusEntry: after.offeredStatusEntry })
}

/** Whether everything that takes a place in the log is the same. */
const sameKept = (a: Row, b: Row): boolean =>
  a.entry === b.entry &&
  a.origin === b.origin &&
  a.exportName === b.exportName &&
  a.namespace === b.namespace &&
  a.displayName === b.displayName &&
  a.audience === b.audience &&
  a.exposed === b.exposed &&
  a.pendingReason === b.pendingReason &&
  a.typeUrl === b.typeUrl &&
  (a.spec === b.spec || equalBytes(a.spec, b.spec)) &&
  (a.labels === b.labels || equalBytes(canonicalLabels(a.labels), canonicalLabels(b.labels))) &&
  (a.vips === b.vips || equalBytes(encodeVips(a.vips), encodeVips(b.vips)))

const sameOffered = (a: Row, b: Row): boolean =>
  a.offeredEntry === b.offeredEntry && a.holdId === b.holdId && a.absentSinceMs === b.absentSinceMs

const sameStatus = (a: Row | undefined, b: Row): boolean =>
  a?.offeredStatusEntry === b.offeredStatusEntry &&
  (a?.status === b.status || (a?.status !== undefined && b.status !== undefined && equalBytes(a.status, b.status)))

function writeLedger(plan: Mutable<WritePlan>, before: LedgerRow | undefined, after: LedgerRow | undefined): void {
  if (after === undefined) {
    if (before !== undefined) plan.ledgerFreed.push({ ...ownerAndScope(before), family: before.family })
  } else if (before === undefined) plan.ledgerInserts.push(after)
  else if (
    before.address !== after.address ||
    before.generation !== after.generation ||
    before.blockId !== after.blockId
  ) {
    invariant(
      before.address === after.address || after.generation > before.generation,
      `the plan would move ${after.kind} ${after.displayName} from ${before.address} to ${after.address}`,
    )
    plan.ledgerReplacements.push(after)
  } else if (before.state !== after.state) {
    // Each family by itself: an owner that has lost its store may come back with one of them.
    const of = { ...ownerAndScope(after), family: after.family, atMs: after.tombstonedAtMs ?? plan.atMs }
    plan[after.state === 'active' ? 'ledgerRevivals' : 'ledgerTombstones'].push(of)
  }
}

type OwnerAndScope = Owner & { readonly scope: Scope }

const ownerAndScope = ({ kind, mesh, origin, namespace, displayName, scope }: LedgerRow): OwnerAndScope => ({
  kind,
  mesh,
  origin,
  namespace,
  displayName,
  scope,
})

/** Whether a commit takes a revision: not if all it does is remember what was offered or refused. */
export const takesRevision = (plan: WritePlan): boolean =>
  [
    plan.upserts,
    plan.tombstones,
    plan.statuses,
    plan.ledgerInserts,
    plan.ledgerTombstones,
    plan.ledgerRevivals,
    plan.ledgerReplacements,
    plan.ledgerFreed,
    plan.blocks,
    plan.blockRemovals,
    plan.holds,
    plan.visibility,
  ].some((writes) => writes.length > 0)

/** Nothing is to be written at all. */
export const isEmptyPlan = (plan: WritePlan): boolean =>
  Object.values(plan).every((writes) => !Array.isArray(writes) || writes.length === 0)
