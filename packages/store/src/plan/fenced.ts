import { Problem } from '@holdfast/model'

/** A session was superseded or closed: nothing that it causes is written any more (OWN, ONE). */
export class Fenced extends Problem {
  constructor(peer: string, sessionId: string) {
    super(
      'unavailable',
      `session ${sessionId} with ${peer === '' ? 'global' : `zone ${peer}`} was superseded by a newer one; it has no effects any more`,
    )
    this.name = 'Fenced'
  }
}
