import type { GuardWatch } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'

interface ZoneObjectsOptions {
  readonly store: ControlPlaneStore
  readonly guards: Pick<GuardWatch, 'tellZones'>
  readonly log: Logger
}

/** After a commit, and no sooner than this after the last look: a few rows, for all zones at once. */
const lookEveryMs = 1_000

/**
 * Keeps telling the zones what global's Zone objects say, on whatever replica it was changed: should global lose its
 * store, they remember which of them were disabled.
 */
export class ZoneObjects {
  readonly #options: ZoneObjectsOptions
  readonly #stopListening: () => void
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: ZoneObjectsOptions) {
    this.#options = options
    this.#stopListening = options.store.onAdvanced(() => this.#lookSoon())
  }

  /** The first look is over when it resolves: no session tells before it that there is nothing to remember. */
  look(): Promise<void> {
    this.#lookedAtMs = performance.now()
    this.#looking = this.#look().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the Zone objects could not be read; trying again at the next change')
    })
    return this.#looking
  }

  async close(): Promise<void> {
    this.#stopListening()
    clearTimeout(this.#timer)
    await this.#looking
  }

  #lookSoon(): void {
    if (this.#timer !== undefined) return
    const waitMs = Math.max(0, this.#lookedAtMs + lookEveryMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.look()
    }, waitMs)
  }

  async #look(): Promise<void> {
    const { store, guards } = this.#options
    // Of a store that recovers it is not known what it lacks: what zones remember must stay as it is.
    if ((await store.status()).state !== 'ready') return
    guards.tellZones(await store.sessions.zoneObjects())
  }
}
