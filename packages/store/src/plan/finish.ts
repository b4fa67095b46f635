import { globalOrigin } from '@holdfast/model'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { Unit } from './unit.js'

export interface Finished {
  readonly finished: boolean
  /** There are pools to allocate from, remembered or made. */
  readonly hasPools: boolean
}

/** The end of a recovery, audited with the reason; the state itself is the store's to change in the same transaction. */
export const finishUnit = (
  request: { readonly reason: string; readonly actor: string },
  { nowMs }: PlanOptions,
): Unit<Finished> => ({
  needs: { ...nothingNeeded, wholeTypes: [{ type: 'VipPool', origin: globalOrigin }] },
  more: () => nothingNeeded,
  plan: (ws) => {
    const hasPools = ws.ofType('VipPool').some((row) => !row.deleted)
    if (ws.state !== 'recovering') return { finished: false, hasPools }
    ws.audit({
      atMs: nowMs,
      actor: request.actor,
      action: 'recovery finished',
      subject: 'the store',
      detail: { reason: request.reason },
    })
    return { finished: true, hasPools }
  },
})
