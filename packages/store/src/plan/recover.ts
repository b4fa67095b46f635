import {
  audienceOf,
  exportName,
  findType,
  globalOrigin,
  invariant,
  isPublicHalf,
  type ResourceKey,
  type TypeDescriptor,
  typeOf,
  wantsVip,
} from '@holdfast/model'
import { keyText, ownerOf, ownerText, ownerWords } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { meshGoes, meshReturns } from './meshes.js'
import {
  bestFirst,
  entryOfRemembered,
  isRemovedHere,
  lostLogsOf,
  newsFirst,
  preference,
  type Recollection,
  type RecoveredHistory,
  type RecoveryVerdict,
  recoveryVerdict,
} from './recover-verdict.js'
import type { WholeHistory } from './recovery.js'
import { ownBlockOf } from './remember.js'
import type { RememberedRow, Testimony } from './testimony.js'
import type { Family, LedgerRow, Needs, Row } from './types.js'
import type { Unit } from './unit.js'
import { releaseVips, restVips } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** One resource of global's that its zones remember otherwise than it is here. */
export interface RecoveryItem {
  readonly action: 'create' | 'change' | 'delete' | 'keep'
  readonly type: string
  readonly mesh: string
  /** What global calls it. */
  readonly name: string
  readonly origin: string
  /** The zone that is believed. */
  readonly witness: string
  readonly reason: string
  readonly addresses: readonly string[]
  /** Other zones that remember something else, and why they are not believed. */
  readonly conflicts: readonly string[]
  /** Why it cannot be done; the rest goes on. */
  readonly problem?: string | undefined
}

export interface RecoverRequest {
  /** Rows of one or more zones; what only others than `zone` remember is no part of the plan. */
  readonly testimonies: readonly Testimony[]
  /** Undefined: whatever anybody remembers. */
  readonly zone?: string | undefined
  readonly actor: string
  readonly history: Pick<WholeHistory, 'epochs' | 'endOf' | 'tagAt' | 'ackedLog'>
}

type Heard = Omit<RecoverRequest, 'history'> & { readonly history: RecoveredHistory }

function heardOf(request: RecoverRequest): Heard {
  const { epochs, endOf, tagAt } = request.history
  const witnesses = request.testimonies.map(({ witness }) => witness)
  return { ...request, history: { epochs, endOf, tagAt, lostLogs: lostLogsOf(witnesses, request.history) } }
}

/** What would be restored; changes nothing. */
export function recoveryPlanUnit(asked: RecoverRequest): Unit<readonly RecoveryItem[]> {
  const request = heardOf(asked)
  return {
    needs: needsOfRecover(request),
    more: (ws) => moreOfRecover(request, ws),
    plan: (ws) => decided(request, ws).map(({ item }) => item),
  }
}

/** Restores, as global's own resources with the same names, specs and VIPs, audited. Global only. */
export function recoverUnit(asked: RecoverRequest, options: PlanOptions): Unit<readonly RecoveryItem[]> {
  const request = heardOf(asked)
  return {
    needs: needsOfRecover(request),
    more: (ws) => moreOfRecover(request, ws),
    plan: (ws) =>
      ws.wholly(() => {
        const all = decided(request, ws)
        // What is referred to comes before what refers to it; removals go the other way round (ORDER).
        const order = ({ item }: Decided): number =>
          (findType(item.type)?.order ?? 0) * (item.action === 'delete' ? -1 : 1)
        const due = all.filter(({ item }) => item.problem === undefined && item.action !== 'keep')
        for (const one of [
          ...due.filter(({ item }) => item.action !== 'delete').sort((a, b) => order(a) - order(b)),
          ...due.filter(({ item }) => item.action === 'delete').sort((a, b) => order(a) - order(b)),
        ])
          carryOut(one, ws, options, request.actor)
        return all.map(({ item }) => item)
      }),
  }
}

/** Pools and blocks are remembered by themselves; the rest of what global gives its zones is restored on demand. */
const isRestorable = (row: RememberedRow): boolean =>
  row.origin !== globalOrigin ||
  (row.type !== 'VipPool' && row.type !== 'VipBlock' && !isPublicHalf(row.type, row.exportName))

const groupText = (row: RememberedRow): string =>
  `${row.origin}\u0000${keyText({ type: row.type, mesh: row.mesh, name: row.exportName })}`

function groupsOf({ testimonies, zone, history }: Heard): readonly (readonly Recollection[])[] {
  const groups = new Map<string, Recollection[]>()
  for (const { witness, rows } of testimonies)
    for (const row of rows) {
      if (!isRestorable(row)) continue
      const key = groupText(row)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [{ witness, row }])
      else group.push({ witness, row })
    }
  return [...groups.values()]
    .filter((group) => zone === undefined || group.some(({ witness }) => witness.zone === zone))
    .map((group) => bestFirst(group, history))
}

const rowsOf = (request: Heard): readonly RememberedRow[] => groupsOf(request).flatMap((group) => group[0]?.row ?? [])

