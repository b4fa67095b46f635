import { findType, Problem } from '@holdfast/model'
import { wireKeyOf } from './attribution.js'
import { originWords, ownerOf } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { awake } from './meshes.js'
import { removeRow } from './received.js'
import type { HoldRow, Row } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'

/** Names that a line of the audit has room for. */
const namesMax = 1_000

export interface HoldRequest {
  readonly id: string
  readonly actor: string
  /** How many resources whoever decides has seen in it; more than these are not decided about. */
  readonly seen?: number | undefined
}

export interface HoldDecision {
  readonly hold: HoldRow
  /** Deleted by an approval, kept by a rejection. */
  readonly resources: number
}

/**
 * An operator says that what is missing is gone: what is *still* held goes now, as any removal does, with tombstones and
 * quarantine. What the sender has offered again meanwhile stays. It does not count for the threshold of later absences.
 */
export const approveUnit = (request: HoldRequest, options: PlanOptions): Unit<HoldDecision> => ({
  needs: { ...nothingNeeded, holds: [request.id], heldBy: [request.id], openHolds: true },
  more: (ws) => {
    const rows = ws.heldBy(request.id)
    return {
      ...nothingNeeded,
      owners: rows.filter((row) => findType(row.type)?.vipKind === true).map(ownerOf),
      rowsOfMeshes: rows.filter((row) => row.type === 'Mesh').map((row) => row.name),
      blocks: rows.some((row) => row.type === 'VipBlock'),
    }
  },
  plan: (ws) => ws.wholly(() => approve(request, ws, options)),
})

/**
 * An operator says that what is missing stays: the last good version is kept until its sender offers it again or removes
 * it explicitly. The rows keep the id of the hold, so that nobody asks again about the same absence, and their sender's
 * sums still agree: nothing of theirs counts as offered. What comes back and vanishes again is another hold.
 */
export const rejectUnit = (request: HoldRequest, options: PlanOptions): Unit<HoldDecision> => ({
  needs: { ...nothingNeeded, holds: [request.id], heldBy: [request.id] },
  more: (ws) => ({
    ...nothingNeeded,
    meshes: [...new Set(ws.heldBy(request.id).flatMap(({ mesh }) => (mesh === '' ? [] : [mesh])))],
  }),
  plan: (ws) => ws.wholly(() => reject(request, ws, options)),
})

function approve(request: HoldRequest, ws: WorkingSet, { nowMs }: PlanOptions): HoldDecision {
  const hold = undecided(request, ws, ['held', 'rejected'])
  const rows = ws.heldBy(hold.id).filter((row) => !row.deleted)
  for (const row of rows) removeRow(row, nowMs, `its absence was approved by ${request.actor}`, ws)
  return decided(hold, ws, request, nowMs, 'approved', rows)
}

function reject(request: HoldRequest, ws: WorkingSet, { nowMs }: PlanOptions): HoldDecision {
  const hold = undecided(request, ws, ['held'])
  const rows = ws.heldBy(hold.id).filter((row) => !row.deleted)
  // What is ours, and stood in a backup that nobody else remembers, is told again to everybody.
  for (const row of rows)
    if (row.origin === ws.identity.name) {
      const back = { ...awake(row, ws), holdId: undefined, modifiedAtMs: nowMs }
      ws.put(row.mesh !== '' && ws.mesh(row.mesh) === 'deleted' ? { ...row, ...suspended, modifiedAtMs: nowMs } : back)
    }
  return decided(hold, ws, request, nowMs, 'rejected', rows)
}

/** Its mesh went meanwhile: it comes back with it. */
const suspended = { audience: 'suspended', holdId: undefined } as const

function decided(
  hold: HoldRow,
  ws: WorkingSet,
  { actor }: HoldRequest,
  nowMs: number,
  state: 'approved' | 'rejected',
  rows: readonly Row[],
): HoldDecision {
  const resources = rows.length
  const left = ws.hold(hold.id)?.keyCount ?? 0
  const returnedCount = state === 'rejected' ? (ws.hold(hold.id)?.returnedCount ?? 0) : hold.returnedCount
  const deleted = state === 'approved' ? { deletedCount: resources } : {}
  const after: HoldRow = {
    ...hold,
    ...deleted,
    returnedCount,
    keyCount: left,
    state,
    endedAtMs: nowMs,
    decidedBy: actor,
  }
  ws.putHold(after)
  ws.audit({
    atMs: nowMs,
    actor,
    action: `hold ${state}`,
    subject: `${hold.type} of ${originWords(hold.origin)}`,
    detail: { hold: hold.id, resources, reason: hold.reason, names: rows.slice(0, namesMax).map(wireKeyOf) },
  })
  return { hold: after, resources }
}

function undecided({ id, seen }: HoldRequest, ws: WorkingSet, states: readonly HoldRow['state'][]): HoldRow {
  const hold = ws.hold(id)
  if (hold === undefined)
    throw new Problem('missing', `there is no hold ${id}; see those there are with 'holdfastctl hold list --all'`)
  if (!states.includes(hold.state) || (hold.state === 'rejected' && hold.keyCount === 0))
    throw new Problem('conflict', `hold ${id} is not open any more: ${holdFate(hold)}`)
  if (seen !== undefined && hold.keyCount > seen)
    throw new Problem('conflict', `hold ${id} has ${hold.keyCount} resources now, not ${seen}: look at it again`)
  return hold
}

/** What became of a hold, in words for an operator. */
export function holdFate(hold: HoldRow): string {
  const { state, firstCount, returnedCount, keyCount, deletedCount = 0, decidedBy, endedAtMs } = hold
  const at = endedAtMs === undefined ? '' : ` at ${new Date(endedAtMs).toISOString()}`
  const removed = firstCount - returnedCount - keyCount - deletedCount
  const rest = [
    ...(returnedCount > 0 ? [`${returnedCount} offered again`] : []),
    ...(removed > 0 ? [`${removed} removed explicitly`] : []),
  ]
  switch (state) {
    case 'held':
      return [`${keyCount} of ${firstCount} resources wait for an operator`, ...rest].join(', ')
    case 'approved':
      return [`approved by ${decidedBy ?? 'an operator'}${at}, ${deletedCount} resources deleted`, ...rest].join(', ')
    case 'rejected':
      return [`rejected by ${decidedBy ?? 'an operator'}${at}, ${keyCount} resources kept`, ...rest].join(', ')
    case 'ended':
      return [`ended by itself${at}`, ...rest].join(', ')
  }
}
