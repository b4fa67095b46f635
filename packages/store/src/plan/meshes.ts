import { audienceAt, audienceOfRaw, findType, globalOrigin } from '@holdfast/model'
import { entryOfRow } from './entries.js'
import { authoredOf } from './forms.js'
import { ownerOf } from './keys.js'
import { learnedType } from './learned-types.js'
import type { Row } from './types.js'
import { restVips, reviveVips } from './vips.js'
import type { WorkingSet } from './working-set.js'

/**
 * A mesh is gone. Global removes what it keeps in it, by explicit tombstones; copies keep what their zones still
 * offer, which is said to nobody. A zone suspends what it owns there: neither sent nor served, the VIP kept, deleted
 * only by its owner, or back with the mesh.
 */
export function meshGoes(mesh: string, ws: WorkingSet, nowMs: number): void {
  for (const row of ws.ofMesh(mesh)) {
    if (row.deleted) continue
    if (ws.identity.role === 'zone') {
      if (row.origin === ws.identity.name && row.audience !== 'suspended')
        ws.put({ ...row, audience: 'suspended', modifiedAtMs: nowMs })
    } else {
      // Not deleted by its zone: should that lose its store, it gets it back.
      const gone: Row = row.origin === globalOrigin ? row : { ...row, audience: 'suspended' }
      ws.tombstone(gone, { atMs: nowMs, offeredEntry: row.offeredEntry })
      restVips(ownerOf(row), ws, nowMs, `mesh ${mesh} was deleted`)
    }
  }
}

/** A mesh is there again: what was suspended is seen again, and copies that are still offered as they were come back. */
export function meshReturns(mesh: string, ws: WorkingSet, nowMs: number): void {
  // A mesh that waits for a hook is seen by nobody: what lives in it comes with it.
  if (!ws.isMeshSeen(mesh)) return
  for (const row of ws.ofMesh(mesh)) {
    if (!row.deleted && row.audience === 'suspended') ws.put({ ...awake(row, ws), modifiedAtMs: nowMs })
    else if (row.deleted && row.origin !== globalOrigin && row.offeredEntry === entryOfRow(authoredOf(row))) {
      ws.put({ ...awake(row, ws), deleted: false, deletedAtMs: undefined, modifiedAtMs: nowMs })
      // One that had become headless before has older tombstones in the ledger, which stay what they are.
      if (row.vips !== undefined) reviveVips(ownerOf(row), ws, nowMs, `mesh ${mesh} is back`, row.vips.addresses)
    }
  }
}

/** As it is seen by everybody who may. */
export function awake(row: Row, ws: WorkingSet): Row {
  const type = findType(row.type)
  const audience =
    row.form?.published === false
      ? 'none'
      : type === undefined
        ? audienceOfRaw(learnedType(row.type, ws), row)
        : audienceAt(ws.identity.role, type, row)
  return { ...row, audience, exposed: row.exposed || audience === 'all' }
}
