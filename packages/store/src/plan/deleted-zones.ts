import { Problem, typeOf, upTypes } from '@holdfast/model'
import { ownerOf } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { Needs, Row } from './types.js'
import { restVips } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** Everything that a zone may have sent up: what goes with its Zone object. */
export const needsOfZoneGoes = (zone: string): Needs => ({
  ...nothingNeeded,
  wholeTypes: upTypes().map((type) => ({ type, origin: zone })),
})

export const zoneKey = (name: string) => ({ type: 'Zone', mesh: '', name }) as const

/** The live rows of a zone that were read with `needsOfZoneGoes`. */
export const rowsOfZone = (zone: string, ws: WorkingSet): readonly Row[] =>
  upTypes().flatMap((type) => ws.ofOrigin(type, zone).filter((row) => !row.deleted))

/**
 * Global forgets a zone: what it keeps of it goes by explicit tombstones, however much it is, so that the others are
 * told. The ledger keeps its rows in quarantine and the zone its blocks: if it comes back, its VIPs do.
 * @returns how many resources went
 */
export function zoneGoes(zone: string, ws: WorkingSet, nowMs: number): number {
  const rows = rowsOfZone(zone, ws)
  for (const row of rows) {
    ws.tombstone(row, { atMs: nowMs })
    if (typeOf(row.type).vipKind) restVips(ownerOf(row), ws, nowMs, `zone ${zone} was deleted`)
  }
  return rows.length
}

/** Whether a zone that was met has no Zone object any more. Its tombstone may be forgotten; that it was met is not. */
export function isZoneDeleted(name: string, ws: WorkingSet): boolean {
  if (ws.identity.role !== 'global') return false
  const row = ws.row(zoneKey(name))
  if (row !== undefined) return row.deleted
  return ws.zone(name)?.storeId !== undefined
}

export const deletedZoneWords = (name: string): string =>
  `zone "${name}" was deleted at global. To let it back in, create it there again (apply "type: Zone" with "name: ${name}"): what it has and its VIPs come back with it. To be rid of it, stop its control plane`

/**
 * What was under way when its Zone object went has no effect any more (OWN). Only a tombstone counts here: it is there
 * for as long as a session of before can be.
 */
export function checkNotDeleted(zone: string, ws: WorkingSet): void {
  if (ws.identity.role === 'global' && ws.row(zoneKey(zone))?.deleted === true)
    throw new Problem('unavailable', deletedZoneWords(zone))
}
