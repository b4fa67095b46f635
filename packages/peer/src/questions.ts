import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { Problem } from '@holdfast/model'
import type { AskOptions } from './handle.js'

interface Pending {
  readonly parts: string[]
  readonly resolve: (body: string) => void
  readonly reject: (error: Error) => void
  /** Nobody waits any more: neither the clock nor whoever asked is listened to. */
  readonly over: () => void
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

  /**
   * @param say puts the question on the wire
   * @throws Problem `unavailable` if there are too many, or there is no answer in time; the signal's reason
   */
  ask(what: string, { timeoutMs, signal }: AskOptions, say: (id: string) => void): Promise<string> {
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#pending.size >= pendingMax)
      return Promise.reject(
        new Problem('unavailable', `${this.#who} has ${pendingMax} questions to answer already; try again`),
      )
    const id = randomUUID()
    return new Promise((resolve, reject) => {
      const give = (error: Error): void => {
        this.#take(id)
        reject(error)
      }
      const aborted = (): void => give(signal?.reason)
      const timer = setTimeout(
        () => give(new Problem('unavailable', `${this.#who} did not answer "${what}" within ${timeoutMs / 1000} s`)),
        timeoutMs,
      )
      // One who asks all zones listens as often as there are zones, and that is no leak.
      if (signal !== undefined) setMaxListeners(0, signal)
      signal?.addEventListener('abort', aborted, { once: true })
      const over = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
      }
      this.#pending.set(id, { parts: [], resolve, reject, over })
      say(id)
    })
  }

  answered(id: string, error: string, body: string, more: boolean): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    pending.parts.push(body)
    if (more && error === '' && pending.parts.length < partsMax) return
    this.#take(id)
    if (error !== '') pending.reject(new Problem('unavailable', `${this.#who} answered: ${error}`))
    else if (more) pending.reject(new Problem('tooLarge', `the answer of ${this.#who} has more than ${partsMax} parts`))
    else pending.resolve(pending.parts.join(''))
  }

  end(reason: string): void {
    for (const { reject, over } of this.#pending.values()) {
      over()
      reject(new Problem('unavailable', `the session with ${this.#who} ended: ${reason}`))
    }
    this.#pending.clear()
  }

  #take(id: string): void {
    this.#pending.get(id)?.over()
    this.#pending.delete(id)
  }
}

/** Below the largest message of a peer, with room for the envelope. */
const partCharacters = 256 * 1024

/** An answer cut so that no part passes a message's bound. Never empty. */
export function* partsOf(body: string): Iterable<{ readonly body: string; readonly more: boolean }> {
  for (let at = 0; at === 0 || at < body.length; at += partCharacters)
    yield { body: body.slice(at, at + partCharacters), more: at + partCharacters < body.length }
}
