import type { Offer, Refused } from '@holdfast/kds'
import {
  type Audience,
  audienceAt,
  audienceOfRaw,
  displayNameOf,
  type ExportedResource,
  emptyBytes,
  equalBytes,
  findType,
  type Origin,
  type ResourceKey,
} from '@holdfast/model'
import {
  attributionProblem,
  type Hearing,
  keyOfOffer,
  namespaceOf,
  originOf,
  ownerOfOffer,
  wireKeyOf,
} from './attribution.js'
import { entryOfOffer, entryOfRow } from './entries.js'
import { authoredEntryOf, authoredOf, awaitHooks, isDamaged } from './forms.js'
import { originWords, sameKey } from './keys.js'
import { learnedType, refusedTypeOf } from './learned-types.js'
import type { PlanOptions } from './local.js'
import { meshReturns } from './meshes.js'
import type { OverQuota } from './quota.js'
import { specProblems } from './receipt.js'
import { type Refusal, refuseOffer } from './refusals.js'
import { statusIsDue } from './statuses.js'
import type { Row } from './types.js'
import { receiveVips } from './vips.js'
import type { WorkingSet } from './working-set.js'

export interface OfferOutcome {
  readonly refused?: Refused | undefined
  readonly warnings: readonly string[]
  readonly written: boolean
}

/** What a peer offers of one resource: kept, already there, or refused with what is remembered instead. */
export function planOffer(
  offer: Offer,
  hearing: Hearing,
  ws: WorkingSet,
  options: PlanOptions,
  /** Its virtual IPs are ours, in our own scope: nobody has said them. */
  standIn = false,
  /** It is more than its zone may have. */
  over?: OverQuota | undefined,
): OfferOutcome {
  const { resource } = offer
  const origin = originOf(resource, hearing)
  const key = keyOfOffer(resource)
  const existing = ws.row(key)
  const offeredEntry = entryOfOffer(resource, origin)
  // RO: the same again touches nothing. It was let in as it is, so nothing about it is checked again.
  if (existing !== undefined && isSettled(existing, origin, offeredEntry)) return { warnings: [], written: false }
  if (asleepAs(resource, origin, hearing.plain === true, ws)?.offeredEntry === offeredEntry)
    return { warnings: [], written: false }
  const refuse = (why: Pick<Refusal, 'reason' | 'remembered' | 'againMs'>): OfferOutcome => {
    const entry = (hearing.plain === true ? stillOffered(resource, origin, existing) : undefined) ?? offeredEntry
    return refuseOffer({ key, exportName: resource.name, origin, offeredEntry: entry, ...why }, hearing, ws, options)
  }
  const { problem, warnings } = offerProblem(resource, origin, existing, hearing, ws)
  if (problem !== undefined) return refuse({ reason: problem })
  if (over !== undefined) return refuse(over)
  const judged = standIn ? undefined : receiveVips(ownerOfOffer(resource, origin), resource, ws, options)
  if (judged !== undefined) return refuse(judged)
  const written = keep(resource, origin, existing, offeredEntry, ws, options)
  ws.clearRefusal({ ...key, peer: hearing.peer, channel: hearing.channel })
  if (hearing.channel === 'up') statusIsDue(key, hearing.peer, ws, options.nowMs)
  return { warnings: warnings.map((warning) => `${resource.type} ${wireKeyOf(resource)}: ${warning}`), written }
}

/**
 * A copy that its mesh has taken along, and that its zone offers as it was: it comes back with the mesh, with the virtual
 * IPs that rest with it, and until then there is nothing to write, however often it is said (RO).
 */
export function asleepAs(resource: ExportedResource, origin: Origin, plain: boolean, ws: WorkingSet): Row | undefined {
  const row = ws.row(keyOfOffer(resource))
  if (row?.deleted !== true || row.origin !== origin || row.audience !== 'suspended') return undefined
  // A zone of ours takes back what is in a mesh that it hears is gone: what it offers of one that is not known was damaged (HEAL).
  const isGone = plain ? isMeshHidden(row.mesh, ws) : ws.mesh(row.mesh) === 'deleted'
  if (ws.identity.role !== 'global' || !isGone) return undefined
  // A status of a Kuma zone comes with it, and is to be kept.
  if (resource.status !== undefined && !equalBytes(resource.status, row.status ?? emptyBytes)) return undefined
  const asOffered = entryOfOffer({ ...resource, vips: row.vips }, origin)
  return row.offeredEntry === asOffered && entryOfRow(authoredOf(row)) === asOffered ? row : undefined
}

/**
 * The entry under which a tombstone counts as offered, if this is what a Kuma zone offered before its mesh took it along:
 * then it had the virtual IPs that we had given it, and now it is said without them. A zone of ours says its own, and its
 * sums count them: what it says counts as it says it (EQ).
 */
function stillOffered(resource: ExportedResource, origin: Origin, row: Row | undefined): string | undefined {
  if (row?.deleted !== true || row.origin !== origin) return undefined
  return entryOfOffer({ ...resource, vips: row.vips }, origin) === row.offeredEntry ? row.offeredEntry : undefined
}

