import { AsyncLocalStorage } from 'node:async_hooks'
import type { Unit } from './plan/unit.js'

/** Who asks for a change, and from where: the address of the other end of a connection. */
export interface AskedBy {
  readonly actor: string
  readonly source: string
}

/**
 * While a request is answered: whatever it asks of the store. It goes beside the ports, whose every change would have to hand it
 * on to be told in the audit, and whoever adds the next one would forget it.
 */
export const askedBy = new AsyncLocalStorage<AskedBy>()

/** The same unit; what it says in the audit in the name of who asks now says from where as well. */
export function toldFrom<T>(unit: Unit<T>): Unit<T> {
  const asked = askedBy.getStore()
  if (asked === undefined) return unit
  return {
    needs: unit.needs,
    more: (ws) => unit.more(ws),
    plan: (ws) => ws.askedBy(asked, () => unit.plan(ws)),
  }
}
