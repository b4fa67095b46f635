import type { SessionHandle, SessionMetrics } from '@holdfast/peer'
import {
  askTestimony,
  type ControlPlaneStore,
  openItems,
  type RecoveryWait,
  type ReturningZone,
  recoveryWaits,
  type Testimony,
  unheardBeside,
  type WitnessRow,
} from '@holdfast/store'
import type { Logger } from 'pino'
import type { Witnesses } from './witnesses.js'

export interface RecoveryOptions {
  readonly store: Pick<ControlPlaneStore, 'status' | 'read' | 'vip' | 'sessions' | 'recovery' | 'finishRecovery'>
  readonly sessions: () => Iterable<SessionHandle>
  readonly witnesses: Pick<Witnesses, 'wasHeard' | 'conflicts' | 'conflictsOf'>
  readonly metrics: Pick<SessionMetrics, 'recovering' | 'recoveryWaits'>
  readonly log: Logger
  /** The store is ready: what waited for it goes on. */
  readonly onReady: () => void
}

/** How often a recovery is looked at while there is one; otherwise nothing is read by whoever has a session. */
const lookEveryMs = 1_000
/**
 * A process without a session is told of a recovery by nobody, and an operator may ask just this one: after so many looks
 * without a session it reads the state of the store, each time that so many more have passed.
 */
const looksAlone = 5
const answerTimeoutMs = 10_000
/** What another process has seen of its zones is said again each second; longer ago, it is gone or cannot write. */
const seenForMs = 10_000
/** However long ago: what was seen before this recovery began stands in another log, and is not found. */
const everMs = 365 * 24 * 3_600_000
const notAsked: readonly RecoveryWait[] = [
  { what: 'another process of this global has not asked its zones yet what they remember', next: 'wait' },
]
/** More zones than any installation has. */
const zonesMax = 10_000

/**
 * Ends the recovery of a global as soon as that is safe, and says what it waits for until then. The zones may be spread over
 * several processes: each writes down how its own stand and what they remember otherwise, and whichever sees that all are
 * back and nothing is open ends it. What differs for nobody's zones differs for none of them, whoever asks.
 */
