import { Problem } from '@holdfast/model'

/** How the connections to a database are used by this process. */
export interface PoolUse {
  readonly connectionsMax: number
  /** Connections that a statement or a transaction has now. */
  readonly busy: number
  /** Statements and transactions that wait for one. */
  readonly waiting: number
  /** Seconds that connections were busy, all together, since the process began: at most `connectionsMax` more per second. */
  readonly busySeconds: number
  /** Seconds that was waited for one, all together. */
  readonly waitedSeconds: number
}

interface Waiting {
  readonly timer: NodeJS.Timeout
  readonly go: () => void
}

/**
 * Who may take a connection of the pool, in the order of asking. That all of them are busy says nothing about the database:
 * without this the pool's bound for connecting would be one for waiting too, and a burst of zones would be told as a
 * database that does not answer.
 */
export class Turns {
  readonly #max: number
  readonly #waitMaxMs: number
  readonly #nowMs: () => number
  readonly #queue = new Set<Waiting>()
  #busy = 0
  #busyMs = 0
  #waitedMs = 0
  #countedAtMs: number

  /** @param waitMaxMs who waits longer is told so */
  constructor(max: number, waitMaxMs: number, nowMs: () => number = () => performance.now()) {
    this.#max = max
    this.#waitMaxMs = waitMaxMs
    this.#nowMs = nowMs
    this.#countedAtMs = nowMs()
  }

  get use(): PoolUse {
    this.#count()
    const { size } = this.#queue
    return {
      ...{ connectionsMax: this.#max, busy: this.#busy, waiting: size },
      ...{ busySeconds: this.#busyMs / 1_000, waitedSeconds: this.#waitedMs / 1_000 },
    }
  }

  /**
   * Runs `work` when it is its turn.
   * @throws Problem `unavailable`: no turn came within `waitMaxMs`
   */
  async in<T>(work: () => Promise<T>): Promise<T> {
    await this.#take()
    try {
      return await work()
    } finally {
      this.#giveBack()
    }
  }

  #take(): Promise<void> | undefined {
    if (this.#busy < this.#max) {
      this.#count()
      this.#busy++
      return undefined
    }
    return new Promise((resolve, reject) => {
      this.#count()
      const waiting: Waiting = {
        go: resolve,
        timer: setTimeout(() => {
          this.#count()
          this.#queue.delete(waiting)
          reject(new Problem('unavailable', this.#words()))
        }, this.#waitMaxMs),
      }
      this.#queue.add(waiting)
    })
  }

  #giveBack(): void {
    this.#count()
    const [next] = this.#queue
    if (next === undefined) {
      this.#busy--
      return
    }
    // The turn is handed on: it is busy all the while.
    this.#queue.delete(next)
    clearTimeout(next.timer)
    next.go()
  }

  #count(): void {
    const nowMs = this.#nowMs()
    const sinceMs = nowMs - this.#countedAtMs
    this.#busyMs += this.#busy * sinceMs
    this.#waitedMs += this.#queue.size * sinceMs
    this.#countedAtMs = nowMs
  }

  #words(): string {
    const others = this.#queue.size === 0 ? '' : `, and ${this.#queue.size} more wait`
    return (
      `all ${this.#max} connections of this process to its database were busy for ${this.#waitMaxMs / 1_000} s${others}: ` +
      `the database is slow, or --database-connections ${this.#max} is too few for this load`
    )
  }
}
