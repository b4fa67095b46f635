import { contains } from '@holdfast/vip'
import { vanishingWindowMs } from '../plan/holds.js'
import type { LedgerRow, Loaded, Needs, RoleIdentity, Row } from '../plan/index.js'
import { displayText, keyText, ownerText } from '../plan/keys.js'
import { quotaWindowMs } from '../plan/quota.js'
import { hasFamily } from '../plan/vips.js'
import type { LiveImage } from './live-image.js'

/** Reads what was asked for, as the queries of a database do. */
export function loadNeeds(needs: Needs, image: LiveImage, identity: RoleIdentity, nowMs: number): Loaded {
  return {
    state: image.state,
    epoch: image.head.epoch,
    everInStep: image.zones.get(identity.name)?.everInStep ?? false,
    hooks: image.hookSweep,
    readOnly: image.readOnly,
    rows: rowsOf(needs, image, identity),
    ledger: ledgerOf(needs, image),
    pastGenerations: needs.owners.flatMap((owner) => image.historyOf(ownerText(owner))),
    blocks: needs.blocks ? blocksOf(image) : [],
    refused:
      needs.refusedOf.length === 0
        ? []
        : [...image.refused.values()].filter((row) =>
            needs.refusedOf.some(({ peer, type }) => row.peer === peer && row.type === type),
          ),
    holds: [
      ...needs.holds.flatMap((id) => image.holds.get(id) ?? []),
      ...(needs.openHolds ? [...image.holds.values()].filter((hold) => hold.keyCount > 0) : []),
    ],
    cursors:
      needs.cursors.length === 0
        ? []
        : [...image.cursors.values()].filter((row) =>
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
        kept: rows.filter((row) => !row.deleted && row.holdId !== undefined).length,
        keptLately: rows.filter(
          (row) => !row.deleted && row.holdId !== undefined && (row.absentSinceMs ?? 0) > nowMs - vanishingWindowMs,
        ).length,
      }
    }),
    usage: needs.usage.map((origin) => {
      const rows = [...image.rows.values()].filter((row) => !row.deleted && row.origin === origin)
      return {
        origin,
        resources: rows.length,
        bytes: rows.reduce((sum, { spec }) => sum + spec.length, 0),
        changedLately: rows.filter(({ modifiedAtMs }) => modifiedAtMs > nowMs - quotaWindowMs).length,
      }
    }),
    named: needs.namedBy.flatMap((zone) => {
      const seen = image.witnesses.get(zone)
      return seen?.epoch === image.head.epoch ? [{ zone, conflicts: seen.row.conflicts }] : []
    }),
    zones: needs.zones.flatMap((name) => {
      const zone = image.zones.get(name)
      const open = openSession(image, name)
      const session =
        open === undefined
          ? undefined
          : { id: open.sessionId, instanceId: open.peerInstanceId, plain: open.extension === false }
      const superseded = supersededIn(image, name)
      return zone === undefined ? [] : [{ ...zone, hasSession: open !== undefined, superseded, session }]
    }),
  }
}

function rowsOf(needs: Needs, image: LiveImage, identity: RoleIdentity): readonly Row[] {
  const found = new Set<Row>()
  const add = (key: string, isWanted: (row: Row) => boolean = () => true): void => {
    const row = image.rows.get(key)
    if (row !== undefined && isWanted(row)) found.add(row)
  }
  for (const key of needs.keys) add(keyText(key))
  for (const name of needs.meshes) add(keyText({ type: 'Mesh', mesh: '', name }))
  for (const name of needs.exportNames) for (const key of image.rowsByExport.keys(keyText(name))) add(key)
  for (const name of needs.displayNames) for (const key of image.rowsByDisplay.keys(displayText(name))) add(key)
  for (const mesh of needs.rowsOfMeshes)
    for (const key of image.rowsByMesh.keys(mesh)) add(key, (row) => !row.deleted || row.offeredEntry !== undefined)
  const { pendingOfKinds: kinds, lackingFamily, wholeTypes, heldBy } = needs
  if ([kinds, lackingFamily, wholeTypes, heldBy].every((need) => need.length === 0)) return [...found]
  for (const row of image.rows.values()) {
    if (row.deleted && row.offeredEntry === undefined) continue
    const isOwn = row.origin === identity.name
    const isPending = isOwn && row.pendingReason !== undefined && kinds.includes(row.type)
    const isLacking = ({ type, family }: Needs['lackingFamily'][number]): boolean =>
      isOwn && type === row.type && row.vips !== undefined && !hasFamily(row.vips, family)
    const isOfWhole = (of: Needs['wholeTypes'][number]): boolean =>
      of.type === row.type && (of.origin === 'foreign' ? !isOwn && !row.deleted : of.origin === row.origin)
    const isHeld = row.holdId !== undefined && heldBy.includes(row.holdId)
    const isLive = !row.deleted && (isPending || isHeld || lackingFamily.some(isLacking))
    if (isLive || wholeTypes.some(isOfWhole)) found.add(row)
  }
  return [...found]
}

function ledgerOf(needs: Needs, image: LiveImage): readonly LedgerRow[] {
  const found = new Set<LedgerRow>()
  const add = (keys: Iterable<string>): void => {
    for (const key of keys) {
      const row = image.ledger.get(key)
      if (row !== undefined) found.add(row)
    }
  }
  for (const owner of needs.owners) add(image.ledgerByOwner.keys(ownerText(owner)))
  for (const address of needs.addresses) add(image.ledgerByAddress.keys(address))
  if (needs.aliases || needs.takenIn.length > 0)
    for (const row of image.ledger.values())
      if ((needs.aliases && row.scope !== 'canonical') || needs.takenIn.some((cidr) => contains(cidr, row.address)))
        found.add(row)
  return [...found]
}

export const blocksOf = (image: LiveImage): Loaded['blocks'] =>
  Array.from(image.blocks.values(), (block) => ({
    id: block.id,
    kind: block.kind,
    family: block.family,
    cidr: block.cidr,
    owner: block.owner,
    storeId: block.storeId,
    generation: block.generation,
    createdAtMs: block.createdAtMs,
    used: image.ledgerByBlock.keys(block.id).size,
  }))

/** Processes whose last session was ended by a newer one. */
function supersededIn(image: LiveImage, peer: string): readonly string[] {
  const last = new Map<string, string | undefined>()
  for (const session of image.sessions.values())
    if (session.peer === peer) last.set(session.peerInstanceId, session.closeReason)
  return [...last].flatMap(([instanceId, reason]) =>
    reason?.startsWith('a newer session') === true ? [instanceId] : [],
  )
}

const openSession = (image: LiveImage, peer: string) =>
  [...image.sessions.values()].findLast((session) => session.peer === peer && session.closedAtMs === undefined)

export { typeOrder } from '@holdfast/model'
