import {
  audienceOf,
  globalOrigin,
  jsonSpec,
  type ResourceKey,
  typeOf,
  vipBlockKind,
  vipPins,
  vipPoolKind,
} from '@holdfast/model'
import { contains, overlap, rangeOf } from '@holdfast/vip'
import { zoneKey } from './deleted-zones.js'
import { ownerText, ownerWords } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { RememberedRow, Testimony } from './testimony.js'
import type { BlockRow, LedgerRow, Needs, Row } from './types.js'
import type { Unit } from './unit.js'
import { levelGenerations, vipsOf } from './vips.js'
import type { WorkingSet } from './working-set.js'
import { rememberZones } from './zone-objects.js'
import { makeZone } from './zones.js'

/** So many conflicts with one zone are kept for its next hearing: an operator who looks at one looks at all. */
const namedMax = 100

export interface Remembered {
  readonly pools: number
  /** CIDRs of blocks that are leased again as they were. */
  readonly blocks: readonly string[]
  /** Ledger rows that were unknown here. */
  readonly addresses: number
  /** Zones of which an operator's word is known again: disabled, or labelled. */
  readonly zones: readonly string[]
  /** What contradicts what is known here; it was not taken over. */
  readonly conflicts: readonly string[]
}

/**
 * Takes over what a returning zone remembers of the ledger: pools, blocks, and who has or had which address. Nothing
 * that is known here changes and nothing is served by it: an owner that we know only from a witness is a tombstone, whose
 * address goes to nobody else and comes back with it (VIP-2, VIP-3). Only an address that a new database had given before
 * anybody of ours followed it makes way for the one that is remembered. Global only.
 */
export const rememberUnit = (testimony: Testimony, options: PlanOptions, past: Past): Unit<Remembered> => ({
  needs: needsOfRemember(testimony, past),
  more: () => nothingNeeded,
  plan: (ws) => ws.wholly(() => planRemember(testimony, ws, options, past)),
})

/** What this database has been to others. */
export interface Past {
  /** Every epoch that this store has had: another installation's word on zones is none. */
  readonly epochs: ReadonlySet<string>
  /** A zone of ours has acked something of it. Until then nobody who keeps addresses was told of those that it gave. */
  readonly wasFollowed: boolean
}

const isLive = (row: RememberedRow, type: string): boolean =>
  row.type === type && row.origin === globalOrigin && row.deletedAtMs === undefined

const keyOf = (row: RememberedRow): ResourceKey => ({ type: row.type, mesh: '', name: row.exportName })

function needsOfRemember({ rows, ledger, witness, zones = [] }: Testimony, { wasFollowed }: Past): Needs {
  const leased = rows.filter((row) => isLive(row, 'VipBlock') || isLive(row, 'VipPool'))
  const blocks = leased.flatMap((row) => blockFacts(row) ?? [])
  const canonical = canonicalOf(ledger)
  const owners = [...new Set(blocks.map((block) => block.owner))].filter((owner) => owner !== globalOrigin)
  return {
    ...nothingNeeded,
    keys: [...leased.map(keyOf), ...[...owners, ...zones.map(({ name }) => name)].map(zoneKey)],
    blocks: true,
    wholeTypes: leased.length > 0 ? [{ type: 'VipPool', origin: globalOrigin }] : [],
    zones: [...new Set([witness.zone, ...owners])],
    owners: canonical,
    displayNames: wasFollowed ? [] : canonical.map(({ kind: type, ...owner }) => ({ type, ...owner })),
    addresses: [...new Set(canonical.map((row) => row.address))],
    namedBy: [witness.zone],
  }
}

const canonicalOf = (ledger: readonly LedgerRow[]): readonly LedgerRow[] =>
  ledger.filter((row) => row.scope === 'canonical')

