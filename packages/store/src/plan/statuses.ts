import type { Batch, Refused } from '@holdfast/kds'
import { type ExportedResource, emptyBytes, parseWireKey, type ResourceKey, statusEntry } from '@holdfast/model'
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
    (own === undefined || own.deleted ? 'the resource that it belongs to is not kept here' : undefined)
  if (reason === undefined && own !== undefined) {
    ws.clearRefusal({ ...key, peer: hearing.peer, channel: hearing.channel })
    ws.setStatus(own, status, offeredEntry)
    return { refused: undefined, written: true }
  }
  // From here on the refusal counts what is offered, so a row that remembers an older status stops counting it.
  if (own?.offeredStatusEntry !== undefined) ws.setStatus(own, own.status)
  return refuseOffer(
    { key, exportName: resource.name, origin, offeredEntry, reason: reason ?? 'it belongs to nothing' },
    hearing,
    ws,
    options,
  )
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