/** What global calls a resource of its own: the display name, with the namespace where it is not the default one. */
const storedName = ({ origin, exportName: exported, displayName, namespace }: RememberedRow): string =>
  origin !== globalOrigin
    ? exported
    : namespace === '' || namespace === 'default'
      ? displayName
      : `${displayName}.${namespace}`

const keyOf = (row: RememberedRow): ResourceKey => ({ type: row.type, mesh: row.mesh, name: storedName(row) })

function needsOfRecover(request: Heard): Needs {
  const rows = rowsOf(request)
  const services = rows.filter((row) => findType(row.type)?.vipKind === true)
  // Which of several memories is believed depends on what is here as well.
  const all = groupsOf(request).flatMap((group) => group.map(({ row }) => row))
  return {
    ...nothingNeeded,
    keys: rows.map(keyOf),
    exportNames: rows.map((row) => ({ type: row.type, mesh: row.mesh, name: row.exportName })),
    meshes: [...new Set(rows.map((row) => row.mesh).filter((mesh) => mesh !== ''))],
    owners: services.map(ownerOf),
    addresses: [...new Set(all.flatMap((row) => row.vips?.addresses ?? []))],
    rowsOfMeshes: rows.filter((row) => row.type === 'Mesh').map((row) => row.exportName),
    blocks: services.length > 0,
  }
}

/** A mesh takes its services with it, and brings them back. */
const moreOfRecover = (request: Heard, ws: WorkingSet): Needs => ({
  ...nothingNeeded,
  owners: rowsOf(request)
    .filter((row) => row.type === 'Mesh')
    .flatMap((mesh) => ws.ofMesh(mesh.exportName))
    .filter((row) => findType(row.type)?.vipKind === true)
    .map(ownerOf),
})

interface Decided {
  readonly item: RecoveryItem
  readonly chosen: RememberedRow | undefined
  readonly here: Row | undefined
}

function decided(request: Heard, ws: WorkingSet): readonly Decided[] {
  const groups = groupsOf(request).map((group) =>
    group[0] === undefined ? group : newsFirst(group, rowHere(group[0].row, ws), request.history),
  )
  const arriving = new Set(
    groups.flatMap(([best]) =>
      best?.row.type === 'Mesh' && best.row.deletedAtMs === undefined ? [best.row.exportName] : [],
    ),
  )
  const back = new Set(request.testimonies.map(({ witness }) => witness.zone))
  return groups.flatMap((group): readonly Decided[] => {
    const [best, ...others] = group
    if (best === undefined) return []
    const { row } = best
    const here = rowHere(row, ws)
    const judged = recoveryVerdict(group, here, request.history)
    const verdict = judged.verdict === 'delete' ? (offeredStill(row, here, back) ?? judged) : judged
    if (verdict.verdict === 'same') return []
    const problem = verdict.verdict === 'keep' ? undefined : problemOf(verdict, here, arriving, ws)
    const item: RecoveryItem = {
      action: verdict.verdict,
      ...{ type: row.type, mesh: row.mesh, name: here?.name ?? storedName(row), origin: row.origin },
      witness: best.witness.zone,
      reason: verdict.reason,
      addresses: row.vips?.addresses ?? [],
      conflicts: others
        .filter((other) => differs(best, other))
        .map((other) => conflictWords(best, other, here, request.history)),
      ...(problem === undefined ? {} : { problem }),
    }
    return [{ item, chosen: verdict.verdict === 'keep' ? undefined : row, here }]
  })
}

/**
 * What others were told to remove may live: they hear the same of a zone that is disabled. A zone that is back says itself
 * what it has, and what it has withdrawn is not offered any more.
 */
const offeredStill = (
  { origin }: RememberedRow,
  here: Row | undefined,
  back: ReadonlySet<string>,
): { readonly verdict: 'keep'; readonly reason: string } | undefined =>
  origin !== globalOrigin && back.has(origin) && here?.offeredEntry !== undefined
    ? { verdict: 'keep', reason: `zone ${origin} is back, and has it` }
    : undefined

/** The row of the same origin that everybody else calls so. */
const rowHere = (row: RememberedRow, ws: WorkingSet): Row | undefined =>
  ws
    .byExportName({ type: row.type, mesh: row.mesh, name: row.exportName })
    .filter((one) => one.origin === row.origin)
    .sort((a, b) => Number(a.deleted) - Number(b.deleted))[0]

const differs = (a: Recollection, b: Recollection): boolean =>
  (a.row.deletedAtMs === undefined) !== (b.row.deletedAtMs === undefined) ||
  (a.row.deletedAtMs === undefined && entryOfRemembered(a.row) !== entryOfRemembered(b.row))

function conflictWords(
  best: Recollection,
  other: Recollection,
  here: Row | undefined,
  history: RecoveredHistory,
): string {
  const says = other.row.deletedAtMs === undefined ? 'has another version' : 'remembers it as deleted'
  const why = isRemovedHere(other, here) ? 'so it stands here' : preference(best, other, history)
  return `zone ${other.witness.zone} ${says}; ${why}`
}

