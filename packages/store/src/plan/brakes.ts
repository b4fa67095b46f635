import { Problem } from '@holdfast/model'
import { knownZone } from './adopt.js'
import { zoneKey } from './deleted-zones.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { Brake } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'

export interface PauseRequest {
  readonly zone: string
  /** True: from here on nothing is taken from it or sent to it. False: it may join again. */
  readonly paused: boolean
  readonly actor: string
  /** Why, for whoever finds it so; kept only where it is paused. */
  readonly reason: string
}

export interface Pause {
  readonly zone: string
  /** False: it was so before. Whoever paused it first stays the one who did. */
  readonly changed: boolean
  /** As it stands now. */
  readonly paused?: Brake | undefined
}

/**
 * A zone that is paused is not let in, whatever it speaks, and what is under way of it is void. Nothing of it is removed or
 * held, its addresses stay, and addresses wait for it as for any zone that is away. Global only.
 * @throws Problem `missing` (no such zone), `conflict` (it was never met: there is nothing to pause)
 */
export const pauseUnit = (request: PauseRequest, options: PlanOptions): Unit<Pause> => ({
  needs: { ...nothingNeeded, zones: [request.zone], keys: [zoneKey(request.zone)] },
  more: () => nothingNeeded,
  plan: (ws) => ws.wholly(() => planPause(request, ws, options)),
})

function planPause({ zone: name, paused, actor, reason }: PauseRequest, ws: WorkingSet, { nowMs }: PlanOptions): Pause {
  const zone = knownZone(name, ws)
  if (zone === undefined)
    throw new Problem(
      'conflict',
      `zone "${name}" has never been connected, so there is nothing to pause; "holdfastctl zone revoke ${name}" keeps it out`,
    )
  if (paused === (zone.paused !== undefined)) return { zone: name, changed: false, paused: zone.paused }
  const brake = paused ? { by: actor, atMs: nowMs, reason } : undefined
  ws.putZone({ ...zone, paused: brake })
  ws.audit({
    atMs: nowMs,
    actor,
    action: paused ? 'zone paused' : 'zone resumed',
    subject: `Zone "${name}"`,
    detail: paused ? { reason } : { pausedBy: zone.paused?.by ?? null, pausedAtMs: zone.paused?.atMs ?? null },
  })
  return { zone: name, changed: true, paused: brake }
}

/** What a zone that is paused is told, and what its operator reads there. */
export const pausedWords = (zone: string, { by, atMs, reason }: Brake): string =>
  `zone "${zone}" is paused at global by ${by} since ${new Date(atMs).toISOString()}${reason === '' ? '' : `: ${reason}`}. Nothing is taken from it and nothing is sent to it until "holdfastctl zone resume ${zone}" is run at global; it keeps what it has and serves it`

/** Whether a zone was turned away with these words: it waits then, however new it is. */
export const isPausedReason = (reason: string): boolean => /^zone "[^"]*" is paused at global by /.test(reason)

export interface ReadOnlyRequest {
  readonly readOnly: boolean
  readonly actor: string
  readonly reason: string
}

export interface ReadOnly {
  /** False: it was so before. Whoever set it first stays the one who did. */
  readonly changed: boolean
  readonly readOnly?: Brake | undefined
}

/** Notes that operators change nothing here from now on, or do again; the head keeps it. */
export const readOnlyUnit = (request: ReadOnlyRequest, { nowMs }: PlanOptions): Unit<ReadOnly> => ({
  needs: nothingNeeded,
  more: () => nothingNeeded,
  plan: (ws) => {
    const before = ws.readOnly
    if (request.readOnly === (before !== undefined)) return { changed: false, readOnly: before }
    const { actor, reason } = request
    ws.audit({
      atMs: nowMs,
      actor,
      action: request.readOnly ? 'made read-only' : 'made writable',
      subject: 'this control plane',
      detail: request.readOnly ? { reason } : { setBy: before?.by ?? null, setAtMs: before?.atMs ?? null },
    })
    return { changed: true, ...(request.readOnly ? { readOnly: { by: actor, atMs: nowMs, reason } } : {}) }
  },
})

/** What whoever wants to change something is told. */
export const readOnlyWords = ({ by, atMs, reason }: Brake): string =>
  `this control plane is read-only: ${by} has set that at ${new Date(atMs).toISOString()}${reason === '' ? '' : ` (${reason})`}. Nothing was changed; zones keep working. "holdfastctl read-only off" ends it`
