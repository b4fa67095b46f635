import { equalBytes, invariant, type ResourceKey } from '@holdfast/model'
import { entryOfRow } from '../plan/entries.js'
import { type LedgerRow, type Row, takesRevision, type WritePlan } from '../plan/index.js'
import { keyText, ledgerText } from '../plan/keys.js'
import { shaped } from '../plan/row-shape.js'
import { refusedText, tagText } from './image.js'
import type { LiveImage } from './live-image.js'

/**
 * Writes a plan, as one transaction: revisions in commit order, a tag for each, and the constraints that a database
 * would keep as the last defence. Everything it does, PostgreSQL does as well.
 */
export function commit(plan: WritePlan, image: LiveImage, nextTag: () => string): void {
  const revision = image.head.revision + (takesRevision(plan) ? 1 : 0)
  writeRows(plan, image, revision)
  const booked = writeLedger(plan, image, revision)
  for (const row of plan.refused) image.refused.set(refusedText(row), row)
  for (const row of plan.refusedCleared) image.refused.delete(refusedText(row))
  for (const hold of plan.holds) image.holds.set(hold.id, hold)
  for (const { origin, hidden } of plan.visibility) image.visibility.set(origin, { hidden, revision })
  for (const zone of plan.zones) image.zones.set(zone.name, zone)
  for (const { zone, conflicts } of plan.named) {
    const { epoch } = image.head
    const before = image.witnesses.get(zone)
    const seen = before?.epoch === epoch ? before.row : { zone, heard: false, inStep: false }
    image.witnesses.set(zone, { row: { ...seen, conflicts }, atMs: plan.atMs, epoch })
  }
  image.audit.push(...plan.audit)
  checkConstraints(plan, booked, image)
  if (revision === image.head.revision) return
  image.head = { epoch: image.head.epoch, revision, tag: nextTag() }
  image.tags.set(tagText(image.head.epoch, revision), image.head.tag)
}

function writeRows(plan: WritePlan, image: LiveImage, revision: number): void {
  const write = (row: Row): void => void image.rows.set(keyText(row), shaped(row, row.entry))
  const kept = (key: ResourceKey): Row => present(image.rows.get(keyText(key)))
  for (const one of plan.tombstones) {
    const { expectedRevision, deletedAtMs, offeredEntry, absentSinceMs, suspended } = one
    const before = present(expect(image, one, expectedRevision))
    write({
      ...before,
      entry: undefined,
      revision,
      audience: suspended === true ? 'suspended' : before.audience === 'suspended' ? 'all' : before.audience,
      deleted: true,
      deletedAtMs,
      modifiedAtMs: plan.atMs,
      offeredEntry,
      absentSinceMs,
      statusRevision: before.status === undefined ? before.statusRevision : revision,
      holdId: undefined,
      pendingReason: undefined,
    })
  }
  for (const { to, ...key } of plan.movedTombstones) {
    const tombstone = kept(key)
    image.rows.delete(keyText(key))
    write({ ...tombstone, name: to })
  }
  for (const { row, expectedRevision, statusMoves } of plan.upserts) {
    const before = expect(image, row, expectedRevision)
    if (before === undefined) dropReplaced(image, row)
    write({
      ...row,
      deletedAtMs: undefined,
      entry: entryOfRow(row),
      revision,
      createdAtMs: before === undefined || before.deleted ? plan.atMs : before.createdAtMs,
      modifiedAtMs: plan.atMs,
      status: before?.status,
      statusRevision:
        statusMoves && (before === undefined || before.status !== undefined) ? revision : (before?.statusRevision ?? 0),
      offeredStatusEntry: before?.offeredStatusEntry,
      form: before?.form,
    })
  }
  for (const { name, ...times } of plan.zoneTimes) write({ ...kept({ type: 'Zone', mesh: '', name }), ...times })
  for (const one of plan.offered) {
    const { offeredEntry, holdId, absentSinceMs } = one
    write({ ...kept(one), offeredEntry, holdId, absentSinceMs })
  }
  for (const key of plan.formRemovals) write({ ...kept(key), form: undefined })
  for (const { form, rowEntry, ...key } of plan.forms) write({ ...kept(key), form: { ...form, rowEntry } })
  for (const one of plan.statuses) {
    const { status, offeredStatusEntry } = one
    const before = kept(one)
    const same =
      before.status === status ||
      (before.status !== undefined && status !== undefined && equalBytes(before.status, status))
    write({
      ...before,
      status,
      offeredStatusEntry,
      statusRevision: same ? before.statusRevision : revision,
    })
  }
}

