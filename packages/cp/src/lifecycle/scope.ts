/**
 * What a process has opened, closed in reverse. Every closer runs, whatever the others throw; closing is idempotent and
 * has a bound, so that one hanging peer does not keep the process alive.
 */
export class Scope implements AsyncDisposable {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> | void }[] = []
  #closing: Promise<void> | undefined

  own(name: string, close: () => Promise<void> | void): void {
    if (this.#closing !== undefined) throw new Error(`${name} was opened while its scope closes`)
    this.#closers.push({ name, close })
  }

  /**
   * Closes in reverse order of opening.
   * @param timeoutMs bound for all together; what has not closed by then is named in the error
   * @throws AggregateError with everything that went wrong
   */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#closeAll(timeoutMs)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(10_000)
  }

  async #closeAll(timeoutMs: number): Promise<void> {
    const errors: Error[] = []
    const deadline = new Deadline(timeoutMs)
    try {
      for (const { name, close } of [...this.#closers].reverse()) {
        try {
          await deadline.race(Promise.resolve(close()), name)
        } catch (error) {
          errors.push(new Error(`closing ${name} failed: ${(error as Error).message}`, { cause: error }))
        }
      }
    } finally {
      deadline.clear()
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map((e) => e.message).join('; '))
  }
}

/** One clock for many waits: what starts after it has run out gets one turn of the event loop and no more. */
class Deadline {
  readonly #expired: Promise<'expired'>
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number) {
    this.#expired = new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve('expired'), timeoutMs)
    })
  }

  async race(work: Promise<void>, name: string): Promise<void> {
    const oneTurn = async (expired: 'expired'): Promise<'expired'> => {
      await new Promise((resolve) => setImmediate(resolve))
      return expired
    }
    const winner = await Promise.race([work.then(() => 'done' as const), this.#expired.then(oneTurn)])
    if (winner === 'expired') throw new Error(`${name} did not close in time`)
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}