function planRemember(
  { witness, rows, ledger, zones: saidOfZones = [] }: Testimony,
  ws: WorkingSet,
  options: PlanOptions,
  { epochs, wasFollowed }: Past,
): Remembered {
  if (ws.identity.role !== 'global') return { pools: 0, blocks: [], addresses: 0, zones: [], conflicts: [] }
  const conflicts: string[] = []
  const named = ws.namedBy(witness.zone)
  const says = `zone ${witness.zone} remembers`
  const pools = rows.filter((row) => isLive(row, 'VipPool') && rememberPool(row, says, ws, options, conflicts)).length
  const leased = rows.flatMap((row) => {
    const block = isLive(row, 'VipBlock') ? blockFacts(row) : undefined
    return block === undefined ? [] : [{ row, block }]
  })
  const lostStores = new Set(leased.flatMap(({ block }) => (block.owner === globalOrigin ? [block.storeId] : [])))
  const blocks = leased.flatMap(({ row, block }) => {
    const isOurs = block.owner === globalOrigin || lostStores.has(block.storeId)
    return rememberBlock({ ...block, isOurs }, row, says, ws, options, conflicts) ? [block.cidr] : []
  })
  const own = canonicalOf(ledger).filter((row) => row.origin !== witness.zone || row.state === 'tombstoned')
  const mayYield = ws.state === 'recovering' && !wasFollowed
  const addresses = own.filter((row) => rememberAddress(row, says, ws, options, { conflicts, named, mayYield })).length
  const isOurs = ws.state === 'recovering' || (witness.cursor !== undefined && epochs.has(witness.cursor.epoch))
  const zones = isOurs ? rememberZones(saidOfZones, ws, options) : []
  for (const { name, enabled } of zones)
    ws.audit({
      atMs: options.nowMs,
      actor: `zone ${witness.zone}`,
      action: 'remembered',
      subject: `Zone "${name}"`,
      detail: { enabled },
    })
  const found = { pools, blocks, addresses, zones: zones.map(({ name }) => name), conflicts }
  // With what was taken over beside them, or a process that dies in between would have forgotten what it was told.
  if (conflicts.some((conflict) => !named.includes(conflict)))
    ws.nameConflicts({ zone: witness.zone, conflicts: [...new Set([...named, ...conflicts])].slice(0, namedMax) })
  for (const conflict of conflicts) note('recovery conflict', { conflict }, witness.zone, ws, options)
  if (pools + blocks.length + addresses > 0)
    note('remembered', { pools, blocks, addresses, epoch: ws.epoch }, witness.zone, ws, options)
  return found
}

const note = (
  action: string,
  detail: Readonly<Record<string, unknown>>,
  zone: string,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
): void => ws.audit({ atMs: nowMs, actor: `zone ${zone}`, action, subject: 'the ledger', detail })

function rememberPool(
  row: RememberedRow,
  says: string,
  ws: WorkingSet,
  options: PlanOptions,
  conflicts: string[],
): boolean {
  const spec = vipPoolKind.read(row.spec)
  if (spec === undefined || ws.row(keyOf(row)) !== undefined) return false
  const range = rangeOf(spec.cidr)
  const other = ws
    .ofOrigin('VipPool', globalOrigin)
    .flatMap((known) => (known.deleted ? [] : (vipPoolKind.read(known.spec) ?? [])))
    .find((known) => overlap(rangeOf(known.cidr), range))
  if (other !== undefined) {
    conflicts.push(`${says} the pool ${spec.cidr} of ${spec.kind}; it overlaps ${other.cidr} of ${other.kind} here`)
    return false
  }
  putCopy(row, ws, options)
  return true
}

/** @param said `isOurs`: of the store that was lost, for its own services or in the name of a Kuma zone */
function rememberBlock(
  { isOurs, ...said }: Omit<BlockRow, 'createdAtMs'> & { readonly isOurs: boolean },
  row: RememberedRow,
  says: string,
  ws: WorkingSet,
  options: PlanOptions,
  conflicts: string[],
): boolean {
  const { nowMs, identity } = options
  const known = ws.ledger.block(said.id)
  const leasedTo = (block: Pick<BlockRow, 'owner' | 'storeId'>): string =>
    block.owner === globalOrigin ? 'global' : `zone ${block.owner} (store ${block.storeId})`
  if (known !== undefined) {
    // Our own is bound to this store, whatever store it was leased to before.
    const isSame = known.owner === said.owner && known.storeId === (isOurs ? identity.storeId : said.storeId)
    // A later generation here was given by an operator (`zone adopt`), who has decided.
    if (!isSame && known.generation <= said.generation)
      conflicts.push(`${says} that ${said.cidr} is leased to ${leasedTo(said)}; here it is ${leasedTo(known)}'s`)
    return false
  }
  // Taken back here, explicitly: nobody has it.
  if (ws.row(keyOf(row)) !== undefined) return false
  const other = ws.ledger.blocks().find((block) => overlap(rangeOf(block.cidr), rangeOf(said.cidr)))
  if (other !== undefined) {
    conflicts.push(
      `${says} that ${said.cidr} is leased to ${leasedTo(said)}; it overlaps ${other.cidr}, which is leased to ${leasedTo(other)} here`,
    )
    return false
  }
  // Our own lease of before: a lease is bound to a store, and this is the store now.
  const { id, ...spec } = isOurs ? { ...said, storeId: identity.storeId, generation: said.generation + 1 } : said
  putCopy(isOurs ? { ...row, ...jsonSpec(typeOf('VipBlock'), spec) } : row, ws, options)
  ws.ledger.putBlock({ id, ...spec, createdAtMs: nowMs })
  // Who holds a lease is a zone of ours, whether it is here or away, unless it was deleted here.
  if (said.owner !== globalOrigin && ws.row(zoneKey(said.owner))?.deleted !== true) {
    const zone = ws.zone(said.owner)
    // A Kuma zone has no store: what it has was leased to global's.
    if (isOurs) ws.putZone({ everInStep: false, ...zone, name: said.owner })
    else if (zone?.storeId === undefined)
      ws.putZone({ ...zone, name: said.owner, storeId: said.storeId, everInStep: true })
    makeZone(said.owner, ws, nowMs)
  }
  return true
}

