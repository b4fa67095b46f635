import { audienceOf, exportName, keepComputed, type Origin, Problem, type ResourceKey, typeOf } from '@holdfast/model'
import type { LocalChange, LocalOutcome, LocalRequest } from '../port.js'
import { auditDetail, type Told } from './audit-detail.js'
import { readOnlyWords } from './brakes.js'
import { isStale, planCompute, sameStatus } from './computing.js'
import { needsOfZoneGoes, rowsOfZone, zoneGoes } from './deleted-zones.js'
import { authoredOf, awaitHooks, type HookCover, sameForm } from './forms.js'
import type { HoldThresholds } from './holds.js'
import { keyText, originWords, ownerOf, sameKey } from './keys.js'
import { needsOfLearned } from './learned-types.js'
import { nothingNeeded } from './loaded.js'
import { localProblem } from './local-checks.js'
import { meshGoes, meshReturns } from './meshes.js'
import type { Needs, RoleIdentity, Row } from './types.js'
import type { Unit } from './unit.js'
import { allocationNeeds, assignVips, releaseVips, restVips, type VipWish, vipsOf } from './vips.js'
import type { WorkingSet } from './working-set.js'
import { hiddenByZone } from './zones.js'

export interface PlanOptions {
  readonly identity: RoleIdentity
  readonly nowMs: number
  /** Global: what is published only with a hook's consent. */
  readonly hooks?: HookCover | undefined
  /** How much of a type may go by absence; the default of the product for types that are not named. */
  readonly thresholds?: HoldThresholds | undefined
}

type Put = Extract<LocalChange, { change: 'put' }>

/** Changes that this control plane makes to what it owns, with their VIPs (VIP-5), as one unit. */
export const localUnit = (request: LocalRequest, options: PlanOptions): Unit<readonly LocalOutcome[]> => ({
  needs: needsOfLocal(request, options.identity),
  more: (ws) => moreOfLocal(request, ws),
  plan: (ws) => planLocal(request, ws, options),
})

/** First round: the rows themselves, what they may collide with, and the ledger rows of their owners. */
export function needsOfLocal(request: LocalRequest, identity: RoleIdentity): Needs {
  const puts = request.changes.filter((change) => change.change === 'put')
  const origin = identity.name
  const services = puts.filter((put) => typeOf(put.key.type).vipKind)
  const goneMeshes = request.changes.filter((change) => change.key.type === 'Mesh').map((change) => change.key.name)
  return {
    ...nothingNeeded,
    keys: request.changes.map((change) => change.key),
    exportNames: puts.map((put) => ({ ...put.key, name: exportNameOf(put) })),
    displayNames: puts.map(({ key, namespace, displayName }) => ({
      type: key.type,
      mesh: key.mesh,
      origin,
      namespace,
      displayName,
      name: key.name,
    })),
    owners: services.map((put) => ownerOfPut(put, origin)),
    meshes: [...new Set(puts.map((put) => put.key.mesh).filter((mesh) => mesh !== ''))],
    rowsOfMeshes: goneMeshes,
    ...(goneMeshes.length > 0 ? needsOfLearned(identity) : {}),
    // What a hold keeps in a mesh or of a zone goes with it.
    openHolds: goneMeshes.length > 0 || goneZones(request, identity).length > 0,
    wholeTypes: goneZones(request, identity).flatMap((zone) => needsOfZoneGoes(zone).wholeTypes),
    blocks: services.length > 0,
  }
}

