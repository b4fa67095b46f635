import { isNothing, type Loaded } from '../plan/loaded.js'
import type { Needs } from '../plan/types.js'
import type { Sql } from './sql.js'
import type { Head } from './statements/head.js'
import { heldRows, holdsById, keepingHolds } from './statements/holds.js'
import {
  aliases,
  ledgerInBlocks,
  ledgerOfAddresses,
  ledgerOfOwners,
  pastGenerations,
  readBlocks,
} from './statements/ledger-read.js'
import {
  pendingRows,
  rowsByDisplayName,
  rowsByExportName,
  rowsByKey,
  rowsLackingFamily,
  rowsOfMeshes,
  rowsOfTypes,
  vanishingCounts,
} from './statements/rows-read.js'
import { cursorsOf, refusedOfPeers, zoneFacts } from './statements/sync-read.js'
import { usageOf } from './statements/usage.js'

/** A session that has said nothing for so long does not count as connected: three heartbeats and a slow one. */
const sessionAliveMs = 20_000

/**
 * Reads what plans need: one statement per kind of need, whether for one resource or for 10,000. Not one snapshot; a
 * commit in between moves the head's `writeSequence`, and then the plan is made again.
 */
export async function load(sql: Sql, needs: Needs, head: Head, nowMs: number): Promise<Loaded> {
  const base: Loaded = {
    state: head.state,
    epoch: head.epoch,
    everInStep: head.everInStep,
    hooks: head.hooks,
    readOnly: head.readOnly,
    rows: [],
    ledger: [],
    pastGenerations: [],
    blocks: [],
    refused: [],
    holds: [],
    cursors: [],
    vanishing: [],
    usage: [],
    zones: [],
  }
  if (isNothing(needs)) return base
  const own = head.identity.name
  const keys = [...needs.keys, ...needs.meshes.map((name) => ({ type: 'Mesh', mesh: '', name }))]
  const some = <N, T>(
    need: readonly N[],
    read: (need: readonly N[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> => (need.length === 0 ? Promise.resolve([]) : read(need))
  // One after the other: `sql` may be the one connection of a transaction.
  return {
    ...base,
    rows: [
      ...(await some(keys, (n) => rowsByKey(sql, n))),
      ...(await some(needs.exportNames, (n) => rowsByExportName(sql, n))),
      ...(await some(needs.displayNames, (n) => rowsByDisplayName(sql, n))),
      ...(await some(needs.rowsOfMeshes, (n) => rowsOfMeshes(sql, n))),
      ...(await some(needs.heldBy, (n) => heldRows(sql, n))),
      ...(await some(needs.pendingOfKinds, (n) => pendingRows(sql, n, own))),
      ...(await some(needs.lackingFamily, (n) => rowsLackingFamily(sql, n, own))),
      ...(await some(needs.wholeTypes, (n) => rowsOfTypes(sql, n, own))),
    ],
    ledger: [
      ...(await some(needs.owners, (n) => ledgerOfOwners(sql, n))),
      ...(await some(needs.addresses, (n) => ledgerOfAddresses(sql, n))),
      ...(await some(needs.takenInBlocks, (n) => ledgerInBlocks(sql, n))),
      ...(needs.aliases ? await aliases(sql) : []),
    ],
    pastGenerations: needs.owners.length === 0 ? [] : await pastGenerations(sql, needs.owners),
    blocks: needs.blocks ? await readBlocks(sql, 'us') : [],
    refused: await some(needs.refusedOf, (n) => refusedOfPeers(sql, n)),
    holds: [
      ...(await some(needs.holds, (n) => holdsById(sql, n))),
      ...(needs.openHolds ? await keepingHolds(sql) : []),
    ],
    cursors: await some(needs.cursors, (n) => cursorsOf(sql, n)),
    vanishing: await some(needs.vanishing, (n) => vanishingCounts(sql, n, nowMs)),
    usage: await some(needs.usage, (n) => usageOf(sql, n, nowMs)),
    zones: await some(needs.zones, (n) => zoneFacts(sql, n, nowMs - sessionAliveMs)),
  }
}
