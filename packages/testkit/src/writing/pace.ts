import type { Writer } from './writer.js'

/** Writers that write at a steady pace, all of them together, until they are told to rest. */
export class Pace {
  readonly #writers: readonly Writer[]
  readonly #everyMs: number
  #isResting = true
  #hasEnded = false
  #running: Promise<unknown> | undefined
  #failure: unknown

  constructor(writers: readonly Writer[], changesPerSecond: number) {
    this.#writers = writers
    this.#everyMs = (1_000 * writers.length) / changesPerSecond
  }

  get acknowledged(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.acknowledged, 0)
  }

  get unanswered(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.unanswered, 0)
  }

  /** What is late is not made up for: a fault is not followed by a burst. */
  go(): void {
    if (!this.#isResting || this.#hasEnded) return
    this.#isResting = false
    this.#running = Promise.all(this.#writers.map((writer) => this.#run(writer)))
  }

  /** Resolves when nothing is under way. @throws what a writer has failed with */
  async rest(): Promise<void> {
    this.#isResting = true
    await this.#running
    if (this.#failure !== undefined) throw this.#failure
  }

  async end(): Promise<void> {
    this.#hasEnded = true
    this.#isResting = true
    await this.#running
  }

  async #run(writer: Writer): Promise<void> {
    for (let i = 0; !this.#isResting; i++) {
      const dueMs = performance.now() + this.#everyMs
      try {
        await writer.write((i + 1) % 4)
      } catch (error) {
        this.#failure ??= error
        return
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, dueMs - performance.now())))
    }
  }
}
