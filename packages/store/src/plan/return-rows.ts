import {
  type Audience,
  audienceOf,
  displayNameOf,
  exportName,
  findType,
  namespaceLabel,
  type ResourceKey,
  typeOf,
  upTypes,
  wantsVip,
} from '@holdfast/model'
import { entryOfRow } from './entries.js'
import { ownerOf, sameKey } from './keys.js'
import { nothingNeeded } from './loaded.js'
import { headlessReason, type PlanOptions } from './local.js'
import {
  isNewest,
  nothingReturned,
  type Returned,
  type ReturnedRow,
  type ReturnRules,
  storedNameOf,
} from './returned.js'
import type { Row } from './types.js'
import type { Unit } from './unit.js'
import { restVips, reviveVips, vipsOf } from './vips.js'
import type { RowDraft, WorkingSet } from './working-set.js'

const travels: ReadonlySet<string> = new Set(upTypes())

/**
 * The zone's own resources come back, with their addresses, which are reserved for them already. Where both sides have
 * one, the newer word counts (see `ReturnRules`); a deletion since the backup is made good, so that nothing resurrects.
 */
export const returnRowsUnit = (
  rows: readonly ReturnedRow[],
  rules: ReturnRules,
  options: PlanOptions,
): Unit<Returned> => {
  const known = rows.filter((row) => travels.has(row.type) && findType(row.type) !== undefined)
  return {
    needs: {
      ...nothingNeeded,
      keys: known.map(keyHere),
      exportNames: known.map(({ type, mesh, name }) => ({ type, mesh, name })),
      owners: known.filter(({ type }) => typeOf(type).vipKind).map((row) => ownerOfReturned(row, options)),
      displayNames: known.map((row) => nameOfReturned(row, options)),
      meshes: [...new Set(known.map((row) => row.mesh).filter((mesh) => mesh !== ''))],
    },
    more: (ws) => ({
      ...nothingNeeded,
      owners: known.flatMap((row) => {
        const occupant = ws.liveRow(keyHere(row))
        return occupant !== undefined && typeOf(occupant.type).vipKind ? ownerOf(occupant) : []
      }),
    }),
    plan: (ws) =>
      ws.wholly(() => {
        const tally = new Tally()
        for (const row of rows)
          if (travels.has(row.type) && findType(row.type) !== undefined) planRow(row, rules, ws, options, tally)
          else tally.refused.push(`${words(row)}: this program does not send its type`)
        tally.write(ws, options)
        return tally.returned()
      }),
  }
}

const keyHere = (row: ReturnedRow): ResourceKey => ({ type: row.type, mesh: row.mesh, name: storedNameOf(row) })

const nameOfReturned = (row: ReturnedRow, { identity }: PlanOptions) => ({
  type: row.type,
  mesh: row.mesh,
  origin: identity.name,
  namespace: row.labels[namespaceLabel] ?? '',
  displayName: displayNameOf(row.name, row.labels),
})

const ownerOfReturned = (row: ReturnedRow, options: PlanOptions) => ownerOf(nameOfReturned(row, options))

function planRow(said: ReturnedRow, rules: ReturnRules, ws: WorkingSet, options: PlanOptions, tally: Tally): void {
  const existing = ws
    .byExportName({ type: said.type, mesh: said.mesh, name: said.name })
    .find((row) => row.origin === ws.identity.name)
  if (existing !== undefined && isNewest(existing, rules)) {
    if (existing.deleted !== said.deleted || (!said.deleted && !sameContent(existing, said, ws)))
      tally.kept.push(words(said))
    else if (existing.status === undefined && said.status !== undefined && !existing.deleted)
      ws.setStatus(existing, said.status)
    return
  }
  if (said.deleted) {
    if (existing === undefined || existing.deleted) return
    const atMs = said.deletedAtMs ?? options.nowMs
    ws.tombstone(existing, { atMs })
    if (typeOf(existing.type).vipKind) restVips(ownerOf(existing), ws, atMs, 'deleted since the backup')
    tally.removed++
    return
  }
  makeRoom(said, existing, rules, ws, options, tally)
  const problem = strangerProblem(said, existing, ws)
  if (problem === undefined) putBack(said, existing, ws, options, tally)
  else tally.refused.push(`${words(said)}: ${problem}`)
}

/**
 * One name here, two identities (a service without a namespace, and later one in the default one): whoever has the name in
 * the backup was deleted before the other one could take it.
 */
