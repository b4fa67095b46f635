import { equalBytes, invariant } from '@holdfast/model'
import { entryOfRow } from '../plan/entries.js'
import { type Owner, type Row, type Scope, takesRevision, type WritePlan } from '../plan/index.js'
import { addressKeyText, displayText, keyText, ledgerText, ownerText } from '../plan/keys.js'
import { type Image, refusedText, tagText } from './image.js'

/**
 * Writes a plan, as one transaction: revisions in commit order, a tag for each, and the constraints that a database
 * would keep as the last defence. Everything it does, PostgreSQL does as well.
 */
export function commit(plan: WritePlan, image: Image, nextTag: () => string): void {
  const revision = image.head.revision + (takesRevision(plan) ? 1 : 0)
  writeRows(plan, image, revision)
  writeLedger(plan, image, revision)
  for (const row of plan.refused) image.refused.set(refusedText(row), row)
  for (const row of plan.refusedCleared) image.refused.delete(refusedText(row))
  for (const hold of plan.holds) image.holds.set(hold.id, hold)
  for (const { origin, hidden } of plan.visibility) image.visibility.set(origin, { hidden, revision })
  for (const zone of plan.zones) image.zones.set(zone.name, zone)
  image.audit.push(...plan.audit)
  checkConstraints(image)
  if (revision === image.head.revision) return
  image.head = { epoch: image.head.epoch, revision, tag: nextTag() }
  image.tags.set(tagText(image.head.epoch, revision), image.head.tag)
}

function writeRows(plan: WritePlan, image: Image, revision: number): void {
  for (const { expectedRevision, deletedAtMs, offeredEntry, absentSinceMs, ...key } of plan.tombstones) {
    const { entry, ...before } = present(expect(image, key, expectedRevision))
    image.rows.set(keyText(key), {
      ...before,
      revision,
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
    const tombstone = present(image.rows.get(keyText(key)))
    image.rows.delete(keyText(key))
    image.rows.set(keyText({ ...key, name: to }), { ...tombstone, name: to })
  }
  for (const { row, expectedRevision, statusMoves } of plan.upserts) {
    const before = expect(image, row, expectedRevision)
    if (before === undefined) dropReplaced(image, row)
    const { deletedAtMs, ...rest } = row
    const draft = {
      ...rest,
      revision,
      createdAtMs: before === undefined || before.deleted ? plan.atMs : before.createdAtMs,
      modifiedAtMs: plan.atMs,
      status: before?.status,
      statusRevision:
        statusMoves && (before === undefined || before.status !== undefined) ? revision : (before?.statusRevision ?? 0),
      offeredStatusEntry: before?.offeredStatusEntry,
      form: before?.form,
    }
    image.rows.set(keyText(row), { ...draft, entry: entryOfRow(draft) })
  }
  for (const { offeredEntry, holdId, absentSinceMs, ...key } of plan.offered) {
    const before = present(image.rows.get(keyText(key)))
    image.rows.set(keyText(key), { ...before, offeredEntry, holdId, absentSinceMs })
  }
  for (const key of plan.formRemovals)
    image.rows.set(keyText(key), { ...present(image.rows.get(keyText(key))), form: undefined })
  for (const { form, rowEntry, ...key } of plan.forms)
    image.rows.set(keyText(key), { ...present(image.rows.get(keyText(key))), form: { ...form, rowEntry } })
  for (const { status, offeredStatusEntry, ...key } of plan.statuses) {
    const before = present(image.rows.get(keyText(key)))
    const same =
      before.status === status ||
      (before.status !== undefined && status !== undefined && equalBytes(before.status, status))
    image.rows.set(keyText(key), {
      ...before,
      status,
      offeredStatusEntry,
      statusRevision: same ? before.statusRevision : revision,
    })
  }
}

/** A tombstone whose place elsewhere is taken again: one name would be removed and offered at once. */
function dropReplaced(image: Image, row: Pick<Row, 'type' | 'mesh' | 'name' | 'exportName'>): void {
  for (const [key, other] of image.rows)
    if (
      other.deleted &&
      other.offeredEntry === undefined &&
      other.exportName === row.exportName &&
      other.type === row.type &&
      other.mesh === row.mesh &&
      other.name !== row.name
    )
      image.rows.delete(key)
}

function expect(image: Image, key: Parameters<typeof keyText>[0], revision: number | undefined): Row | undefined {
  const row = image.rows.get(keyText(key))
  invariant(row?.revision === revision, `a plan for ${key.type} ${key.name} was made on another revision`)
  return row
}

function present(row: Row | undefined): Row {
  invariant(row !== undefined, 'a plan changes a row that is not there')
  return row
}

function writeLedger(plan: WritePlan, image: Image, revision: number): void {
  for (const block of plan.blocks) image.blocks.set(block.id, block)
  for (const row of plan.ledgerFreed) image.ledger.delete(ledgerText(row, row.scope, row.family))
  for (const of of plan.ledgerTombstones)
    for (const [key, row] of ledgerOf(image, of))
      if (row.state === 'active')
        image.ledger.set(key, { ...row, state: 'tombstoned', tombstonedAtMs: of.atMs, tombstonedRevision: revision })
  for (const row of plan.ledgerReplacements) image.ledger.set(ledgerText(row, row.scope, row.family), row)
  for (const of of plan.ledgerRevivals)
    for (const [key, row] of ledgerOf(image, of)) {
      const { tombstonedAtMs, tombstonedRevision, ...rest } = row
      image.ledger.set(key, { ...rest, state: 'active' })
    }
  for (const row of plan.ledgerInserts)
    image.ledger.set(ledgerText(row, row.scope, row.family), {
      ...row,
      ...(row.state === 'tombstoned' ? { tombstonedRevision: revision } : {}),
    })
  image.history.push(...plan.history.map((row) => ({ ...row, revision })))
  for (const id of plan.blockRemovals) image.blocks.delete(id)
}

const ledgerOf = (image: Image, of: Owner & { readonly scope: Scope }) =>
  [...image.ledger].filter(([, row]) => row.scope === of.scope && ownerText(row) === ownerText(of))

/** What a database refuses whatever a program says: one owner per address, one row per name at an origin. */
function checkConstraints(image: Image): void {
  const addresses = new Set<string>()
  for (const row of image.ledger.values()) {
    const address = addressKeyText(row.scope, row.family, row.address)
    invariant(!addresses.has(address), `${row.address} would have two owners`)
    addresses.add(address)
    invariant(row.blockId === undefined || image.blocks.has(row.blockId), `${row.address} lies in no block`)
  }
  const names = new Set<string>()
  for (const row of image.rows.values()) {
    if (row.deleted) continue
    for (const name of [displayText(row), `export ${keyText({ ...row, name: row.exportName })}`]) {
      invariant(!names.has(name), `${row.type} ${row.name} would share a name with another one`)
      names.add(name)
    }
  }
}
