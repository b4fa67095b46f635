import type { Channel, Cursor } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import type { Database } from './sql.js'
import { writeAcked } from './statements/acks.js'
import { setZonesInStep } from './statements/sync-write.js'
import type { Fence } from './work.js'

export interface Acked {
  readonly peer: string
  readonly channel: Channel
  readonly side: 'acked' | 'settled'
  readonly except?: readonly Origin[] | undefined
  readonly cursor: Cursor
  readonly fence: Fence | undefined
}

/** Positions of all peers of one moment are written together; one that is lost is said again. */
const flushMs = 200

/** How far peers have stored our log, written down in batches: one statement per tick for all zones. */
export class Acks {
  readonly #database: Database
  readonly #onFailure: (error: unknown) => void
  readonly #waiting = new Map<string, Acked>()
  readonly #inStep = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(database: Database, onFailure: (error: unknown) => void) {
    this.#database = database
    this.#onFailure = onFailure
  }

  note(acked: Acked): void {
    this.#waiting.set(`${acked.side} ${acked.channel} ${acked.peer}`, acked)
    this.#timer ??= setTimeout(() => void this.flush(), flushMs)
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = [...this.#waiting.values()]
    this.#waiting.clear()
    if (batch.length > 0) this.#writing = this.#writing.then(() => this.#write(batch)).catch(this.#onFailure)
    await this.#writing
  }

  async #write(batch: readonly Acked[]): Promise<void> {
    await writeAcked(this.#database, batch)
    const fresh = batch.filter(
      ({ channel, side, peer }) => side === 'acked' && channel === 'down' && !this.#inStep.has(peer),
    )
    if (fresh.length === 0) return
    const peers = fresh.map((acked) => acked.peer)
    await setZonesInStep(this.#database, peers)
    for (const peer of peers) this.#inStep.add(peer)
  }
}
