import type { SessionHandle } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'

interface PausedZonesOptions {
  readonly store: ControlPlaneStore
  readonly log: Logger
  readonly sessions: () => Iterable<SessionHandle>
}

/** A pause takes no place in the log, so no replica is told of it: each looks, with one statement for all its zones. */
const lookEveryMs = 1_000

/**
 * Ends the sessions of zones that were paused, on whatever replica that was said. Their writes are void from that commit
 * on, and they are not let in again; this is so that nothing more is sent to them, and that they hear why.
 */
export class PausedZones {
  readonly #options: PausedZonesOptions
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> | undefined

  constructor(options: PausedZonesOptions) {
    this.#options = options
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch((error: unknown) => {
          options.log.warn({ err: error }, 'could not look for paused zones; trying again')
        })
        .finally(() => {
          this.#looking = undefined
        })
    }, lookEveryMs)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { store, log, sessions } = this.#options
    const names = [...new Set([...sessions()].map((session) => session.peer))]
    if (names.length === 0) return
    const paused = new Map((await store.sessions.pausedZones(names)).map(({ zone, reason }) => [zone, reason]))
    for (const session of sessions()) {
      const reason = paused.get(session.peer)
      if (reason === undefined) continue
      log.warn({ zone: session.peer, reason }, 'the zone is paused: its session ends')
      void session.close(reason)
    }
  }
}
