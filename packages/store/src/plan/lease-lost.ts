import { Problem } from '@holdfast/model'

/** Another process does by now what this one wanted to do: nothing was written (ONE). */
export class LeaseLost extends Problem {
  constructor(name: string) {
    super('unavailable', `this process does not have the lease "${name}" any more; another one has taken over`)
    this.name = 'LeaseLost'
  }
}
