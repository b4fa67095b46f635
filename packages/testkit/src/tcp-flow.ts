import type { Socket } from 'node:net'

/** How a link behaves that is neither cut nor frozen. */
export interface LinkShape {
  /** Added to each direction. */
  readonly latencyMs: number
  /** Of each direction of each connection; `undefined`: as fast as it goes. */
  readonly bytesPerSecond?: number | undefined
}

/** What waits in one direction before its source is slowed down. */
const queueBytesMax = 1024 * 1024

interface Piece {
  readonly bytes: Buffer | 'end'
  readonly dueMs: number
}

/** One direction of a proxied connection. */
export class TcpFlow {
  readonly #from: Socket
  readonly #to: Socket
  readonly #shape: () => LinkShape
  readonly #forwarded: (bytes: number) => void
  #queue: Piece[] = []
  #queuedBytes = 0
  #freeAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #frozen: boolean
  #blocked = false

  constructor(
    from: Socket,
    to: Socket,
    options: { readonly shape: () => LinkShape; readonly frozen: boolean; readonly forwarded: (bytes: number) => void },
  ) {
    this.#from = from
    this.#to = to
    this.#shape = options.shape
    this.#forwarded = options.forwarded
    this.#frozen = options.frozen
    from.on('data', (bytes) => this.#take(bytes))
    from.on('end', () => this.#take('end'))
    to.on('drain', () => {
      this.#blocked = false
      this.#flush()
    })
    this.#steer()
  }

  freeze(): void {
    this.#frozen = true
    this.#steer()
  }

  thaw(): void {
    this.#frozen = false
    this.#flush()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#queue = []
    this.#queuedBytes = 0
  }

  #take(bytes: Buffer | 'end'): void {
    const { latencyMs, bytesPerSecond } = this.#shape()
    const size = bytes === 'end' ? 0 : bytes.length
    const nowMs = performance.now()
    this.#freeAtMs =
      Math.max(nowMs, this.#freeAtMs) + (bytesPerSecond === undefined ? 0 : (size / bytesPerSecond) * 1000)
    this.#queue.push({ bytes, dueMs: this.#freeAtMs + latencyMs })
    this.#queuedBytes += size
    this.#flush()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || this.#frozen || this.#blocked) break
      const waitMs = next.dueMs - performance.now()
      // Timers fire up to a millisecond early, and a wait of none at all would never leave this loop's order.
      if (waitMs > 1) {
        this.#timer = setTimeout(() => this.#flush(), waitMs)
        break
      }
      this.#queue.shift()
      this.#forward(next.bytes)
    }
    this.#steer()
  }

  #forward(bytes: Buffer | 'end'): void {
    if (bytes === 'end') {
      this.#to.end()
      return
    }
    this.#queuedBytes -= bytes.length
    this.#forwarded(bytes.length)
    this.#blocked = !this.#to.write(bytes)
  }

  #steer(): void {
    if (this.#frozen || this.#queuedBytes > queueBytesMax) this.#from.pause()
    else this.#from.resume()
  }
}
