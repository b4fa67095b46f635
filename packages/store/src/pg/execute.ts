import type { WritePlan } from '../plan/types.js'
import { type Sql, together } from './sql.js'
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
import { nameConflicts } from './statements/witnesses.js'

/** The rows are not as the plan found them, although nobody has committed: they were changed by hand. Plan again. */
export class Stale extends Error {}

/** Rows per statement: enough that a statement's own cost does not count, few enough for its text to be small. */
const batchMax = 2_000

export interface Execution {
  /** All of it is on its way: what is sent now comes behind it. */
  readonly isSent: boolean
  readonly done: Promise<void>
}

/**
 * Writes a plan set-based, a handful of statements whatever its size up to a batch, and in an order in which every
 * constraint holds at every step: an address is free before it is taken, a block there before what lies in it. They are sent
 * one behind the other without waiting for answers, the first that fails makes the rest fail; where there are several batches
 * each waits for the one before, so that they are not all in memory at once.
 */
export function execute(sql: Sql, plan: WritePlan, at: Commit): Execution {
  const steps: (() => Promise<unknown>)[] = []
  let isSplit = false
  const all = <T>(
    items: readonly T[],
    write: (sql: Sql, items: readonly T[], at: Commit) => Promise<unknown>,
  ): void => {
    isSplit ||= items.length > batchMax
    for (let from = 0; from < items.length; from += batchMax)
      steps.push(() => write(sql, items.slice(from, from + batchMax), at))
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
  const { zoneTimes, audit, zones, named, ...unwritten } = last
  // A part that a plan gets later does not compile until it is written here.
  const nothingLeft: Record<string, never> = unwritten
  void nothingLeft
  const fresh = upserts.filter((write) => write.expectedRevision === undefined)
  const known = upserts.filter((write) => write.expectedRevision !== undefined)

  all(blocks, writeBlocks)
  all(ledgerFreed, freeLedger)
  all(ledgerTombstones, tombstoneLedger)
  all(ledgerReplacements, replaceLedger)
  all(ledgerRevivals, reviveLedger)
  all(ledgerInserts, insertLedger)
  all(blockRemovals, removeBlocks)
  all(history, insertHistory)

  // A name that one row gives up may be taken by another one in the same commit.
  all(tombstones, expected(tombstoneRows, 'tombstones'))
  all(movedTombstones, expected(moveTombstones, 'moved tombstones'))
  all(fresh, dropReplacedTombstones)
  all(known, expected(updateRows, 'updates'))
  all(fresh, expected(insertRows, 'inserts'))
  all(offered, writeOffered)
  all(formRemovals, removeForms)
  all(forms, writeForms)
  all(statuses, writeStatuses)

  all(refusedCleared, clearRefused)
  all(refused, writeRefused)
  all(holds, writeHolds)
  all(visibility, writeVisibility)
  all(zoneTimes, writeZoneTimes)
  all(zones, writeZones)
  all(named, nameConflicts)
  all(audit, insertAudit)
  return isSplit
    ? { isSent: false, done: oneByOne(steps) }
    : { isSent: true, done: together(steps.map((step) => step())).then(() => {}) }
}

async function oneByOne(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const step of steps) await step()
}
