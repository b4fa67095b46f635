/** Something that will happen. `cancelled` is decided when its time comes, so nothing has to be taken out of the queue. */
interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  readonly scope: Scope
}

/**
 * Who a timer, a message or an answer belongs to. When it is closed nothing of it happens any more: a process that
 * died, a session that is over (OWN).
 */
export class Scope {
  #closed = false
  readonly #parent: Scope | undefined

  constructor(parent?: Scope) {
    this.#parent = parent
  }

  get closed(): boolean {
    return this.#closed || (this.#parent?.closed ?? false)
  }

  close(): void {
    this.#closed = true
  }
}

/**
 * What one control plane's clock says: not what its neighbours' say, and now and then it is set. Only ever asked for the
 * time; how long something takes is the world's business.
 */
export class WallClock {
  skewMs = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get nowMs(): number {
    return this.#clock.wallMs + this.skewMs
  }
}

/** Virtual time. Things due at one moment happen in the order in which they were asked for. */
export class Clock {
  readonly #queue: Due[] = []
  #order = 0
  #nowMs: number
  #passedMs = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** The time of day. Days may pass between two moments of the world: everything that waits goes on waiting. */
  get wallMs(): number {
    return this.#nowMs + this.#passedMs
  }

  pass(ms: number): void {
    this.#passedMs += ms
  }

  /** Runs later, unless the scope is closed by then. Never at once: the caller finishes first. */
  after(delayMs: number, scope: Scope, run: () => void): void {
    this.#push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run, scope })
  }

  /** Runs what is due next. False if there is nothing, or nothing before `untilMs`, which then is the time. */
  step(untilMs: number): boolean {
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs)
        return false
      }
      this.#pop()
      if (next.scope.closed) continue
      this.#nowMs = next.atMs
      next.run()
      return true
    }
  }

  #push(due: Due): void {
    const queue = this.#queue
    let at = queue.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = queue[parent]
      if (above === undefined || !before(due, above)) break
      queue[at] = above
      at = parent
    }
    queue[at] = due
  }

  #pop(): void {
    const queue = this.#queue
    const last = queue.pop()
    if (last === undefined || queue.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const [a, b] = [queue[left], queue[left + 1]]
      if (a === undefined) break
      const [child, below] = b !== undefined && before(b, a) ? [left + 1, b] : [left, a]
      if (!before(below, last)) break
      queue[at] = below
      at = child
    }
    queue[at] = last
  }
}

const before = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