function problemOf(
  { verdict, chosen: { row } }: Exclude<RecoveryVerdict, { verdict: 'same' | 'keep' }>,
  here: Row | undefined,
  arriving: ReadonlySet<string>,
  ws: WorkingSet,
): string | undefined {
  const type = findType(row.type)
  if (type === undefined) return `the type ${row.type} is not known here; upgrade global first`
  if (verdict === 'delete') return undefined
  if (row.origin !== globalOrigin) return `it belongs to zone ${row.origin}, which brings it back itself`
  if (exportName(type, row.mesh, storedName(row), row.labels) !== row.exportName)
    return `its name does not follow from its labels: it would be called otherwise elsewhere`
  if (type.scope === 'mesh' && ws.mesh(row.mesh) !== 'live' && !arriving.has(row.mesh))
    return `its mesh "${row.mesh}" is not here; restore that first`
  const namesake = ws.row(keyOf(row))
  if (here === undefined && namesake !== undefined && !namesake.deleted)
    return `${row.type} "${namesake.name}" is here already, as another resource`
  return row.vips?.addresses.map((address) => addressProblem(row, address, ws)).find((found) => found !== undefined)
}

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

function addressProblem(row: RememberedRow, address: string, ws: WorkingSet): string | undefined {
  const owner = ownerOf(row)
  const holder = ws.ledger.holder('canonical', familyOf(address), address)
  if (holder !== undefined && ownerText(holder) !== ownerText(owner))
    return `its address ${address} belongs to ${ownerWords(holder)} here`
  const known = ws.ledger.get(owner, 'canonical', familyOf(address))
  return known !== undefined && known.address !== address && known.generation >= (row.vips?.generation ?? 0)
    ? `it has ${known.address} here, and an address does not move`
    : undefined
}

function carryOut({ item, chosen, here }: Decided, ws: WorkingSet, options: PlanOptions, actor: string): void {
  const { nowMs } = options
  invariant(chosen !== undefined, 'a recovery without anything to restore')
  if (item.action === 'delete') {
    invariant(here !== undefined, 'a recovery deletes what is not there')
    const atMs = Math.min(chosen.deletedAtMs ?? nowMs, nowMs)
    ws.tombstone(here, { atMs })
    if (findType(here.type)?.vipKind === true) restVips(ownerOf(here), ws, atMs, 'deleted before the store was lost')
    if (here.type === 'Mesh') meshGoes(here.name, ws, nowMs)
  } else restore(chosen, here, item.witness, ws, options)
  ws.audit({
    atMs: nowMs,
    actor,
    action: `recovered: ${item.action}`,
    subject: `${item.type} "${item.name}"${item.mesh === '' ? '' : ` in mesh "${item.mesh}"`}`,
    detail: { witness: item.witness, reason: item.reason, addresses: item.addresses, conflicts: item.conflicts },
  })
}

function restore(
  row: RememberedRow,
  here: Row | undefined,
  witness: string,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
): void {
  const type = typeOf(row.type)
  const key = here === undefined ? keyOf(row) : { type: here.type, mesh: here.mesh, name: here.name }
  const before = ws.row(key)
  const living = before?.deleted === false ? before : undefined
  const { labels, typeUrl, spec, vips } = row
  const audience = audienceOf(type, labels, key.name, globalOrigin)
  if (type.vipKind) bookAddresses(row, witness, ws, nowMs)
  ws.put({
    ...key,
    ...{ labels, typeUrl, spec, vips, audience },
    origin: globalOrigin,
    exportName: row.exportName,
    displayName: row.displayName,
    namespace: row.namespace,
    revision: before?.revision ?? 0,
    deleted: false,
    createdAtMs: living?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
    status: living?.status,
    statusRevision: before?.statusRevision ?? 0,
    exposed: (before?.exposed ?? false) || audience === 'all',
    pendingReason: waits(type, row) ? 'it had no virtual IP when it was lost' : undefined,
  })
  if (row.type === 'Mesh' && living === undefined) meshReturns(row.exportName, ws, nowMs)
}

const waits = (type: TypeDescriptor, row: RememberedRow): boolean =>
  type.vipKind && row.vips === undefined && wantsVip(type, row.labels)

/** The very addresses that its zones serve, in our block again if they lie in one. */
function bookAddresses(row: RememberedRow, witness: string, ws: WorkingSet, nowMs: number): void {
  const owner = ownerOf(row)
  const { addresses = [], generation = 0 } = row.vips ?? {}
  if (addresses.length === 0) releaseVips(owner, ws, nowMs, `zone ${witness} has it without`)
  for (const address of addresses) {
    const family = familyOf(address)
    const known = ws.ledger.get(owner, 'canonical', family)
    if (known?.address === address && known.state === 'active' && known.generation === generation) continue
    const block = known?.blockId ?? ownBlockOf(owner.kind, family, address, ws)
    const booked: LedgerRow = {
      ...owner,
      ...{ scope: 'canonical', family, address, generation, state: 'active' },
      allocatedAtMs: known?.allocatedAtMs ?? nowMs,
      ...(block === undefined ? {} : { blockId: block }),
    }
    ws.ledger.put(booked, known === undefined ? 'witnessed' : 'revived', nowMs, `zone ${witness} has it`)
  }
}
