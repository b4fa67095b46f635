import type { SessionHandle } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'

interface DeletedZonesOptions {
  readonly store: ControlPlaneStore
  readonly log: Logger
  readonly sessions: () => Iterable<SessionHandle>
}

/**
 * After a commit at once, then no sooner than this: one statement for all zones. A deletion that comes just after a look
 * waits for all of it, so this is well below the second within which its session has to end.
 */
const lookEveryMs = 250

/**
 * Ends the sessions of zones whose Zone object is gone, on whatever replica it was deleted: the log says that something
 * was. Their writes are refused from that commit on; this is so that they hear of it.
 */
export class DeletedZones {
  readonly #options: DeletedZonesOptions
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: DeletedZonesOptions) {
    this.#options = options
  }

  lookSoon(): void {
    if (this.#timer !== undefined || this.#closed) return
    const waitMs = Math.max(0, this.#lookedAtMs + lookEveryMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#lookedAtMs = performance.now()
      this.#looking = this.#look().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'could not look for deleted zones; trying again')
        this.lookSoon()
      })
    }, waitMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { store, log, sessions } = this.#options
    const names = [...new Set([...sessions()].map((session) => session.peer))]
    if (names.length === 0) return
    const deleted = new Set(await store.sessions.deletedZones(names))
    for (const session of sessions()) {
      if (!deleted.has(session.peer)) continue
      log.warn({ zone: session.peer }, 'the zone was deleted: its session ends')
      void session.close(`zone "${session.peer}" was deleted at global`)
    }
  }
}
