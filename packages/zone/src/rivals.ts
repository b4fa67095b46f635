import type { ControlPlaneStore } from '@holdfast/store'

type Sessions = Pick<ControlPlaneStore['sessions'], 'list'>
type Session = Awaited<ReturnType<Sessions['list']>>[number]

/** Another process of this zone, on the same store, whose session with global is newer than any of ours. */
export interface Rival {
  readonly sessionId: string
  readonly instanceId: string
}

/** Three heartbeats of a session's record. */
const silentMaxMs = 15_000

/**
 * Who else speaks to global for this zone. The newest session wins, and whoever lost must not win it back by being the
 * next newest: it waits until the winner has closed its session, or was not heard of for three heartbeats. Silence is
 * counted on our own clock; the store's times come from other machines.
 */
export class Rivals {
  readonly #sessions: Sessions
  /** Sessions that are no rival: our own, and those of a predecessor, which our first session voids. */
  readonly #past = new Set<string>()
  #heard: { readonly sessionId: string; readonly beatMs: number | undefined; readonly atMs: number } | undefined

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  /** Before the first session of this process. */
  async begin(): Promise<void> {
    for (const session of await this.#sessions.list()) this.#past.add(session.sessionId)
  }

  own(sessionId: string): void {
    this.#past.add(sessionId)
  }

  /** @param nowMs of a clock that only goes forward */
  async living(nowMs: number): Promise<Rival | undefined> {
    const rival = (await this.#sessions.list()).find((session) => this.#isRival(session))
    if (rival === undefined) {
      this.#heard = undefined
      return undefined
    }
    const { sessionId, instanceId, lastHeartbeatMs: beatMs } = rival
    if (this.#heard?.sessionId !== sessionId || this.#heard.beatMs !== beatMs)
      this.#heard = { sessionId, beatMs, atMs: nowMs }
    return nowMs - this.#heard.atMs > silentMaxMs ? undefined : { sessionId, instanceId }
  }

  #isRival({ peer, closedAtMs, sessionId }: Session): boolean {
    return peer === '' && closedAtMs === undefined && !this.#past.has(sessionId)
  }
}
