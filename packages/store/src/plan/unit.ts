import type { Needs } from './types.js'
import type { WorkingSet } from './working-set.js'

/**
 * One request to the store, as pure steps around two rounds of reading: `needs` is read for all units of a group at
 * once, then `more` (what only the first round tells, such as addresses that a service may get), then the units are
 * planned one after another on one working set. Planned again from the start if the store has moved meanwhile.
 */
export interface Unit<T> {
  readonly needs: Needs
  more(ws: WorkingSet): Needs
  /** Changes the working set and answers the caller; what throws or is refused leaves nothing in it. */
  plan(ws: WorkingSet): T
}
