import { TokenBucket } from '@holdfast/model'
import type { Logger } from 'pino'

const toldBurst = 100
const toldPerSecond = 1

/**
 * Who is refused may ask again without end, and each time a line would be written: so many are told of at once, and one a
 * second after that, which says how many there were in between.
 */
export class RefusalLog {
  readonly #log: Pick<Logger, 'warn'>
  readonly #nowMs: () => number
  readonly #bucket: TokenBucket
  #untold = 0

  /** @param nowMs a clock that never goes back */
  constructor(log: Pick<Logger, 'warn'>, nowMs = (): number => performance.now()) {
    this.#log = log
    this.#nowMs = nowMs
    this.#bucket = new TokenBucket(toldBurst, toldPerSecond, nowMs())
  }

  warn(about: object, words: string): void {
    if (!this.#bucket.take(this.#nowMs())) {
      this.#untold += 1
      return
    }
    this.#log.warn(this.#untold === 0 ? about : { ...about, untold: this.#untold }, words)
    this.#untold = 0
  }
}