/** A tombstone whose place elsewhere is taken again: one name would be removed and offered at once. */
function dropReplaced(image: LiveImage, row: Pick<Row, 'type' | 'mesh' | 'name' | 'exportName'>): void {
  for (const key of [...image.rowsByExport.keys(keyText({ type: row.type, mesh: row.mesh, name: row.exportName }))]) {
    const other = image.rows.get(key)
    if (other?.deleted === true && other.offeredEntry === undefined && other.name !== row.name) image.rows.delete(key)
  }
}

function expect(image: LiveImage, key: Parameters<typeof keyText>[0], revision: number | undefined): Row | undefined {
  const row = image.rows.get(keyText(key))
  invariant(row?.revision === revision, `a plan for ${key.type} ${key.name} was made on another revision`)
  return row
}

function present(row: Row | undefined): Row {
  invariant(row !== undefined, 'a plan changes a row that is not there')
  return row
}

/** Returns the keys of the rows that it has written. */
function writeLedger(plan: WritePlan, image: LiveImage, revision: number): ReadonlySet<string> {
  const booked = new Set<string>()
  const put = (key: string, row: LedgerRow): void => {
    image.ledger.set(key, row)
    booked.add(key)
  }
  for (const block of plan.blocks) image.blocks.set(block.id, block)
  for (const row of plan.ledgerFreed) image.ledger.delete(ledgerText(row, row.scope, row.family))
  for (const of of plan.ledgerTombstones) {
    const row = image.ledger.get(ledgerText(of, of.scope, of.family))
    if (row?.state === 'active')
      put(ledgerText(of, of.scope, of.family), {
        ...row,
        state: 'tombstoned',
        tombstonedAtMs: of.atMs,
        tombstonedRevision: revision,
      })
  }
  for (const row of plan.ledgerReplacements)
    put(ledgerText(row, row.scope, row.family), {
      ...row,
      ...(row.state === 'tombstoned' ? { tombstonedRevision: revision } : {}),
    })
  for (const of of plan.ledgerRevivals) {
    const row = image.ledger.get(ledgerText(of, of.scope, of.family))
    if (row === undefined) continue
    const { tombstonedAtMs, tombstonedRevision, ...rest } = row
    put(ledgerText(of, of.scope, of.family), { ...rest, state: 'active' })
  }
  for (const row of plan.ledgerInserts)
    put(ledgerText(row, row.scope, row.family), {
      ...row,
      ...(row.state === 'tombstoned' ? { tombstonedRevision: revision } : {}),
    })
  image.addHistory(plan.history.map((row) => ({ ...row, revision })))
  for (const id of plan.blockRemovals) image.blocks.delete(id)
  return booked
}

/** What a database refuses whatever a program says: one owner per address, one row per name at an origin. */
function checkConstraints(plan: WritePlan, booked: ReadonlySet<string>, image: LiveImage): void {
  for (const key of booked) {
    const row = image.ledger.get(key)
    if (row === undefined) continue
    invariant(image.sharedAddress(row) === undefined, `${row.address} would have two owners`)
    invariant(row.blockId === undefined || image.blocks.has(row.blockId), `${row.address} lies in no block`)
  }
  for (const id of plan.blockRemovals)
    invariant(image.ledgerByBlock.keys(id).size === 0, `block ${id} goes, and addresses lie in it`)
  for (const { row } of plan.upserts) {
    const kept = image.rows.get(keyText(row))
    invariant(
      kept === undefined || image.sharedName(kept) === undefined,
      `${row.type} ${row.name} would share a name with another one`,
    )
  }
}
