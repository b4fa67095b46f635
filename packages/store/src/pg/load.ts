import { isNothing, type Loaded } from '../plan/loaded.js'
import type { Needs } from '../plan/types.js'
import { type Sql, together } from './sql.js'
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
import { namedConflicts } from './statements/witnesses.js'

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
    named: [],
    zones: [],
  }
  if (isNothing(needs)) return base
  const own = head.identity.name
  const keys = [...needs.keys, ...needs.meshes.map((name) => ({ type: 'Mesh', mesh: '', name }))]
  const some = <N, T>(
    need: readonly N[],
    read: (need: readonly N[]) => Promise<readonly T[]>,
  ): readonly T[] | Promise<readonly T[]> => (need.length === 0 ? [] : read(need))
  // All are on their way before the first is answered.
  const [rows, ledger, pastGenerationRows, blocks, refused, holds, cursors, vanishing, usage, named, zones] =
    await together([
      joined([
        some(keys, (n) => rowsByKey(sql, n)),
        some(needs.exportNames, (n) => rowsByExportName(sql, n, keys)),
        some(needs.displayNames, (n) => rowsByDisplayName(sql, n, keys)),
        some(needs.rowsOfMeshes, (n) => rowsOfMeshes(sql, n)),
        some(needs.heldBy, (n) => heldRows(sql, n)),
        some(needs.pendingOfKinds, (n) => pendingRows(sql, n, own)),
        some(needs.lackingFamily, (n) => rowsLackingFamily(sql, n, own)),
        some(needs.wholeTypes, (n) => rowsOfTypes(sql, n, own)),
      ]),
      joined([
        some(needs.owners, (n) => ledgerOfOwners(sql, n)),
        some(needs.addresses, (n) => ledgerOfAddresses(sql, n)),
        some(needs.takenIn, (n) => ledgerInBlocks(sql, n)),
        needs.aliases ? aliases(sql) : [],
      ]),
      some(needs.owners, (n) => pastGenerations(sql, n)),
      needs.blocks ? readBlocks(sql, 'us') : [],
      some(needs.refusedOf, (n) => refusedOfPeers(sql, n)),
      joined([some(needs.holds, (n) => holdsById(sql, n)), needs.openHolds ? keepingHolds(sql) : []]),
      some(needs.cursors, (n) => cursorsOf(sql, n)),
      some(needs.vanishing, (n) => vanishingCounts(sql, n, nowMs)),
      some(needs.usage, (n) => usageOf(sql, n, nowMs)),
      some(needs.namedBy, (n) => namedConflicts(sql, n)),
      some(needs.zones, (n) => zoneFacts(sql, n, nowMs - sessionAliveMs)),
    ])
  return {
    ...base,
    ...{ rows, ledger, pastGenerations: pastGenerationRows, blocks, refused, holds, cursors },
    ...{ vanishing, usage, named, zones },
  }
}

const joined = async <T>(parts: readonly (readonly T[] | Promise<readonly T[]>)[]): Promise<readonly T[]> =>
  (await together(parts)).flat()
