import type { WritePlan } from '../plan/types.js'
import type { Sql } from './sql.js'
import {
  freeLedger,
  insertHistory,
  insertLedger,
  removeBlocks,
  replaceLedger,
  reviveLedger,
  tombstoneLedger,
  writeBlocks,
} from './statements/ledger-write.js'
import {
  type Commit,
  dropReplacedTombstones,
  insertRows,
  tombstoneRows,
  updateRows,
  writeOffered,
  writeStatuses,
} from './statements/rows-write.js'
import {
  clearRefused,
  insertAudit,
  writeHolds,
  writeRefused,
  writeVisibility,
  writeZones,
} from './statements/sync-write.js'

/** The rows are not as the plan found them, although nobody has committed: they were changed by hand. Plan again. */
export class Stale extends Error {}

/** Rows per statement: enough that a statement's own cost does not count, few enough for its text to be small. */
const batchMax = 2_000

/**
 * Writes a plan set-based, a handful of statements whatever its size up to a batch, and in an order in which every
 * constraint holds at every step: an address is free before it is taken, a block there before what lies in it.
 */
export async function execute(sql: Sql, plan: WritePlan, at: Commit): Promise<void> {
  const all = async <T>(
    items: readonly T[],
    write: (sql: Sql, items: readonly T[], at: Commit) => Promise<unknown>,
  ) => {
    for (let from = 0; from < items.length; from += batchMax) await write(sql, items.slice(from, from + batchMax), at)
  }
  const expected =
    <T>(write: (sql: Sql, items: readonly T[], at: Commit) => Promise<number>, what: string) =>
    async (_: Sql, items: readonly T[]): Promise<void> => {
      const count = await write(sql, items, at)
      if (count !== items.length)
        throw new Stale(`${what}: ${count} of ${items.length} rows were as they had been read`)
    }
  const fresh = plan.upserts.filter((write) => write.expectedRevision === undefined)
  const known = plan.upserts.filter((write) => write.expectedRevision !== undefined)

  await all(plan.blocks, writeBlocks)
  await all(plan.ledgerFreed, freeLedger)
  await all(plan.ledgerTombstones, tombstoneLedger)
  await all(plan.ledgerReplacements, replaceLedger)
  await all(plan.ledgerRevivals, reviveLedger)
  await all(plan.ledgerInserts, insertLedger)
  await all(plan.blockRemovals, removeBlocks)
  await all(plan.history, insertHistory)

  // A name that one row gives up may be taken by another one in the same commit.
  await all(plan.tombstones, expected(tombstoneRows, 'tombstones'))
  await all(fresh, dropReplacedTombstones)
  await all(known, expected(updateRows, 'updates'))
  await all(fresh, expected(insertRows, 'inserts'))
  await all(plan.offered, writeOffered)
  await all(plan.statuses, writeStatuses)

  await all(plan.refusedCleared, clearRefused)
  await all(plan.refused, writeRefused)
  await all(plan.holds, writeHolds)
  await all(plan.visibility, writeVisibility)
  await all(plan.zones, writeZones)
  await all(plan.audit, insertAudit)
}