export class Recovery {
  readonly #options: RecoveryOptions
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> | undefined
  #waits: readonly RecoveryWait[] = []
  #recovering = false
  #alone = 0

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.look(), lookEveryMs)
  }

  /** What it waits for, as of the last look; empty while there is nothing to recover. */
  waits(): readonly RecoveryWait[] {
    return this.#waits
  }

  /**
   * Zones other than this one that have not said what they remember; nobody where there is nothing to recover. Those that were
   * only met count too until they have: a database in the place of one that was lost knows no others, and they are between two
   * sessions since one of them told it so.
   */
  async unheardBeside(zone: string): Promise<readonly string[]> {
    const { store } = this.#options
    if ((await store.status()).state !== 'recovering') return []
    const here = this.#seenHere()
    const others = await this.#seenElsewhere(here)
    const [met, said] = await Promise.all([store.sessions.zones(), store.recovery.witnesses(everMs)])
    const heard = new Set(said.filter((row) => row.heard).map((row) => row.zone))
    const unheard = met.filter(
      ({ name, storeId, decommissionedAtMs }) =>
        storeId !== undefined && decommissionedAtMs === undefined && !heard.has(name),
    )
    return unheardBeside(zone, await this.#zones([...here, ...others], unheard))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /** Resolves when this look, or one that is under way, is over. */
  look(): Promise<void> {
    const sessions = [...this.#options.sessions()]
    const isRecovering = sessions.some((session) => session.view().ownState === 'recovering')
    this.#alone = sessions.length === 0 ? this.#alone + 1 : 0
    const mayNotKnow = this.#alone > looksAlone && this.#alone % looksAlone === 0
    if (this.#looking !== undefined) return this.#looking
    if (!isRecovering && !this.#recovering && !mayNotKnow) return Promise.resolve()
    this.#looking = this.#judge()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'the recovery could not be looked at'))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async #judge(): Promise<void> {
    const { store, log, witnesses } = this.#options
    if ((await store.status()).state !== 'recovering') return this.#over()
    this.#recovering = true
    const here = this.#seenHere()
    const others = await this.#seenElsewhere(here)
    const zones = await this.#zones([...here, ...others])
    const allBack = zones.length > 0 && zones.every((zone) => zone.connected && zone.heard && zone.inStep)
    const items = allBack ? await this.#differences() : undefined
    const open = items === undefined ? undefined : openItems(items)
    if (here.length > 0) await store.recovery.noteWitnesses(here.map((row) => ({ ...row, open })))
    const conflicts = [...witnesses.conflicts(), ...others.flatMap((row) => row.conflicts)]
    const elsewhere = others.flatMap((row) => row.open ?? (allBack ? notAsked : []))
    const waits = recoveryWaits({ zones, conflicts, items, elsewhere: distinct(elsewhere) })
    if (waits.length === 0 && items !== undefined) {
      await store.finishRecovery(
        `every zone that holds a lease is back, and nothing that it remembers is missing: ${zones.map(({ name }) => name).join(', ')}`,
        'holdfast',
      )
      log.warn(
        { zones: zones.map(({ name }) => name) },
        'the recovery is over: this global has all that its zones remember',
      )
      return this.#over()
    }
    const said = (list: readonly RecoveryWait[]): string => list.map(({ what }) => what).join('; ')
    if (said(waits) !== said(this.#waits)) log.warn({ waits }, 'this global recovers and sends nothing yet')
    this.#waits = waits
    this.#measure()
  }

  /** This process has ended it, or another one, or an operator. */
  #over(): void {
    this.#waits = []
    if (this.#recovering) this.#options.onReady()
    this.#recovering = false
    this.#measure()
  }

  #measure(): void {
    const { recovering, recoveryWaits: gauge } = this.#options.metrics
    recovering.set(this.#recovering ? 1 : 0)
    gauge.set(this.#waits.length)
  }

  /** What other processes see counts while they say it: whose process is gone is not back. */
  async #seenElsewhere(here: readonly Omit<WitnessRow, 'open'>[]): Promise<readonly WitnessRow[]> {
    const rows = await this.#options.store.recovery.witnesses(seenForMs)
    return rows.filter(({ zone }) => !here.some((row) => row.zone === zone))
  }

  /** Zones that are connected to this process, and how they stand. */
  #seenHere(): readonly Omit<WitnessRow, 'open'>[] {
    const { sessions, witnesses } = this.#options
    return [...sessions()].flatMap((session) => {
      const { extension, channels } = session.view()
      if (!extension) return []
      const inStep = channels.filter(({ channel }) => channel !== 'down').every((channel) => channel.inStep)
      return [
        { zone: session.peer, heard: witnesses.wasHeard(session), inStep, conflicts: witnesses.conflictsOf(session) },
      ]
    })
  }

  /**
   * Every zone that holds a lease or was ever in step, and those that are here or at another process. A Kuma zone remembers
   * nothing that it could say, and hears nothing before this is over: what it has was leased to our own store.
   */
  async #zones(
    seen: readonly Omit<WitnessRow, 'open'>[],
    besides: readonly { readonly name: string }[] = [],
  ): Promise<readonly ReturningZone[]> {
    const { store } = this.#options
    const [blocks, met, status] = await Promise.all([store.vip.blocks(), store.sessions.zones(), store.status()])
    const back = new Map(seen.map((row) => [row.zone, row]))
    const known = new Set([
      ...blocks.filter((block) => block.storeId !== status.identity.storeId).map((block) => block.owner),
      ...met.filter((zone) => zone.everInStep && zone.storeId !== undefined).map((zone) => zone.name),
    ])
    const names = new Set([...known, ...back.keys(), ...besides.map((zone) => zone.name)])
    names.delete('')
    // A zone that was deleted is nobody to wait for.
    const { items } = await store.read.list({ type: 'Zone', offset: 0, limit: zonesMax })
    const living = new Set(items.map((zone) => zone.name))
    for (const name of names) if (!living.has(name) && !back.has(name)) names.delete(name)
    return [...names].sort().map((name) => {
      const row = back.get(name)
      const stands = { connected: row !== undefined, heard: row?.heard ?? false, inStep: row?.inStep ?? true }
      return { name, isKnown: known.has(name), ...stands }
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

const distinct = (waits: readonly RecoveryWait[]): readonly RecoveryWait[] => [
  ...new Map(waits.map((wait) => [wait.what, wait])).values(),
]
