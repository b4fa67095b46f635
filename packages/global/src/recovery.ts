import type { SessionHandle } from '@holdfast/peer'
import {
  askTestimony,
  type ControlPlaneStore,
  type RecoveryWait,
  type ReturningZone,
  recoveryWaits,
  type Testimony,
} from '@holdfast/store'
import type { Logger } from 'pino'
import type { Witnesses } from './witnesses.js'

export interface RecoveryOptions {
  readonly store: Pick<ControlPlaneStore, 'status' | 'read' | 'vip' | 'sessions' | 'recovery' | 'finishRecovery'>
  readonly sessions: () => Iterable<SessionHandle>
  readonly witnesses: Pick<Witnesses, 'wasHeard' | 'conflicts'>
  readonly log: Logger
  /** The store is ready: what waited for it goes on. */
  readonly onReady: () => void
}

/** How often a recovery is looked at while there is one; otherwise nothing is read. */
const lookEveryMs = 1_000
const answerTimeoutMs = 10_000
/** More zones than any installation has. */
const zonesMax = 10_000

/** Ends the recovery of a global as soon as that is safe, and says what it waits for until then. */
export class Recovery {
  readonly #options: RecoveryOptions
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> | undefined
  #waits: readonly RecoveryWait[] = []

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
  }

  /** What it waits for, as of the last look; empty while there is nothing to recover. */
  waits(): readonly RecoveryWait[] {
    return this.#waits
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  #look(): void {
    const isRecovering = [...this.#options.sessions()].some((session) => session.view().ownState === 'recovering')
    if (!isRecovering || this.#looking !== undefined) return
    this.#looking = this.#judge()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'the recovery could not be looked at'))
      .finally(() => {
        this.#looking = undefined
      })
  }

  async #judge(): Promise<void> {
    const { store, log, onReady, witnesses } = this.#options
    if ((await store.status()).state !== 'recovering') {
      this.#waits = []
      return
    }
    const zones = await this.#zones()
    const allBack = zones.length > 0 && zones.every((zone) => zone.connected && zone.heard && zone.inStep)
    const conflicts = witnesses.conflicts()
    const items = allBack ? await this.#differences() : undefined
    const waits = recoveryWaits({ zones, conflicts, items })
    if (waits.length === 0 && items !== undefined) {
      await store.finishRecovery(
        `every zone that holds a lease is back, and nothing that it remembers is missing: ${zones.map(({ name }) => name).join(', ')}`,
        'holdfast',
      )
      log.warn(
        { zones: zones.map(({ name }) => name) },
        'the recovery is over: this global has all that its zones remember',
      )
      this.#waits = []
      onReady()
      return
    }
    const said = (list: readonly RecoveryWait[]): string => list.map(({ what }) => what).join('; ')
    if (said(waits) !== said(this.#waits)) log.warn({ waits }, 'this global recovers and sends nothing yet')
    this.#waits = waits
  }

  /** Every zone that holds a lease or was ever in step, and those that are here. */
  async #zones(): Promise<readonly ReturningZone[]> {
    const { store, witnesses } = this.#options
    const [blocks, met] = await Promise.all([store.vip.blocks(), store.sessions.zones()])
    const sessions = new Map(
      [...this.#options.sessions()]
        .filter((session) => session.view().extension)
        .map((session): [string, SessionHandle] => [session.peer, session]),
    )
    const names = new Set([
      ...blocks.map((block) => block.owner),
      ...met.filter((zone) => zone.everInStep).map((zone) => zone.name),
      ...sessions.keys(),
    ])
    names.delete('')
    // A zone that was deleted is nobody to wait for.
    const { items } = await store.read.list({ type: 'Zone', offset: 0, limit: zonesMax })
    const living = new Set(items.map((zone) => zone.name))
    for (const name of names) if (!living.has(name) && !sessions.has(name)) names.delete(name)
    return [...names].sort().map((name) => {
      const session = sessions.get(name)
      const channels = session?.view().channels ?? []
      return {
        name,
        connected: session !== undefined,
        heard: session !== undefined && witnesses.wasHeard(session),
        inStep: channels.filter(({ channel }) => channel !== 'down').every((channel) => channel.inStep),
      }
    })
  }

  async #differences() {
    const testimonies: Testimony[] = []
    for (const session of this.#options.sessions()) {
      if (!session.view().extension) continue
      const ask = async (question: string, body: unknown): Promise<unknown> =>
        JSON.parse(await session.ask(question, JSON.stringify(body), { timeoutMs: answerTimeoutMs }))
      for await (const testimony of askTestimony(session.peer, ask, { ledger: false })) testimonies.push(testimony)
    }
    return this.#options.store.recovery.recover({ testimonies, apply: false, actor: 'holdfast' })
  }
}
