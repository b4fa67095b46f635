import { findType } from '@holdfast/model'
import { contains, ownerWords } from '@holdfast/vip'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { nothingReturned, type Returned, type ReturnPage } from './returned.js'
import type { LedgerRow, Owner, Row } from './types.js'
import type { Unit } from './unit.js'
import { levelGenerations, ownBlocks, vipsOf } from './vips.js'
import type { WorkingSet } from './working-set.js'

/**
 * The blocks and addresses of a zone come back: reserved for their owners until these are back themselves. An address
 * that the zone has given to somebody else since its store was lost goes back to whoever had it; the other one was
 * heard of by nobody, and gets a new address (VIP-1, VIP-2).
 */
export const returnLedgerUnit = (page: ReturnPage, options: PlanOptions): Unit<Returned> => ({
  needs: {
    ...nothingNeeded,
    blocks: true,
    owners: page.ledger,
    addresses: page.ledger.map((row) => row.address),
    displayNames: page.ledger.map(nameOf),
  },
  more: (ws) => {
    const holders = page.ledger.flatMap((row) => ws.ledger.holder('canonical', row.family, row.address) ?? [])
    return { ...nothingNeeded, owners: holders, displayNames: holders.map(nameOf) }
  },
  plan: (ws) => ws.wholly(() => planLedger(page, ws, options)),
})

const nameOf = ({ kind, mesh, origin, namespace, displayName }: Owner) => ({
  type: kind,
  mesh,
  origin,
  namespace,
  displayName,
})

function planLedger(page: ReturnPage, ws: WorkingSet, { nowMs }: PlanOptions): Returned {
  for (const block of page.blocks)
    if (block.owner === ws.identity.name && block.storeId === ws.identity.storeId) ws.ledger.putBlock(block)
  const moved: string[] = []
  const refused: string[] = []
  for (const said of page.ledger) {
    if (said.origin !== ws.identity.name || said.scope !== 'canonical' || findType(said.kind)?.vipKind !== true)
      refused.push(`${said.address} of ${ownerWords(said)}: it is not this zone's`)
    else moved.push(...takeBack(said, ws, nowMs))
  }
  for (const said of page.ledger) levelGenerations(said, ws, nowMs)
  for (const said of page.ledger) refreshed(said, ws, nowMs)
  return { ...nothingReturned, moved, refused }
}

/** One address, to its owner. Answers what it was taken from, or had to move. */
function takeBack(said: LedgerRow, ws: WorkingSet, nowMs: number): readonly string[] {
  const known = ws.ledger.get(said, 'canonical', said.family)
  if (known !== undefined && known.address === said.address) {
    if (known.generation < said.generation)
      ws.ledger.put({ ...known, generation: said.generation }, 'replaced', nowMs, 'global remembers a newer generation')
    return []
  }
  // Raised by a command that global has not heard of.
  if (known !== undefined && known.generation > said.generation) return []
  const moved: string[] = []
  const holder = ws.ledger.holder('canonical', said.family, said.address)
  if (holder !== undefined) {
    evict(holder, said, ws, nowMs)
    moved.push(`${said.address} goes back from ${ownerWords(holder)} to ${ownerWords(said)}`)
  }
  const past = ws.ledger.pastGeneration(said, 'canonical')
  const generation = known?.generation ?? past
  const isActive = known === undefined ? said.state === 'active' && isServed(said, ws) : known.state === 'active'
  const { tombstonedAtMs, tombstonedRevision, blockId: _, ...row } = said
  const block = ownBlocks(ws).find((one) => one.family === said.family && contains(one.cidr, said.address))
  ws.ledger.put(
    {
      ...row,
      // Never the generation at which the zone itself has said another address.
      generation: generation === undefined ? said.generation : Math.max(said.generation, generation + 1),
      // Until its owner is back it rests for it: nobody is served without a service, and nobody else gets it.
      ...(isActive ? { state: 'active' } : { state: 'tombstoned', tombstonedAtMs: tombstonedAtMs ?? nowMs }),
      ...(block === undefined ? {} : { blockId: block.id }),
    },
    known === undefined ? 'witnessed' : 'replaced',
    nowMs,
    'returned by global, which remembers it',
  )
  if (known !== undefined) moved.push(`${ownerWords(said)} goes back from ${known.address} to ${said.address}`)
  return moved
}

/** Its owner is here with an address of the other family: a service has all of them or none. */
const isServed = (owner: Owner, ws: WorkingSet): boolean =>
  ws.ledger.of(owner).some(({ scope, state }) => scope === 'canonical' && state === 'active')

/** Both families go: a service has all of them or none. */
function evict(holder: LedgerRow, said: LedgerRow, ws: WorkingSet, nowMs: number): void {
  for (const row of ws.ledger.of(holder))
    if (row.scope === 'canonical')
      ws.ledger.free(row, nowMs, `${said.address} belongs to ${ownerWords(said)}, as global remembers`)
  const row = liveRowOf(holder, ws)
  if (row !== undefined)
    ws.put({
      ...row,
      vips: undefined,
      pendingReason: `its address belongs to ${ownerWords(said)}, as global remembers; it gets another one`,
      modifiedAtMs: nowMs,
    })
}

/** A service says what its ledger rows say. */
function refreshed(owner: Owner, ws: WorkingSet, nowMs: number): void {
  const row = liveRowOf(owner, ws)
  const vips = vipsOf(owner, ws)
  if (row === undefined || vips === undefined) return
  if (row.vips?.generation === vips.generation && row.vips.addresses.join() === vips.addresses.join()) return
  ws.put({ ...row, vips, pendingReason: undefined, modifiedAtMs: nowMs })
}

const liveRowOf = (owner: Owner, ws: WorkingSet): Row | undefined => {
  const row = ws.byDisplayName(nameOf(owner))
  return row?.origin === ws.identity.name ? row : undefined
}
