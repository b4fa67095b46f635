import { findType, type Origin, type ResourceKey } from '@holdfast/model'
import { type Hearing, maySpeakFor, wireKeyOf } from './attribution.js'
import { absentGraceMs, holdId, holdReason } from './holds.js'
import { ownerOf } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { removeRow } from './received.js'
import type { Row } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'

export interface Absent {
  readonly deleted: number
  readonly heldKeys: readonly string[]
  /** Only marked as missing: they go later if they stay away. */
  readonly marked: number
}

/** Keys that the sender neither has nor has a tombstone of: deleted within one log and below the threshold, else held. */
export function planAbsent(
  keys: readonly ResourceKey[],
  epoch: string | undefined,
  hearing: Hearing,
  ws: WorkingSet,
  options: PlanOptions,
): Absent {
  const going: Row[] = []
  for (const key of keys) {
    ws.clearRefusal({ ...key, peer: hearing.peer, channel: hearing.channel })
    const row = ws.row(key)
    if (row === undefined || !maySpeakFor(row.origin, hearing, ws.identity)) continue
    if (!row.deleted && row.holdId === undefined) going.push(row)
    // A tombstone that is still offered, or a row that is held: whatever was remembered as offered, nothing of it is (HEAL).
    else if (row.offeredEntry !== undefined)
      ws.setOffered(row, { offeredEntry: undefined, holdId: row.holdId, absentSinceMs: row.absentSinceMs })
  }
  const cursor = ws.cursor(hearing.peer, hearing.channel)?.cursor
  return settle(going, epoch !== undefined && cursor?.epoch === epoch, false, hearing, ws, options)
}

/**
 * What a plain Kuma peer's whole list leaves out: marked first, gone when it stays away on a healthy stream; a mesh
 * and everything that an empty list leaves out are held at once.
 */
export function planMissing(
  type: string,
  listed: ReadonlySet<string>,
  hearing: Hearing,
  ws: WorkingSet,
  options: PlanOptions,
): Absent {
  const missing = ws
    .ofType(type)
    .filter(
      (row) =>
        !row.deleted &&
        row.holdId === undefined &&
        maySpeakFor(row.origin, hearing, ws.identity) &&
        !listed.has(wireKeyOf(row)),
    )
  // What its mesh has taken along comes back with it only while its zone has it. An empty list says that too: nothing goes
  // by it, and whatever the zone has after all it says again.
  for (const row of ws.ofType(type))
    if (row.deleted && row.offeredEntry !== undefined && maySpeakFor(row.origin, hearing, ws.identity))
      if (!listed.has(wireKeyOf(row))) ws.setOffered(row, withdrawn)
  if (listed.size === 0 || type === 'Mesh') return settle(missing, true, listed.size === 0, hearing, ws, options)
  const fresh = missing.filter((row) => row.absentSinceMs === undefined)
  for (const row of fresh)
    ws.setOffered(row, { offeredEntry: undefined, holdId: undefined, absentSinceMs: options.nowMs })
  return { ...settle(overdue(missing, options), true, false, hearing, ws, options), marked: fresh.length }
}

/** Ends the grace of what has been missing from a plain Kuma peer's list. Only while its stream is healthy. */
export const absenceUnit = (types: readonly string[], hearing: Hearing, options: PlanOptions): Unit<Absent> => ({
  needs: {
    ...nothingNeeded,
    wholeTypes: types.map((type) => ({ type, origin: hearing.channel === 'down' ? 'foreign' : hearing.peer })),
  },
  more: (ws) => {
    const rows = overdueOf(types, hearing, ws, options)
    const origins = new Map(rows.map((row) => [`${row.type} ${row.origin}`, { type: row.type, origin: row.origin }]))
    return {
      ...nothingNeeded,
      vanishing: [...origins.values()],
      owners: rows.filter((row) => findType(row.type)?.vipKind === true).map(ownerOf),
    }
  },
  plan: (ws) => ws.wholly(() => settle(overdueOf(types, hearing, ws, options), true, false, hearing, ws, options)),
})

const overdueOf = (types: readonly string[], hearing: Hearing, ws: WorkingSet, options: PlanOptions) =>
  overdue(
    types.flatMap((type) => ws.ofType(type)).filter((row) => maySpeakFor(row.origin, hearing, ws.identity)),
    options,
  )

const overdue = (rows: readonly Row[], { nowMs }: PlanOptions): readonly Row[] =>
  rows.filter(
    (row) =>
      !row.deleted &&
      row.holdId === undefined &&
      row.absentSinceMs !== undefined &&
      nowMs - row.absentSinceMs >= absentGraceMs,
  )

function settle(
  going: readonly Row[],
  sameEpoch: boolean,
  emptyList: boolean,
  hearing: Hearing,
  ws: WorkingSet,
  { nowMs, thresholds }: PlanOptions,
): Absent {
  const heldKeys: string[] = []
  let deleted = 0
  for (const rows of groups(going)) {
    const [{ type, origin }] = rows
    const counts = ws.vanishing(type, origin)
    // What an earlier hold keeps is missing already: the last ten of eleven are all that there was.
    const wholeList = emptyList || rows.length >= counts.live - counts.kept
    const reason = holdReason({ type, origin, going: rows.length, counts, sameEpoch, wholeList, thresholds })
    if (reason === undefined) {
      for (const row of rows) removeRow(row, nowMs, 'absent at its origin', ws, row.absentSinceMs ?? nowMs)
      ws.noteVanished(type, origin, rows.length)
      deleted += rows.length
    } else {
      holdAll(rows, reason, type, origin, hearing, ws, nowMs)
      heldKeys.push(...rows.map(wireKeyOf))
    }
  }
  return { deleted, heldKeys, marked: 0 }
}

function holdAll(
  rows: readonly Row[],
  reason: string,
  type: string,
  origin: Origin,
  hearing: Hearing,
  ws: WorkingSet,
  nowMs: number,
): void {
  const id = holdId(hearing.peer, type, origin, nowMs)
  for (const row of rows)
    ws.setOffered(row, { offeredEntry: undefined, holdId: id, absentSinceMs: row.absentSinceMs ?? nowMs })
  const before = ws.hold(id)
  ws.putHold({
    id,
    peer: hearing.peer,
    type,
    origin,
    reason,
    keyCount: (before?.keyCount ?? 0) + rows.length,
    firstCount: (before?.firstCount ?? 0) + rows.length,
    returnedCount: before?.returnedCount ?? 0,
    sinceMs: nowMs,
    state: 'held',
  })
  ws.noteHeld(type, origin, rows.length)
}

const withdrawn = { offeredEntry: undefined, holdId: undefined, absentSinceMs: undefined }

/** By type and origin, never empty. */
function groups(rows: readonly Row[]): readonly (readonly [Row, ...Row[]])[] {
  const by = new Map<string, [Row, ...Row[]]>()
  for (const row of rows) {
    const key = `${row.type} ${row.origin}`
    const group = by.get(key)
    if (group === undefined) by.set(key, [row])
    else group.push(row)
  }
  return [...by.values()]
}
