import { randomUUID } from 'node:crypto'
import { Problem } from '@holdfast/model'

interface Pending {
  readonly parts: string[]
  readonly resolve: (body: string) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/** An answer in parts must end some time: a ledger of a million VIPs is asked for in pages of its own. */
const partsMax = 64
const pendingMax = 64

/** Questions under way on one session. They end with it. */
export class Questions {
  /** In words: a zone, or global. */
  readonly #who: string
  readonly #pending = new Map<string, Pending>()

  constructor(peer: string) {
    this.#who = peer === '' ? 'global' : `zone ${peer}`
  }

  /** @param say puts the question on the wire */
  ask(what: string, timeoutMs: number, say: (id: string) => void): Promise<string> {
    if (this.#pending.size >= pendingMax)
      return Promise.reject(new Problem('unavailable', `${this.#who} has ${pendingMax} questions to answer already`))
    const id = randomUUID()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new Problem('unavailable', `${this.#who} did not answer "${what}" within ${timeoutMs / 1000} s`))
      }, timeoutMs)
      this.#pending.set(id, { parts: [], resolve, reject, timer })
      say(id)
    })
  }

  answered(id: string, error: string, body: string, more: boolean): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    pending.parts.push(body)
    if (more && error === '' && pending.parts.length < partsMax) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    if (error !== '') pending.reject(new Problem('unavailable', `${this.#who} answered: ${error}`))
    else if (more) pending.reject(new Problem('tooLarge', `the answer of ${this.#who} has more than ${partsMax} parts`))
    else pending.resolve(pending.parts.join(''))
  }

  end(reason: string): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(new Problem('unavailable', `the session with ${this.#who} ended: ${reason}`))
    }
    this.#pending.clear()
  }
}

/** Below the largest message of a peer, with room for the envelope. */
const partCharacters = 256 * 1024

/** An answer cut so that no part passes a message's bound. Never empty. */
export function* partsOf(body: string): Iterable<{ readonly body: string; readonly more: boolean }> {
  for (let at = 0; at === 0 || at < body.length; at += partCharacters)
    yield { body: body.slice(at, at + partCharacters), more: at + partCharacters < body.length }
}
