import { findType } from '@holdfast/model'
import { contains } from '@holdfast/vip'
import { vanishingWindowMs } from '../plan/holds.js'
import type { Loaded, Needs, RoleIdentity, Row } from '../plan/index.js'
import { displayText, keyText, ownerText } from '../plan/keys.js'
import { hasFamily } from '../plan/vips.js'
import type { Image } from './image.js'

/** Reads what was asked for, as the queries of a database do. */
export function loadNeeds(needs: Needs, image: Image, identity: RoleIdentity, nowMs: number): Loaded {
  const keys = new Set([...needs.keys, ...needs.meshes.map((name) => ({ type: 'Mesh', mesh: '', name }))].map(keyText))
  const exportNames = new Set(needs.exportNames.map(keyText))
  const displays = new Set(needs.displayNames.map(displayText))
  const meshes = new Set(needs.rowsOfMeshes)
  const kinds = new Set(needs.pendingOfKinds)
  const isWanted = (row: Row): boolean =>
    keys.has(keyText(row)) ||
    exportNames.has(keyText({ ...row, name: row.exportName })) ||
    (!row.deleted && displays.has(displayText(row))) ||
    (meshes.has(row.mesh) && (!row.deleted || row.offeredEntry !== undefined)) ||
    (kinds.has(row.type) && row.origin === identity.name && !row.deleted && row.pendingReason !== undefined) ||
    (!row.deleted &&
      row.origin === identity.name &&
      row.vips !== undefined &&
      needs.lackingFamily.some(({ type, family }) => type === row.type && !hasFamily(row.vips, family))) ||
    (!row.deleted &&
      needs.wholeTypes.some(
        ({ type, origin }) =>
          type === row.type && (origin === 'foreign' ? row.origin !== identity.name : origin === row.origin),
      ))
  const owners = new Set(needs.owners.map(ownerText))
  const addresses = new Set(needs.addresses)
  const cidrs = [...image.blocks.values()].filter((b) => needs.takenInBlocks.includes(b.id)).map((b) => b.cidr)
  const ledger = [...image.ledger.values()]
  const used = new Map<string, number>()
  for (const row of ledger) if (row.blockId !== undefined) used.set(row.blockId, (used.get(row.blockId) ?? 0) + 1)
  const holding = new Set(needs.holds)
  return {
    state: image.state,
    epoch: image.head.epoch,
    everInStep: image.zones.get(identity.name)?.everInStep ?? false,
    rows: [...image.rows.values()].filter(isWanted),
    ledger: ledger.filter(
      (row) =>
        owners.has(ownerText(row)) ||
        addresses.has(row.address) ||
        (needs.aliases && row.scope !== 'canonical') ||
        cidrs.some((cidr) => contains(cidr, row.address)),
    ),
    pastGenerations: image.history.filter((row) => owners.has(ownerText(row))),
    blocks: needs.blocks
      ? [...image.blocks.values()].map((block) => ({ ...block, used: used.get(block.id) ?? 0 }))
      : [],
    refused: [...image.refused.values()].filter((row) =>
      needs.refusedOf.some(({ peer, type }) => row.peer === peer && row.type === type),
    ),
    holds: [...image.holds.values()].filter((hold) => holding.has(hold.id)),
    cursors: [...image.cursors.values()].filter((row) =>
      needs.cursors.some(({ peer, channel }) => row.peer === peer && row.channel === channel),
    ),
    vanishing: needs.vanishing.map(({ type, origin }) => {
      const rows = [...image.rows.values()].filter((row) => row.type === type && row.origin === origin)
      return {
        type,
        origin,
        live: rows.filter((row) => !row.deleted).length,
        vanished: rows.filter(
          (row) => row.deleted && row.absentSinceMs !== undefined && (row.deletedAtMs ?? 0) > nowMs - vanishingWindowMs,
        ).length,
      }
    }),
    zones: [...image.zones.values()]
      .filter((zone) => needs.zones.includes(zone.name))
      .map((zone) => ({ ...zone, hasSession: hasSession(image, zone.name) })),
  }
}

const hasSession = (image: Image, peer: string): boolean =>
  [...image.sessions.values()].some((session) => session.peer === peer && session.closedAtMs === undefined)

/** Place of a type in the dependency order; what we do not know comes last. */
export const typeOrder = (type: string): number => findType(type)?.order ?? 1_000_000