/** Second round: the ledger rows of what is deleted, and who has the addresses that newcomers may get. */
export function moreOfLocal(request: LocalRequest, ws: WorkingSet): Needs {
  const owners = request.changes.flatMap((change) => {
    const row = change.change === 'compute' ? undefined : ws.liveRow(change.key)
    return row !== undefined && typeOf(row.type).vipKind ? [ownerOf(row)] : []
  })
  const meshes = request.changes.filter((change) => change.key.type === 'Mesh').map((change) => change.key.name)
  const ofMeshes = meshes.flatMap((mesh) => ws.ofMesh(mesh).filter((row) => typeIsVipKind(row.type)))
  const ofZones = goneZones(request, ws.identity).flatMap((zone) =>
    rowsOfZone(zone, ws).filter((row) => typeIsVipKind(row.type)),
  )
  const wishes = request.changes.flatMap((change) => (change.change === 'put' ? (wishOf(change, ws) ?? []) : []))
  return {
    ...allocationNeeds(wishes, ws),
    owners: [...owners, ...[...ofMeshes, ...ofZones].map(ownerOf)],
    holds: request.changes.flatMap((change) => ws.liveRow(change.key)?.holdId ?? []),
  }
}

/**
 * Plans every change in order. An atomic request with a refusal changes nothing: the refused ones say why, the others
 * `unchanged`. Otherwise each change stands alone.
 */
export function planLocal(request: LocalRequest, ws: WorkingSet, options: PlanOptions): readonly LocalOutcome[] {
  if (request.heedsReadOnly === true && request.dryRun !== true && ws.readOnly !== undefined)
    throw new Problem('readOnly', readOnlyWords(ws.readOnly))
  return ws.attempt(() => {
    const before = request.dryRun === true ? request.changes.map(({ key }) => ws.liveRow(key)) : []
    const told: Told = { actor: request.actor, source: request.source, brief: request.changes.length > briefFrom }
    const outcomes = segments(request.changes).flatMap((changes) => planSegment(changes, ws, options, told))
    const isUndone = ({ outcome }: LocalOutcome): boolean => outcome === 'refused' || outcome === 'stale'
    const holds = !request.atomic || !outcomes.some(isUndone)
    if (holds && request.dryRun === true) return { keep: false, value: withRows(request.changes, outcomes, before, ws) }
    const keep = holds
    const value = keep ? outcomes : outcomes.map((o): LocalOutcome => (isUndone(o) ? o : { outcome: 'unchanged' }))
    return { keep, value }
  })
}

/** What a dry run has planned, before it is forgotten. */
const withRows = (
  changes: readonly LocalChange[],
  outcomes: readonly LocalOutcome[],
  before: readonly (Row | undefined)[],
  ws: WorkingSet,
) =>
  outcomes.map((outcome, index): LocalOutcome => {
    const change = changes[index]
    const row = change === undefined ? undefined : ws.liveRow(change.key)
    return row !== undefined && 'vips' in outcome ? { ...outcome, before: before[index], row } : outcome
  })

/** Runs of changes with different keys, so that the VIPs of a whole run are planned at once. */
function segments(changes: readonly LocalChange[]): readonly (readonly LocalChange[])[] {
  const runs: LocalChange[][] = [[]]
  const seen = new Set<string>()
  for (const change of changes) {
    const key = keyText(change.key)
    if (seen.has(key)) {
      seen.clear()
      runs.push([])
    }
    seen.add(key)
    runs.at(-1)?.push(change)
  }
  return runs
}

type Staged =
  | { readonly stage: 'done'; readonly outcome: LocalOutcome }
  | { readonly stage: 'put'; readonly put: Put; readonly before: Row | undefined; readonly wish: VipWish | undefined }

function planSegment(
  changes: readonly LocalChange[],
  ws: WorkingSet,
  options: PlanOptions,
  told: Told,
): readonly LocalOutcome[] {
  const staged = changes.map((change) => stage(change, ws, options, told))
  const wishes = staged.flatMap((s) => (s.stage === 'put' && s.wish !== undefined ? [s.wish] : []))
  const assigned = assignVips(wishes, ws, options.nowMs, 'allocated to a new service')
  return staged.map((s): LocalOutcome => {
    if (s.stage === 'done') return s.outcome
    const problem = s.wish === undefined ? undefined : assigned.refused.get(keyText(s.put.key))
    if (problem !== undefined) {
      ws.restore(s.put.key, s.before)
      return { outcome: 'refused', problem }
    }
    return finish(s.put, s.before, s.wish, assigned.pending.get(keyText(s.put.key)), ws, options, told)
  })
}

