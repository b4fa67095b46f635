import type { SessionHandle } from '@holdfast/peer'
import { askTestimony, type ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'

export interface WitnessesOptions {
  readonly store: Pick<ControlPlaneStore, 'recovery'>
  /** Sessions of zones with the extension. */
  readonly sessions: () => Iterable<SessionHandle>
  readonly log: Logger
}

/** How often it is looked whether somebody has to be heard: nothing is read for it. */
const lookEveryMs = 500
/** For one page of what a zone remembers. */
const answerTimeoutMs = 10_000
/** A zone that fails to answer is asked again, this many times in one session. */
const attemptsMax = 5
/** So many are kept for the operator; all of them stand in the log and in the audit. */
const conflictsMax = 20

/** How far the hearing of one session has got. */
type Hearing = 'under way' | 'heard' | 'silent'

/**
 * Returning zones are the witnesses of what global has lost. While the store is not ready, and whenever a zone comes that was
 * in step with another log, each is asked what it remembers: blocks, addresses, tombstones. What they say is
 * taken over before anything is leased, so that no block goes to a second owner.
 */
export class Witnesses {
  readonly #options: WitnessesOptions
  readonly #hearings = new WeakMap<SessionHandle, Hearing>()
  readonly #attempts = new WeakMap<SessionHandle, number>()
  readonly #conflicts = new WeakMap<SessionHandle, readonly string[]>()
  readonly #strangers = new Set<string>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  readonly #stopListening: () => void

  constructor(options: WitnessesOptions) {
    this.#options = options
    this.#stopListening = options.store.recovery.onStranger((zone) => {
      // After a recovery every zone stands in the log of before, and was heard in this very session: asked again at its next
      // reconnect it would say all that it remembers for nothing (RO).
      if (this.#wasHeardNow(zone)) return
      this.#strangers.add(zone)
      this.look()
    })
    this.#timer = setInterval(() => this.look(), lookEveryMs)
  }

  /** Whether all that a session's zone remembers was taken over. */
  wasHeard(session: SessionHandle): boolean {
    return this.#hearings.get(session) === 'heard'
  }

  #wasHeardNow(zone: string): boolean {
    return [...this.#options.sessions()].some((session) => session.peer === zone && this.wasHeard(session))
  }

  /** What zones that are connected now said against what is known here. */
  conflicts(): readonly string[] {
    return [...this.#options.sessions()].flatMap((session) => this.conflictsOf(session))
  }

  conflictsOf(session: SessionHandle): readonly string[] {
    return this.#conflicts.get(session) ?? []
  }

  /** Resolves when nobody is being heard; nothing may be leased before. */
  async settled(): Promise<void> {
    this.look()
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }

  look(): void {
    for (const session of this.#options.sessions()) {
      const { extension, ownState } = session.view()
      if (!extension || this.#hearings.get(session) !== undefined) continue
      if (ownState === 'ready' && !this.#strangers.has(session.peer)) continue
      this.#hearings.set(session, 'under way')
      const work = this.#hear(session)
      this.#underWay.add(work)
      void work.finally(() => this.#underWay.delete(work))
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopListening()
    await Promise.allSettled(this.#underWay)
  }

  async #hear(session: SessionHandle): Promise<void> {
    const { store, log } = this.#options
    const zone = session.peer
    try {
      const ask = async (question: string, body: unknown): Promise<unknown> =>
        JSON.parse(await session.ask(question, JSON.stringify(body), { timeoutMs: answerTimeoutMs }))
      const blocks: string[] = []
      const conflicts: string[] = []
      let addresses = 0
      const zones: string[] = []
      let spokeOfZones = false
      for await (const testimony of askTestimony(zone, ask, { ledger: true })) {
        const remembered = await store.recovery.remember(testimony)
        blocks.push(...remembered.blocks)
        addresses += remembered.addresses
        zones.push(...remembered.zones)
        spokeOfZones ||= testimony.zones !== undefined
        conflicts.push(...remembered.conflicts.slice(0, conflictsMax - conflicts.length))
        for (const conflict of remembered.conflicts)
          log.error({ zone, conflict }, 'what a zone remembers contradicts what is known here; nothing was changed')
      }
      this.#conflicts.set(session, conflicts)
      this.#hearings.set(session, 'heard')
      this.#strangers.delete(zone)
      log.info({ zone, blocks, addresses, zones }, 'a returning zone was heard as a witness')
      if (!spokeOfZones)
        log.warn({ zone }, 'it is of a version that remembers no Zone objects: look whether a zone was disabled before')
    } catch (error) {
      // Its session may not be open yet, or is gone: then the next one is asked.
      const attempts = (this.#attempts.get(session) ?? 0) + 1
      this.#attempts.set(session, attempts)
      if (attempts < attemptsMax) this.#hearings.delete(session)
      else this.#hearings.set(session, 'silent')
      log.warn({ zone, err: error, attempts }, 'a zone did not say what it remembers')
    }
  }
}
