import { ledgerText, ownerOf, ownerText, ownerWords } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { ownBlockOf } from './remember.js'
import type { Family, HistoryRow, LedgerRow, Owner, Row } from './types.js'
import type { Unit } from './unit.js'
import { vipsOf } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** A service as the rebuilding sees it: who it is and what it serves. */
export type ServedRow = Pick<Row, 'type' | 'mesh' | 'name' | 'origin' | 'namespace' | 'displayName' | 'vips'>

export interface RebuildFacts {
  /** Every live service here, whoever owns it. */
  readonly services: readonly ServedRow[]
  /** The ledger as it is, canonical scope. */
  readonly ledger: readonly LedgerRow[]
  /** The last event of each owner and family, canonical scope, refusals left out. */
  readonly history: readonly HistoryRow[]
}

/** An address that the ledger has lost. */
export interface RebuildItem extends Owner {
  readonly family: Family
  readonly address: string
  readonly generation: number
  /** `tombstoned`: its owner is gone, and the address is kept for it. */
  readonly state: 'active' | 'tombstoned'
  /** Who says so. */
  readonly witness: 'the service itself' | 'the history'
  readonly atMs: number
}

export interface RebuildPlan {
  readonly restore: readonly RebuildItem[]
  /** What contradicts the ledger; the ledger stays. */
  readonly conflicts: readonly string[]
}

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

/**
 * What has to be put back into a ledger that has lost rows: what every living service serves, and what the history knows
 * of those that are gone. What stands in the ledger stays; who contradicts it is named.
 */
export function rebuildPlan({ services, ledger, history }: RebuildFacts): RebuildPlan {
  const known = new Map(ledger.map((row) => [ledgerText(row, 'canonical', row.family), row]))
  const holders = new Map(ledger.map((row) => [row.address, row]))
  const restore = new Map<string, RebuildItem>()
  const conflicts: string[] = []
  const given = new Map<string, RebuildItem>()
  const add = (item: RebuildItem): void => {
    const text = ledgerText(item, 'canonical', item.family)
    const there = known.get(text)
    if (there !== undefined) {
      if (there.address !== item.address && item.witness === 'the service itself')
        conflicts.push(`${ownerWords(item)} serves ${item.address}, the ledger has ${there.address}`)
      return
    }
    if (restore.has(text)) return
    const holder = holders.get(item.address) ?? given.get(item.address)
    if (holder !== undefined) {
      conflicts.push(`${item.witness} says ${item.address} for ${ownerWords(item)}; ${ownerWords(holder)} has it`)
      return
    }
    restore.set(text, item)
    given.set(item.address, item)
  }
  const living = new Set<string>()
  for (const row of services) {
    const owner = ownerOf(row)
    living.add(ownerText(owner))
    for (const address of row.vips?.addresses ?? [])
      add({
        ...owner,
        ...{ family: familyOf(address), address, generation: row.vips?.generation ?? 0, state: 'active' },
        ...{ witness: 'the service itself', atMs: 0 },
      })
  }
  for (const row of history) {
    if (row.event === 'freed') continue
    const { kind, mesh, origin, namespace, displayName, family, address, generation, atMs } = row
    const owner = { kind, mesh, origin, namespace, displayName }
    add({
      ...owner,
      ...{ family, address, generation, witness: 'the history', atMs },
      state: living.has(ownerText(owner)) && row.event !== 'tombstoned' ? 'active' : 'tombstoned',
    })
  }
  return { restore: [...restore.values()], conflicts }
}

/** So many rows are put back in one transaction. */
export const rebuildChunkMax = 2_000

/** Puts rows back, and the VIP of a service of ours that had lost it as well. Answers how many rows. */
export const rebuildUnit = (
  items: readonly RebuildItem[],
  services: readonly ServedRow[],
  options: PlanOptions & { readonly actor: string },
): Unit<number> => {
  const owners = new Set(items.map(ownerText))
  const bare = services.filter(
    (row) => row.vips === undefined && row.origin === options.identity.name && owners.has(ownerText(ownerOf(row))),
  )
  return {
    needs: {
      ...nothingNeeded,
      owners: items,
      addresses: items.map((item) => item.address),
      keys: bare.map(({ type, mesh, name }) => ({ type, mesh, name })),
      blocks: true,
    },
    more: () => nothingNeeded,
    plan: (ws) => ws.wholly(() => putBack(items, bare, ws, options)),
  }
}

function putBack(
  items: readonly RebuildItem[],
  bare: readonly ServedRow[],
  ws: WorkingSet,
  { nowMs, actor, identity }: PlanOptions & { readonly actor: string },
): number {
  let count = 0
  for (const { witness, atMs, ...item } of items) {
    const isTaken = ws.ledger.holder('canonical', item.family, item.address) !== undefined
    if (isTaken || ws.ledger.get(item, 'canonical', item.family) !== undefined) continue
    const block = item.origin === identity.name ? ownBlockOf(item.kind, item.family, item.address, ws) : undefined
    ws.ledger.put(
      {
        ...item,
        scope: 'canonical',
        allocatedAtMs: atMs === 0 ? nowMs : atMs,
        ...(item.state === 'tombstoned' ? { tombstonedAtMs: atMs === 0 ? nowMs : Math.min(atMs, nowMs) } : {}),
        ...(block === undefined ? {} : { blockId: block }),
      },
      'witnessed',
      nowMs,
      `rebuilt: ${witness} says so`,
    )
    count++
  }
  for (const { type, mesh, name } of bare) {
    const row = ws.liveRow({ type, mesh, name })
    const vips = row === undefined ? undefined : vipsOf(ownerOf(row), ws)
    if (row !== undefined && row.vips === undefined && vips !== undefined)
      ws.put({ ...row, vips, pendingReason: undefined, modifiedAtMs: nowMs })
  }
  if (count > 0)
    ws.audit({ atMs: nowMs, actor, action: 'ledger rebuilt', subject: 'the ledger', detail: { rows: count } })
  return count
}

export type ReleaseOutcome =
  | { readonly outcome: 'released'; readonly addresses: readonly string[] }
  | { readonly outcome: 'in use'; readonly holder: string; readonly addresses: readonly string[] }
  | { readonly outcome: 'nothing' }

/** Ends the quarantine of an owner that is gone: its addresses may go to others at once. */
export const releaseUnit = (
  owner: Owner,
  { nowMs, actor }: PlanOptions & { readonly actor: string },
): Unit<ReleaseOutcome> => ({
  needs: { ...nothingNeeded, owners: [owner], blocks: true },
  more: () => nothingNeeded,
  plan: (ws) => {
    const rows = ws.ledger.of(owner).filter((row) => row.scope === 'canonical')
    const addresses = rows.map((row) => row.address)
    if (rows.length === 0) return { outcome: 'nothing' }
    if (rows.some((row) => row.state === 'active')) return { outcome: 'in use', holder: ownerWords(owner), addresses }
    for (const row of rows) ws.ledger.free(row, nowMs, 'released by an operator before its time')
    ws.audit({ atMs: nowMs, actor, action: 'VIP released', subject: ownerWords(owner), detail: { addresses } })
    return { outcome: 'released', addresses }
  },
})