function stage(change: LocalChange, ws: WorkingSet, options: PlanOptions, told: Told): Staged {
  if (isStale(change, ws)) return { stage: 'done', outcome: { outcome: 'stale' } }
  const problem = localProblem(change, ws)
  if (problem !== undefined) return { stage: 'done', outcome: { outcome: 'refused', problem } }
  if (change.change === 'delete') return { stage: 'done', outcome: planDelete(change, ws, options, told) }
  if (change.change === 'compute') return { stage: 'done', outcome: planCompute(change, ws, options) }
  const before = ws.row(change.key)
  ws.put(drafted(change, before, ws, options))
  return { stage: 'put', put: change, before, wish: wishOf(change, ws) }
}

/** The row without its VIP, which is decided for the whole run. */
function drafted(put: Put, before: Row | undefined, ws: WorkingSet, { identity, nowMs }: PlanOptions): Row {
  const type = typeOf(put.key.type)
  const exported = exportNameOf(put)
  const living = before === undefined || before.deleted ? undefined : before
  const stored = living === undefined ? undefined : authoredOf(living)
  const same = stored !== undefined && put.sameAs?.(stored) === true
  const own = audienceOf(type, put.content.labels, put.key.name, identity.name)
  const audience = own === 'all' && put.key.mesh !== '' && !ws.isMeshSeen(put.key.mesh) ? 'suspended' : own
  const { mesh, name } = put.key
  return {
    type: type.name,
    mesh,
    name,
    labels: put.content.labels,
    typeUrl: same ? stored.typeUrl : put.content.typeUrl,
    // What was stored is the same value in other bytes: they stay, and with them hash, revision and every replica.
    spec: same ? stored.spec : specOf(put, stored),
    origin: identity.name,
    exportName: exported,
    displayName: put.displayName,
    namespace: put.namespace,
    audience,
    vips: living?.vips,
    revision: before?.revision ?? 0,
    deleted: false,
    createdAtMs: living?.createdAtMs ?? nowMs,
    modifiedAtMs: living?.modifiedAtMs ?? nowMs,
    status: put.generated?.status ?? living?.status,
    statusRevision: predecessor(put.key, exported, before, ws)?.statusRevision ?? 0,
    exposed: (before?.exposed ?? false) || audience === 'all',
    pendingReason: living?.pendingReason,
  }
}

/** Of more changes than an operator reads at once the audit log has the hashes. */
const briefFrom = 100

/** What is computed stays as it is, whatever the body says of it. */
const specOf = ({ key, content, generated }: Put, stored: Row | undefined): Uint8Array =>
  generated === undefined ? keepComputed(typeOf(key.type), content.spec, stored?.spec) : content.spec

/** What everybody else knows under this name: the end of its status is still to be said, whatever it was called here. */
const predecessor = (key: ResourceKey, exported: string, before: Row | undefined, ws: WorkingSet): Row | undefined =>
  before?.exportName === exported
    ? before
    : ws.byExportName({ ...key, name: exported }).find((row) => row.deleted && !sameKey(row, key))