/** What keeps an offered resource from being kept; its virtual IPs are judged apart. */
export function offerProblem(
  resource: ExportedResource,
  origin: Origin,
  existing: Row | undefined,
  hearing: Hearing,
  ws: WorkingSet,
): { readonly problem: string | undefined; readonly warnings: readonly string[] } {
  const reason =
    refusedTypeOf(resource.type, hearing.peer, ws) ??
    attributionProblem(resource, origin, hearing, ws.identity, learnedType(resource.type, ws)) ??
    collision(keyOfOffer(resource), resource, origin, existing, ws)
  if (reason !== undefined) return { problem: reason, warnings: [] }
  const { problems, warnings } = specProblems(resource)
  return { problem: problems.length > 0 ? problems.join('; ') : undefined, warnings }
}

const isSettled = (row: Row, origin: Origin, offeredEntry: string): boolean =>
  !row.deleted &&
  row.origin === origin &&
  row.offeredEntry === offeredEntry &&
  authoredEntryOf(row) === offeredEntry &&
  !isDamaged(row) &&
  row.holdId === undefined &&
  row.absentSinceMs === undefined

/** A row that stands in the way: another origin's under this name, or the same origin's under another. */
function collision(
  key: ResourceKey,
  resource: ExportedResource,
  origin: Origin,
  existing: Row | undefined,
  ws: WorkingSet,
): string | undefined {
  if (existing !== undefined && existing.origin !== origin && occupies(existing) && !isProvisional(existing, ws))
    return `the name belongs to one of ${originWords(existing.origin)} here`
  const other = ws.byExportName(key).find((row) => !sameKey(row, key) && occupies(row))
  if (other !== undefined) return `"${other.name}" of ${originWords(other.origin)} has the same name elsewhere`
  const { kind: type, mesh, namespace, displayName } = ownerOfOffer(resource, origin)
  const namesake = ws.byDisplayName({ type, mesh, origin, namespace, displayName })
  return namesake !== undefined && !sameKey(namesake, key)
    ? `"${namesake.name}" of ${originWords(origin)} has the same display name and namespace`
    : undefined
}

const occupies = (row: Row): boolean => !row.deleted || row.offeredEntry !== undefined

/** The mesh that a zone makes do with until it is in step gives way to global's of the same name. */
const isProvisional = (row: Row, ws: WorkingSet): boolean =>
  row.type === 'Mesh' && ws.identity.role === 'zone' && row.origin === ws.identity.name

function keep(
  resource: ExportedResource,
  origin: Origin,
  existing: Row | undefined,
  offeredEntry: string,
  ws: WorkingSet,
  options: PlanOptions,
): boolean {
  const { nowMs } = options
  const living = existing === undefined || existing.deleted ? undefined : existing
  if (
    living !== undefined &&
    living.origin === origin &&
    authoredEntryOf(living) === offeredEntry &&
    !isDamaged(living)
  ) {
    ws.setOffered(living, { offeredEntry, holdId: undefined, absentSinceMs: undefined })
    return false
  }
  const audience = audienceOfCopy(resource, origin, ws)
  const draft = awaitHooks(
    {
      type: resource.type,
      mesh: resource.mesh,
      name: resource.name,
      labels: resource.labels,
      typeUrl: resource.typeUrl,
      spec: resource.spec,
      origin,
      exportName: resource.name,
      displayName: displayNameOf(resource.name, resource.labels),
      namespace: namespaceOf(resource.labels),
      audience,
      vips: resource.vips,
      revision: existing?.revision ?? 0,
      deleted: false,
      createdAtMs: living?.createdAtMs ?? nowMs,
      modifiedAtMs: nowMs,
      // Status has its own channel and its own writers: content never overwrites it.
      status: existing?.status,
      statusRevision: existing?.statusRevision ?? 0,
      offeredStatusEntry: existing?.offeredStatusEntry,
      offeredEntry,
      exposed: (existing?.exposed ?? false) || audience === 'all',
    },
    existing,
    ws,
    options,
  )
  ws.put(draft, draft.form === undefined ? offeredEntry : undefined)
  if (resource.type === 'Mesh' && (living === undefined || isProvisional(living, ws)))
    meshReturns(resource.name, ws, nowMs)
  return true
}

/** Deleted, or forgotten since: the log keeps the tombstone of a mesh for days, and a copy for as long as it is offered. */
const isMeshHidden = (mesh: string, ws: WorkingSet): boolean => ws.mesh(mesh) === 'unknown' || !ws.isMeshSeen(mesh)

/** A child of a mesh that global does not have, or not yet published, is kept, and seen by nobody until the mesh is. */
function audienceOfCopy(resource: ExportedResource, origin: Origin, ws: WorkingSet): Audience {
  if (ws.identity.role === 'global' && resource.mesh !== '' && isMeshHidden(resource.mesh, ws)) return 'suspended'
  const type = findType(resource.type)
  const { labels, name, spec } = resource
  return type === undefined
    ? audienceOfRaw(learnedType(resource.type, ws), { labels, origin, spec })
    : audienceAt(ws.identity.role, type, { labels, name, origin, spec })
}
