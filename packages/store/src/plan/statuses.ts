import type { Batch, Refused } from '@holdfast/kds'
import {
  type ExportedResource,
  emptyBytes,
  invariant,
  parseWireKey,
  type ResourceKey,
  statusEntry,
} from '@holdfast/model'
import { attributionProblem, type Hearing, keyOfOffer } from './attribution.js'
import type { PlanOptions } from './local.js'
import type { Received } from './received.js'
import { refuseOffer } from './refusals.js'
import { planUnreadable } from './unreadable.js'
import type { WorkingSet } from './working-set.js'

/** Statuses travel only up, from their origin: they never touch content, VIPs or the log that the zones read. */
export function planStatuses(batch: Batch, hearing: Hearing, ws: WorkingSet, options: PlanOptions): Received {
  const refused: Refused[] = []
  let writtenRows = 0
  for (const { resource } of batch.offers) {
    const outcome = planStatus(resource, hearing, ws, options)
    if (outcome.refused !== undefined) refused.push(outcome.refused)
    if (outcome.written) writtenRows++
  }
  for (const it of batch.unreadable ?? []) {
    const outcome = planUnreadable(batch.type, it, hearing, ws, options)
    if (outcome.refused !== undefined) refused.push(outcome.refused)
  }
  for (const key of [...batch.removals.map((removal) => removal.key), ...batch.absent])
    if (withdraw({ type: batch.type, ...parseWireKey(key) }, hearing, ws)) writtenRows++
  return { refused, warnings: [], heldKeys: [], writtenRows }
}

function planStatus(resource: ExportedResource, hearing: Hearing, ws: WorkingSet, options: PlanOptions) {
  const key = keyOfOffer(resource)
  const origin = hearing.peer
  const { status } = resource
  const row = ws.row(key)
  const own = row?.origin === origin ? row : undefined
  const offeredEntry = statusEntry({ ...key, exportName: resource.name, origin }, status ?? emptyBytes)
  if (own !== undefined && own.offeredStatusEntry === offeredEntry && own.status !== undefined)
    return { refused: undefined, written: false }
  const reason =
    attributionProblem(resource, origin, hearing, ws.identity) ??
    (status === undefined ? 'it carries no status' : undefined) ??
    (own === undefined || own.deleted ? isAhead : undefined)
  if (reason === undefined) {
    invariant(own !== undefined, 'a status of nothing')
    ws.clearRefusal({ ...key, peer: hearing.peer, channel: hearing.channel })
    ws.setStatus(own, status, offeredEntry)
    return { refused: undefined, written: true }
  }
  // From here on the refusal counts what is offered, so a row that remembers an older status stops counting it.
  if (own?.offeredStatusEntry !== undefined) ws.setStatus(own, own.status)
  const refusal = { key, exportName: resource.name, origin, offeredEntry, reason }
  const outcome = refuseOffer(refusal, hearing, ws, options)
  // ORDER: statuses have a channel of their own, so this is no mistake of the sender's. It is asked for again when the
  // resource has come.
  return reason === isAhead ? { refused: undefined, written: false } : outcome
}

const isAhead = 'the resource that it belongs to is not kept here'

/** The status of a resource that has just come may have come before it: now it is due. */
export function statusIsDue(key: ResourceKey, peer: string, ws: WorkingSet, nowMs: number): void {
  const waiting = ws.refusal({ ...key, peer, channel: 'status' })
  if (waiting?.reason === isAhead && waiting.nextTryMs > nowMs) ws.refuse({ ...waiting, nextTryMs: nowMs })
}

function withdraw(key: ResourceKey, hearing: Hearing, ws: WorkingSet): boolean {
  ws.clearRefusal({ ...key, peer: hearing.peer, channel: hearing.channel })
  const row = ws.row(key)
  if (row === undefined || row.origin !== hearing.peer) return false
  // An older status may stand although a newer one was refused: nothing of it is offered any more.
  if (row.offeredStatusEntry === undefined && row.status === undefined) return false
  ws.setStatus(row, undefined)
  return true
}
