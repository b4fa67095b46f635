import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import type { Scope } from './scope.js'

const lookEveryMs = 500
/** Shorter ones are a matter of load; from here on a lease may be lost (decision 32: 3 s) and sessions come near their end. */
const stallMs = 2_500

export interface StallWatchOptions {
  readonly log: Pick<Logger, 'warn'>
  /** Told of each stall, in seconds. */
  readonly noted: (seconds: number) => void
  /** A clock that goes on while this process stands still. */
  readonly nowMs: () => number
}

/** Notices that this process stood still: stopped, starved, suspended, or its event loop was blocked. */
export class StallWatch {
  readonly #options: StallWatchOptions
  #dueMs: number

  constructor(options: StallWatchOptions) {
    this.#options = options
    this.#dueMs = options.nowMs() + lookEveryMs
  }

  /** Called every so often; what it is late by is how long nothing was done. */
  look(): void {
    const nowMs = this.#options.nowMs()
    const lateMs = nowMs - this.#dueMs
    this.#dueMs = nowMs + lookEveryMs
    if (lateMs < stallMs) return
    this.#options.noted(lateMs / 1_000)
    this.#options.log.warn(
      { stoodMs: Math.round(lateMs) },
      'this process stood still: its leases may have gone to another, and peers may have given it up; if this is no suspended machine, give it more CPU or memory',
    )
  }
}

/** Looks until the scope closes. */
export function watchStalls(registry: Registry, log: Logger, scope: Scope): void {
  const seconds = new Counter({
    name: 'holdfast_stalled_seconds_total',
    help: `Seconds in which this process stood still for ${stallMs} ms or more at a time`,
    registers: [registry],
  })
  const watch = new StallWatch({ log, noted: (stalled) => seconds.inc(stalled), nowMs: () => performance.now() })
  const timer = setInterval(() => watch.look(), lookEveryMs)
  timer.unref()
  scope.own('stall watch', async () => clearInterval(timer))
}
