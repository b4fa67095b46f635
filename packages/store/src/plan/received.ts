import type { Batch, Refused } from '@holdfast/kds'
import { findType, parseWireKey, type ResourceKey } from '@holdfast/model'
import { planAbsent, planMissing } from './absence.js'
import { type Hearing, keyOfOffer, maySpeakFor, originOf, ownerOfOffer, wireKeyOf } from './attribution.js'
import { blockGoes, blockOfOffer, needsOfWaiting, servePending, waitingFor } from './blocks.js'
import { checkNotDeleted, zoneKey } from './deleted-zones.js'
import { keyText, ownerOf } from './keys.js'
import { needsOfLearned } from './learned-types.js'
import { mergedNeeds, nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { meshGoes } from './meshes.js'
import { planOffer } from './offers.js'
import { isOfPlainPeer, moreOfPlain, needsOfPlain, planPlainStatuses, withVips } from './plain-zones.js'
import { needsOfQuota, quotaRefusals } from './quota.js'
import { planStatuses } from './statuses.js'
import type { Needs, RoleIdentity, Row } from './types.js'
import type { Unit } from './unit.js'
import { keysOfUnreadable, planUnreadable } from './unreadable.js'
import { allocationNeeds, restVips, wishOfRow } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** What became of a batch, apart from its progress, which is decided when its writes are there to be verified. */
export interface Received {
  readonly refused: readonly Refused[]
  readonly warnings: readonly string[]
  /** Wire keys of rows that would have gone by absence and are held instead. */
  readonly heldKeys: readonly string[]
  /** Rows that are inserted, changed or tombstoned. */
  readonly writtenRows: number
  /** From a plain peer, which says it once: the store recovers, and gives no virtual IPs yet. */
  readonly recovering?: boolean | undefined
}

/** Names that a line of the audit log has room for. */
const auditedNamesMax = 1_000

/** A batch from a peer as one unit: resources, VIPs, ledger and what was offered, together (VIP-5, DUR). */
export const batchUnit = (batch: Batch, hearing: Hearing, options: PlanOptions): Unit<Received> => ({
  needs: needsOfBatch(batch, hearing, options.identity),
  more: (ws) => moreOfBatch(batch, hearing, ws),
  plan: (ws) => ws.wholly(() => planReceived(batch, hearing, ws, options)),
})

const keysOf = (batch: Batch): readonly ResourceKey[] => [
  ...batch.offers.map(({ resource }) => keyOfOffer(resource)),
  ...keysOfUnreadable(batch),
  ...[...batch.removals.map((r) => r.key), ...batch.absent].map((key) => keyOfWire(batch.type, key)),
]

const keyOfWire = (type: string, key: string): ResourceKey => ({ type, ...parseWireKey(key) })

/** First round: everything that the batch names, whatever it turns out to be. */
export const needsOfBatch = (batch: Batch, hearing: Hearing, identity: RoleIdentity): Needs =>
  mergedNeeds([
    needsOfAny(batch, hearing, identity),
    isOfPlainPeer(batch, hearing, identity) ? needsOfPlain(batch, hearing) : nothingNeeded,
  ])

function needsOfAny(batch: Batch, hearing: Hearing, identity: RoleIdentity): Needs {
  const keys = keysOf(batch)
  const offered = batch.offers.map(({ resource }) => ({ resource, origin: originOf(resource, hearing) }))
  const services = findType(batch.type)?.vipKind === true
  const absence = batch.absent.length > 0 || batch.wholeList === true
  const waiting = needsOfWaiting(
    batch.type === 'VipBlock' ? [...new Set(batch.offers.flatMap((o) => blockOfOffer(o.resource)?.kind ?? []))] : [],
  )
  return {
    ...nothingNeeded,
    keys: identity.role === 'global' ? [...keys, zoneKey(hearing.peer)] : keys,
    exportNames: batch.offers.map(({ resource }) => keyOfOffer(resource)),
    displayNames: offered.map(({ resource, origin }) => {
      const { kind: type, mesh, namespace, displayName } = ownerOfOffer(resource, origin)
      return { type, mesh, origin, namespace, displayName, name: resource.name }
    }),
    owners: services ? offered.map(({ resource, origin }) => ownerOfOffer(resource, origin)) : [],
    addresses: services ? [...new Set(offered.flatMap(({ resource }) => resource.vips?.addresses ?? []))] : [],
    meshes: identity.role === 'global' ? [...new Set(keys.map((key) => key.mesh).filter((mesh) => mesh !== ''))] : [],
    pendingOfKinds: waiting.pendingOfKinds,
    lackingFamily: waiting.lackingFamily,
    blocks: services || batch.type === 'VipBlock',
    wholeTypes: [
      ...(batch.wholeList === true
        ? [{ type: batch.type, origin: hearing.channel === 'down' ? ('foreign' as const) : hearing.peer }]
        : []),
      // What is known of a type that we do not know; and what lives in a mesh that returns may be of one.
      ...(findType(batch.type) === undefined || batch.type === 'Mesh' ? needsOfLearned(identity).wholeTypes : []),
    ],
    refusedOf: [{ peer: hearing.peer, type: batch.type }],
    cursors: absence ? [{ peer: hearing.peer, channel: hearing.channel }] : [],
    // A mesh that goes takes rows along that only the second round reads.
    openHolds: batch.type === 'Mesh' && (batch.removals.length > 0 || absence),
  }
}

/** Second round: what belongs to the rows that were found. */
export function moreOfBatch(batch: Batch, hearing: Hearing, ws: WorkingSet): Needs {
  const rows = keysOf(batch).flatMap((key) => ws.row(key) ?? [])
  const listed = batch.wholeList === true ? ws.ofType(batch.type) : []
  const absent = [...rows, ...listed].filter((row) => maySpeakFor(row.origin, hearing, ws.identity))
  const services = findType(batch.type)?.vipKind === true
  const origins = batch.absent.length > 0 || batch.wholeList === true ? [...new Set(absent.map((r) => r.origin))] : []
  const blocks = batch.type === 'VipBlock' ? batch.offers.flatMap((o) => blockOfOffer(o.resource) ?? []) : []
  const mine = blocks.filter((b) => b.owner === ws.identity.name && b.storeId === ws.identity.storeId)
  const pending = mine.length === 0 ? [] : waitingFor([...new Set(mine.map((block) => block.kind))], ws)
  return mergedNeeds([
    needsOfQuota(hearing, ws),
    isOfPlainPeer(batch, hearing, ws.identity) ? moreOfPlain(batch, hearing, ws) : nothingNeeded,
    allocationNeeds(
      pending.flatMap((row) => wishOfRow(row) ?? []),
      ws,
      mine,
    ),
    {
      ...nothingNeeded,
      owners: [...(services ? [...rows, ...listed].map(ownerOf) : []), ...pending.map(ownerOf)],
      rowsOfMeshes: batch.type === 'Mesh' ? changedMeshes(batch, ws) : [],
      vanishing: origins.map((origin) => ({ type: batch.type, origin })),
      holds: [...new Set([...rows, ...listed].flatMap((row) => row.holdId ?? []))],
    },
  ])
}

/** Meshes that come or go with this batch; an update of one that stays concerns nothing in it. */
const changedMeshes = (batch: Batch, ws: WorkingSet): readonly string[] => [
  ...batch.offers
    .filter(({ resource }) => ws.liveRow(keyOfOffer(resource)) === undefined)
    .map(({ resource }) => resource.name),
  ...batch.removals.map(({ key }) => parseWireKey(key).name),
]

/** Plans a batch. What is refused keeps its last good version, and everything else goes on (LKG, ISO). */
export function planReceived(batch: Batch, hearing: Hearing, ws: WorkingSet, options: PlanOptions): Received {
  if (hearing.channel !== 'down') checkNotDeleted(hearing.peer, ws)
  if (hearing.channel === 'status') return planStatuses(batch, hearing, ws, options)
  const plain = isOfPlainPeer(batch, hearing, ws.identity)
  const standIn = plain && ws.identity.role === 'zone'
  const heard: Hearing = plain ? { ...hearing, plain } : hearing
  const over = quotaRefusals(batch, hearing, ws)
  const { offers: offered, warnings: withoutVip } = plain
    ? withVips(batch, hearing, ws, options, over)
    : { offers: batch.offers, warnings: [] }
  const offers = [
    ...offered.map((offer) =>
      planOffer(offer, heard, ws, options, standIn, over.get(keyText(keyOfOffer(offer.resource)))),
    ),
    ...(batch.unreadable ?? []).map((it) => planUnreadable(batch.type, it, heard, ws, options)),
  ]
  const statuses = plain ? planPlainStatuses(batch, hearing, ws, options) : 0
  const removed = batch.removals.filter((removal) => planRemoval(batch, removal, hearing, ws, options)).length
  const missing =
    batch.wholeList === true
      ? planMissing(batch.type, listedIn(batch), hearing, ws, options)
      : { deleted: 0, heldKeys: [], marked: 0 }
  const absent = planAbsent(
    batch.absent.map((key) => keyOfWire(batch.type, key)),
    batch.epoch,
    hearing,
    ws,
    options,
  )
  const served = batch.type === 'VipBlock' ? servePending(batch, ws, options) : 0
  const written = batch.offers.filter((_, i) => offers[i]?.written === true)
  if (batch.importedBy !== undefined && written.length > 0)
    ws.audit({
      atMs: options.nowMs,
      actor: batch.importedBy.actor,
      action: 'copies imported',
      subject: `${batch.type} of zone ${hearing.peer}`,
      detail: {
        resources: written.length,
        names: written.slice(0, auditedNamesMax).map(({ resource }) => wireKeyOf(resource)),
        ...(batch.importedBy.source === undefined ? {} : { from: batch.importedBy.source }),
      },
    })
  return {
    refused: offers.flatMap((offer) => offer.refused ?? []),
    warnings: [...offers.flatMap((offer) => offer.warnings), ...withoutVip],
    heldKeys: [...missing.heldKeys, ...absent.heldKeys],
    writtenRows:
      offers.filter((offer) => offer.written).length + statuses + removed + missing.deleted + absent.deleted + served,
    ...(plain && ws.state === 'recovering' ? { recovering: true } : {}),
  }
}

/** What a whole list has, be it readable or not. */
const listedIn = (batch: Batch): ReadonlySet<string> =>
  new Set([...batch.offers.map((o) => wireKeyOf(o.resource)), ...(batch.unreadable ?? []).map(({ key }) => key)])

/** An explicit removal is obeyed at once, however many there are; whether it changed anything. */
function planRemoval(
  batch: Batch,
  removal: Batch['removals'][number],
  hearing: Hearing,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
): boolean {
  const key = keyOfWire(batch.type, removal.key)
  ws.clearRefusal({ ...key, peer: hearing.peer, channel: hearing.channel })
  const row = ws.row(key)
  if (row === undefined || !maySpeakFor(row.origin, hearing, ws.identity)) return false
  // A removal without a time takes back what is only not shown any more: it was suspended, not deleted.
  const gone: Row = row.audience === 'suspended' && removal.deletedAtMs > 0 ? { ...row, audience: 'all' } : row
  if (row.deleted) {
    if (gone !== row) ws.tombstone(gone, { atMs: row.deletedAtMs ?? nowMs })
    else if (row.offeredEntry !== undefined) ws.setOffered(row, withdrawn)
    return gone !== row
  }
  // The sender's clock may run ahead of ours; a quarantine that ends in the future only lasts longer.
  const atMs = removal.deletedAtMs > 0 ? Math.min(removal.deletedAtMs, nowMs) : nowMs
  removeRow(gone, atMs, 'removed at its origin', ws)
  ws.noteRemoved(gone.type, gone.origin)
  return true
}

const withdrawn = { offeredEntry: undefined, holdId: undefined, absentSinceMs: undefined }

/** Takes a copy away with all that hangs on it; its ledger rows stay as tombstones. */
export function removeRow(
  row: Row,
  atMs: number,
  why: string,
  ws: WorkingSet,
  absentSinceMs?: number | undefined,
): void {
  ws.tombstone(row, { atMs, absentSinceMs })
  if (findType(row.type)?.vipKind === true) restVips(ownerOf(row), ws, atMs, why)
  if (row.type === 'Mesh' && ws.identity.role === 'zone') meshGoes(row.name, ws, atMs)
  if (row.type === 'VipBlock') blockGoes(row, ws)
}