function makeRoom(
  said: ReturnedRow,
  existing: Row | undefined,
  rules: ReturnRules,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
  tally: Tally,
): void {
  const occupant = ws.liveRow(existing ?? keyHere(said))
  if (occupant === undefined || occupant === existing || occupant.exportName === said.name) return
  if (occupant.origin !== ws.identity.name || isNewest(occupant, rules)) return
  ws.tombstone(occupant, { atMs: nowMs })
  if (typeOf(occupant.type).vipKind)
    restVips(ownerOf(occupant), ws, nowMs, `deleted since the backup: its name is ${said.name}'s`)
  tally.removed++
}

/** Names that others have taken meanwhile are not taken from them. */
function strangerProblem(said: ReturnedRow, existing: Row | undefined, ws: WorkingSet): string | undefined {
  const type = typeOf(said.type)
  const key = existing ?? keyHere(said)
  const occupant = ws.liveRow(key)
  if (occupant !== undefined && occupant !== existing) return `"${occupant.name}" is the name of another one here`
  const namesake = ws.byDisplayName(nameOfReturned(said, { identity: ws.identity, nowMs: 0 }))
  if (namesake !== undefined && !sameKey(namesake, key)) return `"${namesake.name}" has the same display name`
  return exportName(type, said.mesh, key.name, said.labels) === said.name
    ? undefined
    : 'its name does not follow from its labels'
}

function putBack(
  said: ReturnedRow,
  existing: Row | undefined,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
  tally: Tally,
): void {
  const type = typeOf(said.type)
  const key = existing === undefined ? keyHere(said) : { type: said.type, mesh: said.mesh, name: existing.name }
  const { origin, namespace, displayName } = nameOfReturned(said, { identity: ws.identity, nowMs })
  const living = existing === undefined || existing.deleted ? undefined : existing
  const owner = ownerOf({ ...key, origin, namespace, displayName })
  if (type.vipKind) reviveVips(owner, ws, nowMs, 'its owner came back from global')
  const vips = type.vipKind ? vipsOf(owner, ws) : undefined
  const draft: RowDraft = {
    ...key,
    labels: said.labels,
    typeUrl: said.typeUrl,
    spec: said.spec,
    origin,
    exportName: said.name,
    displayName,
    namespace,
    audience: audienceHere(said, key.name, ws),
    vips,
    revision: existing?.revision ?? 0,
    deleted: false,
    createdAtMs: living?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
    status: said.status,
    statusRevision: existing?.statusRevision ?? 0,
    // Everybody has seen it: its removal is said as well.
    exposed: true,
    pendingReason: !type.vipKind || vips !== undefined ? undefined : waitingReason(said),
  }
  if (living !== undefined && entryOfRow(draft) === living.entry && living.audience === draft.audience) return
  ws.put(draft)
  tally.back++
  if (type.vipKind) tally.services++
}

const waitingReason = (said: ReturnedRow): string =>
  wantsVip(typeOf(said.type), said.labels) ? 'this zone is recovering and allocates nothing yet' : headlessReason

/** What lives in a mesh that is not here (yet) is suspended, and awake when the mesh comes. */
function audienceHere(said: ReturnedRow, name: string, ws: WorkingSet): Audience {
  if (said.mesh !== '') {
    const mesh = ws.mesh(said.mesh)
    if (mesh === 'unknown' || mesh === 'deleted') return 'suspended'
  }
  return audienceOf(typeOf(said.type), said.labels, name, ws.identity.name)
}

function sameContent(row: Row, said: ReturnedRow, ws: WorkingSet): boolean {
  const copy = { ...row, labels: said.labels, typeUrl: said.typeUrl, spec: said.spec }
  return row.entry === entryOfRow({ ...copy, origin: ws.identity.name, exportName: said.name })
}

export const words = ({ type, mesh, name }: ResourceKey): string => `${type} ${name}${mesh === '' ? '' : `.${mesh}`}`

/** Names in one audit row: enough to act on, and bounded. */
const namedMax = 100

class Tally {
  services = 0
  back = 0
  removed = 0
  readonly kept: string[] = []
  readonly refused: string[] = []

  returned(): Returned {
    const { services, removed, kept, refused } = this
    return { ...nothingReturned, services, returned: this.back, removed, kept, refused }
  }

  write(ws: WorkingSet, { nowMs }: PlanOptions): void {
    const { services, removed, kept, refused } = this
    if (this.back + removed + kept.length + refused.length === 0) return
    ws.audit({
      atMs: nowMs,
      actor: 'global',
      action: 'returned',
      subject: `resources of zone ${ws.identity.name}`,
      detail: {
        returned: this.back,
        services,
        removed,
        kept: kept.slice(0, namedMax),
        refused: refused.slice(0, namedMax),
      },
    })
  }
}
