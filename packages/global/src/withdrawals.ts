import type { Credential } from '@holdfast/identity'
import type { SessionHandle } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'

interface WithdrawalsOptions {
  readonly store: ControlPlaneStore
  readonly log: Logger
  readonly sessions: () => Iterable<SessionHandle>
  /** Why a session must end now, one reason at most per session; undefined: it may go on. */
  readonly withdrawn: (zone: string, credential: Credential) => Promise<string | undefined>
}

/** After a commit at once, then no sooner than this: what is looked at are a few secrets, once for all sessions. */
const lookEveryMs = 250

/** Ends the sessions of zones whose proof is worth nothing any more, on whatever replica that was said. */
export class Withdrawals {
  readonly #options: WithdrawalsOptions
  readonly #credentials = new WeakMap<SessionHandle, Credential>()
  readonly #stopListening: () => void
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: WithdrawalsOptions) {
    this.#options = options
    this.#stopListening = options.store.onAdvanced(() => this.#lookSoon())
  }

  /** A session that was let in with this proof. It is looked at at once: between the proof and now it may have been revoked. */
  watch(session: SessionHandle, credential: Credential): void {
    this.#credentials.set(session, credential)
    this.#lookSoon()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening()
    clearTimeout(this.#timer)
    await this.#looking
  }

  #lookSoon(): void {
    if (this.#timer !== undefined || this.#closed) return
    const waitMs = Math.max(0, this.#lookedAtMs + lookEveryMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#lookedAtMs = performance.now()
      this.#looking = this.#look().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'could not look for revoked zones; trying again')
        this.#lookSoon()
      })
    }, waitMs)
  }

  async #look(): Promise<void> {
    const { sessions, withdrawn, log } = this.#options
    // All in one turn: under writes what is known is read again after each of them, and one reading does for all sessions.
    await Promise.all(
      [...sessions()].map(async (session) => {
        const credential = this.#credentials.get(session)
        if (credential === undefined) return
        const reason = await withdrawn(session.peer, credential)
        if (reason === undefined) return
        const who = { zone: session.peer, how: credential.how, reason }
        log.warn(who, 'the zone is not let in any more: its session ends')
        void session.close(`zone "${session.peer}": ${reason}`)
      }),
    )
  }
}
