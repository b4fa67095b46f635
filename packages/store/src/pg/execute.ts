import type { WritePlan } from '../plan/types.js'
import type { Sql } from './sql.js'
import { removeForms, writeForms } from './statements/forms.js'
import { writeHolds } from './statements/holds.js'
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
  moveTombstones,
  tombstoneRows,
  updateRows,
  writeOffered,
  writeStatuses,
} from './statements/rows-write.js'
import {
  clearRefused,
  insertAudit,
  writeRefused,
  writeVisibility,
  writeZones,
  writeZoneTimes,
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
  const { atMs: _, upserts, tombstones, movedTombstones, offered, forms, formRemovals, statuses, ...others } = plan
  const { ledgerInserts, ledgerTombstones, ledgerRevivals, ledgerReplacements, ledgerFreed, history, ...rest } = others
  const { blocks, blockRemovals, refused, refusedCleared, holds, visibility, ...last } = rest
  const { zoneTimes, audit, zones, ...unwritten } = last
  // A part that a plan gets later does not compile until it is written here.
  const nothingLeft: Record<string, never> = unwritten
  void nothingLeft
  const fresh = upserts.filter((write) => write.expectedRevision === undefined)
  const known = upserts.filter((write) => write.expectedRevision !== undefined)

  await all(blocks, writeBlocks)
  await all(ledgerFreed, freeLedger)
  await all(ledgerTombstones, tombstoneLedger)
  await all(ledgerReplacements, replaceLedger)
  await all(ledgerRevivals, reviveLedger)
  await all(ledgerInserts, insertLedger)
  await all(blockRemovals, removeBlocks)
  await all(history, insertHistory)

  // A name that one row gives up may be taken by another one in the same commit.
  await all(tombstones, expected(tombstoneRows, 'tombstones'))
  await all(movedTombstones, expected(moveTombstones, 'moved tombstones'))
  await all(fresh, dropReplacedTombstones)
  await all(known, expected(updateRows, 'updates'))
  await all(fresh, expected(insertRows, 'inserts'))
  await all(offered, writeOffered)
  await all(formRemovals, removeForms)
  await all(forms, writeForms)
  await all(statuses, writeStatuses)

  await all(refusedCleared, clearRefused)
  await all(refused, writeRefused)
  await all(holds, writeHolds)
  await all(visibility, writeVisibility)
  await all(zoneTimes, writeZoneTimes)
  await all(zones, writeZones)
  await all(audit, insertAudit)
}