function finish(
  put: Put,
  before: Row | undefined,
  wish: VipWish | undefined,
  pending: string | undefined,
  ws: WorkingSet,
  options: PlanOptions,
  told: Told,
): LocalOutcome {
  const { identity, nowMs } = options
  const staged = ws.row(put.key)
  if (staged === undefined) return { outcome: 'unchanged' }
  const type = typeOf(put.key.type)
  const headless = type.vipKind && wish === undefined
  if (headless) releaseVips(ownerOf(staged), ws, nowMs, 'the service has become headless')
  const vips = type.vipKind ? vipsOf(ownerOf(staged), ws) : undefined
  const reason = headless ? headlessReason : vips === undefined ? pending : undefined
  const authored = { ...staged, vips, pendingReason: type.vipKind ? reason : undefined, modifiedAtMs: nowMs }
  const after = ws.put(awaitHooks(authored, before, ws, options))
  const living = before === undefined || before.deleted ? undefined : before
  const outcome = living === undefined ? 'created' : sameRow(living, after) ? 'unchanged' : 'updated'
  if (outcome === 'unchanged') ws.restore(put.key, living)
  else {
    // A deleted mesh comes back; so does the provisional one when it is made for good.
    if (type.name === 'Mesh' && living === undefined) meshReturns(put.key.name, ws, nowMs)
    if (type.name === 'Zone' && identity.role === 'global') hiddenByZone(before, after, ws)
    const detail = put.generated === undefined ? auditDetail(living, after, told) : {}
    ws.audit({ atMs: nowMs, actor: told.actor, action: outcome, subject: subjectOf(after), detail })
  }
  const { vips: given, pendingReason, form } = after
  const waitsForHook = form?.state === 'waiting' ? form.hook : undefined
  return {
    outcome,
    vips: given,
    pendingReason,
    ...(waitsForHook === undefined ? {} : { waitsForHook }),
    ...(ws.state === 'uninitialised' ? { waitsForInit: true } : {}),
  }
}

export const headlessReason = 'headless service: its name resolves to its endpoints, so it gets no VIP'

const sameRow = (a: Row, b: Row): boolean =>
  a.entry === b.entry &&
  a.audience === b.audience &&
  a.pendingReason === b.pendingReason &&
  sameForm(a.form, b.form) &&
  sameStatus(a.status, b.status) &&
  JSON.stringify(Object.entries(a.labels).sort()) === JSON.stringify(Object.entries(b.labels).sort())

function planDelete(
  change: Extract<LocalChange, { change: 'delete' }>,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
  told: Told,
): LocalOutcome {
  const row = ws.liveRow(change.key)
  if (row === undefined)
    return {
      outcome: 'refused',
      problem: new Problem('missing', `there is no ${change.key.type} ${nameWords(change.key)}`),
    }
  ws.tombstone(row, { atMs: nowMs })
  if (typeOf(row.type).vipKind) restVips(ownerOf(row), ws, nowMs, 'the service was deleted')
  if (row.type === 'Mesh') meshGoes(row.name, ws, nowMs)
  const gone = row.type === 'Zone' && ws.identity.role === 'global' ? zoneGoes(row.name, ws, nowMs) : undefined
  const detail = { ...auditDetail(row, undefined, told), ...(gone === undefined ? {} : { resources: gone }) }
  ws.audit({ atMs: nowMs, actor: told.actor, action: 'deleted', subject: subjectOf(row), detail })
  return { outcome: 'deleted' }
}

/** What a put asks of the ledger; undefined if it is no service with a VIP. */
const wishOf = (put: Put, ws: WorkingSet): VipWish | undefined =>
  put.wantsVip && typeOf(put.key.type).vipKind
    ? { key: put.key, owner: ownerOfPut(put, ws.identity.name), v4: put.pins?.v4, v6: put.pins?.v6 }
    : undefined

const ownerOfPut = (put: Put, origin: Origin) =>
  ownerOf({ ...put.key, origin, namespace: put.namespace, displayName: put.displayName })

const exportNameOf = (put: Put): string =>
  exportName(typeOf(put.key.type), put.key.mesh, put.key.name, put.content.labels)

/** A Zone object at global stands for all that the zone has there. */
const goneZones = (request: LocalRequest, identity: RoleIdentity): readonly string[] =>
  identity.role !== 'global'
    ? []
    : request.changes.flatMap(({ change, key }) => (change === 'delete' && key.type === 'Zone' ? [key.name] : []))

const typeIsVipKind = (type: string): boolean => typeOf(type).vipKind

const nameWords = ({ mesh, name }: { readonly mesh: string; readonly name: string }): string =>
  mesh === '' ? `"${name}"` : `"${name}" in mesh "${mesh}"`

const subjectOf = (row: Row): string => `${row.type} ${nameWords(row)} of ${originWords(row.origin)}`
