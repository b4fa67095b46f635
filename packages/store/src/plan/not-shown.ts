import type { StoreState } from '@holdfast/kds'
import { Problem } from '@holdfast/model'

/** A session has begun while the store was believed, and it is not any more: nobody is told anything of what is in it (EMPTY). */
export class NotShown extends Problem {
  constructor(state: StoreState) {
    super('unavailable', `this store is ${state}: what is in it is shown to nobody before that is over`)
    this.name = 'NotShown'
  }
}

/** @throws NotShown unless the store is ready */
export function mustBeShown(state: StoreState): void {
  if (state !== 'ready') throw new NotShown(state)
}