interface Hearing {
  readonly conflicts: string[]
  readonly named: readonly string[]
  /** What was given here since the loss was told to nobody who keeps it: it makes way for what is remembered. */
  readonly mayYield: boolean
}

/** Whether the row was unknown, or another one, and is known now. */
function rememberAddress(
  said: LedgerRow,
  says: string,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
  { conflicts, named, mayYield }: Hearing,
): boolean {
  const { family, address } = said
  const known = ws.ledger.get(said, 'canonical', family)
  if (known?.address === address) return false
  const contradiction = `${says} ${address} for ${ownerWords(said)}`
  const holder = ws.ledger.holder('canonical', family, address)
  if (known !== undefined) {
    if (mayYield && holder === undefined && wasGivenHere(known, ws) && known.generation <= said.generation) {
      makeWay(known, said, says, ws, nowMs)
      return true
    }
    // A generation that was raised since the conflict was named decides nothing: an operator does, who ends the recovery.
    // Neither does one that was raised to make way for another witness.
    const wasNamed = named.some((conflict) => conflict.startsWith(contradiction))
    if (known.generation <= said.generation || wasNamed || mayYield)
      conflicts.push(`${contradiction}, which has ${known.address} here`)
    return false
  }
  if (holder !== undefined && ownerText(holder) !== ownerText(said)) {
    conflicts.push(`${contradiction}; here ${ownerWords(holder)} has it`)
    return false
  }
  const past = ws.ledger.pastGeneration(said, 'canonical')
  // Freed here on purpose, at this generation or later: who frees is the truth about its own blocks.
  if (past !== undefined && past >= said.generation) return false
  const block = said.origin === ws.identity.name ? ownBlockOf(said.kind, family, address, ws) : undefined
  const { blockId: _, tombstonedRevision: __, ...row } = said
  ws.ledger.put(
    {
      ...row,
      state: 'tombstoned',
      tombstonedAtMs: said.state === 'tombstoned' ? (said.tombstonedAtMs ?? nowMs) : nowMs,
      ...(block === undefined ? {} : { blockId: block }),
    },
    'witnessed',
    nowMs,
    `${says} it`,
  )
  return true
}

/** By this store, from a block of its own or in a zone's name, and not because an operator had asked for this very address. */
function wasGivenHere(row: LedgerRow, ws: WorkingSet): boolean {
  const block = row.blockId === undefined ? undefined : ws.ledger.block(row.blockId)
  if (block?.storeId !== ws.identity.storeId) return false
  const { v4, v6 } = vipPins(servedBy(row, ws)?.labels ?? {})
  return row.family === 4 ? v4 === undefined : v6 === undefined
}

const servedBy = ({ kind: type, mesh, origin, namespace, displayName }: LedgerRow, ws: WorkingSet): Row | undefined => {
  const row = ws.byDisplayName({ type, mesh, origin, namespace, displayName })
  return row?.deleted === false ? row : undefined
}

/** At a generation above both, or whoever remembers the one could not be told of the other (VIP-2). */
function makeWay(known: LedgerRow, said: LedgerRow, says: string, ws: WorkingSet, nowMs: number): void {
  const { blockId: _, ...kept } = known
  const generation = Math.max(known.generation, said.generation) + 1
  const why = `${says} it; ${known.address} was given here after the loss, and no zone of ours was told`
  ws.ledger.put({ ...kept, address: said.address, generation }, 'replaced', nowMs, why)
  levelGenerations(known, ws, nowMs)
  const row = servedBy(known, ws)
  if (row?.vips !== undefined) ws.put({ ...row, vips: vipsOf(known, ws), modifiedAtMs: nowMs })
}

export const ownBlockOf = (
  kind: string,
  family: LedgerRow['family'],
  address: string,
  ws: WorkingSet,
): string | undefined =>
  ws.ledger
    .blocks()
    .find(
      (block) =>
        block.owner === ws.identity.name &&
        block.kind === kind &&
        block.family === family &&
        contains(block.cidr, address),
    )?.id

function blockFacts(row: RememberedRow): Omit<BlockRow, 'createdAtMs'> | undefined {
  const spec = row.type === 'VipBlock' ? vipBlockKind.read(row.spec) : undefined
  if (spec === undefined) return undefined
  const { kind, family, cidr, owner, storeId, generation } = spec
  return { id: row.exportName, kind, family, cidr, owner, storeId, generation }
}

/** As global's own again, with the bytes that its zones hold. */
function putCopy(row: RememberedRow, ws: WorkingSet, { nowMs }: PlanOptions): void {
  const { labels, typeUrl, spec, exportName, displayName, namespace } = row
  ws.put({
    ...keyOf(row),
    ...{ labels, typeUrl, spec, exportName, displayName, namespace },
    origin: globalOrigin,
    audience: audienceOf(typeOf(row.type), labels, exportName, globalOrigin),
    revision: 0,
    deleted: false,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    statusRevision: 0,
    exposed: true,
  })
}
