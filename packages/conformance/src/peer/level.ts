/** Waiters for something to become true, looked at whenever something has happened. */
export class Level {
  readonly #waiters = new Set<() => void>()
  readonly #followers: (() => void)[] = []

  /** Calls it with every change; before anybody who waits. */
  onChange(follow: () => void): void {
    this.#followers.push(follow)
    follow()
  }

  changed(): void {
    for (const follow of this.#followers) follow()
    for (const look of [...this.#waiters]) look()
  }

  /** Whether it became true in time. */
  reached(isTrue: () => boolean, withinMs: number): Promise<boolean> {
    if (isTrue()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const over = (reached: boolean): void => {
        clearTimeout(timer)
        this.#waiters.delete(look)
        resolve(reached)
      }
      const look = (): void => {
        if (isTrue()) over(true)
      }
      const timer = setTimeout(() => over(false), withinMs)
      this.#waiters.add(look)
    })
  }

  /** Whether nothing happened for so long; false if it went on until the bound. */
  async quiet(happened: () => number, forMs: number, withinMs: number): Promise<boolean> {
    const endMs = performance.now() + withinMs
    for (;;) {
      const before = happened()
      if (!(await this.reached(() => happened() !== before, forMs))) return true
      if (performance.now() > endMs) return false
    }
  }
}
