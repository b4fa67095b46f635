import type { HeldLease } from '../lease-port.js'
import { absenceUnit } from '../plan/absence.js'
import { tombstoneKeptMaxMs, tombstoneKeptMs } from '../plan/compaction.js'
import { absentGraceMs } from '../plan/holds.js'
import { nothingNeeded } from '../plan/loaded.js'
import type { PlanOptions } from '../plan/local.js'
import type { Unit } from '../plan/unit.js'
import type { Upkeep } from '../port.js'
import type { Database } from './sql.js'
import { healthyPlainSessions, typesWithAbsent } from './statements/absent.js'
import { compactLog } from './statements/compact.js'
import { lowestAcked } from './statements/vip-read.js'
import type { Done, Work } from './work.js'

export interface UpkeepParts {
  readonly database: Database
  readonly options: PlanOptions
  readonly submit: <T>(work: Work<T>) => Promise<Done<T>>
  readonly freeQuarantined: (nowMs: number) => Promise<number>
  /** Done only while this is held. */
  readonly lease: HeldLease | undefined
}

/** Sessions write down that they live every few seconds. */
const heardMs = 30_000

const nothing: Unit<null> = { needs: nothingNeeded, more: () => nothingNeeded, plan: () => null }

/** One bounded round of what has to be done now and then; the next round goes on where this one ended. */
export async function upkeep(parts: UpkeepParts): Promise<Upkeep> {
  const addressesFreed = await parts.freeQuarantined(parts.options.nowMs)
  const absentDeleted = await endGraces(parts)
  const tombstonesForgotten = await forgetTombstones(parts)
  return { tombstonesForgotten, addressesFreed, absentDeleted }
}

/** What plain Kuma peers have left out of their lists for long enough goes now, if they are still there and it is little. */
async function endGraces({ database, options, submit, lease }: UpkeepParts): Promise<number> {
  const { identity, nowMs } = options
  const types = await typesWithAbsent(database, nowMs - absentGraceMs)
  if (types.length === 0) return 0
  let deleted = 0
  for (const { peer, sessionId, key, fence, stream } of await healthyPlainSessions(database, nowMs - heardMs)) {
    // Global hears zones on the stream of what they own; the other one only carries what it says itself.
    if (identity.role === 'global' && stream === 'down') continue
    const hearing = { peer, channel: identity.role === 'global' ? ('up' as const) : ('down' as const) }
    const unit = absenceUnit(types, hearing, options)
    deleted += (await submit({ unit, size: 1, lease, fence: { peer: key, sessionId, fence } })).value.deleted
  }
  return deleted
}

/** Under the lock of the head, like every write: a reader of the log sees tombstones and its new beginning together. */
async function forgetTombstones({ database, options, submit, lease }: UpkeepParts): Promise<number> {
  const { nowMs } = options
  const ackedByAll = await lowestAcked(database)
  let forgotten = 0
  await submit({
    unit: nothing,
    size: 1,
    lease,
    also: async (sql) => {
      forgotten = await compactLog(sql, {
        ackedBeforeMs: nowMs - tombstoneKeptMs,
        anywayBeforeMs: nowMs - tombstoneKeptMaxMs,
        ackedByAll,
      })
    },
  })
  return forgotten
}
