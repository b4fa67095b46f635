import {
  MemoryWitnesses,
  openItems,
  type RecoveryItem,
  type ReturningZone,
  recoverUnit,
  recoveryPlanUnit,
  recoveryWaits,
  type Testimony,
  unheardBeside,
} from '@holdfast/store'
import type { Clock, Scope } from './clock.js'
import type { ControlPlane } from './node.js'
import type { Random } from './random.js'
import { testimonyFrom } from './returns.js'
import type { Session } from './session.js'

export interface GlobalRecoveryOptions {
  /** The first process of global; its siblings are the others. */
  readonly global: ControlPlane
  readonly clock: Clock
  readonly scope: Scope
  readonly random: Random
  /** The storm is over: nobody gives up any more on what only has to be waited for. */
  readonly isCalm: () => boolean
  /** Zones of this world, without those that speak plain Kuma KDS. */
  readonly zoneCount: number
  /** An operator has ended a recovery although something was open; `undefined`: zones were missing, and all of theirs is. */
  readonly gaveUp: (open: readonly RecoveryItem[] | undefined) => void
  /** An operator goes on with the addresses of global, whatever these witnesses say against them. */
  readonly decided: (conflicts: readonly string[]) => void
  /** It ends by itself; nobody knows of any zone but these. */
  readonly endsBy: (zones: readonly string[]) => void
  readonly tell: (line: () => string) => void
  /** What an end is waited for, or a planted bug in its place. */
  readonly waitsOf?: typeof recoveryWaits | undefined
}

const lookEveryMs = 1_000
const answerTimeoutMs = 10_000

interface Heard {
  readonly testimony: Testimony | undefined
  readonly askedAtMs: number
  readonly conflicts: readonly string[]
}

/**
 * What the processes of a global do when it has lost something, and what its operator does: each returning zone is heard as
 * a witness, the recovery ends by itself when nothing is open, and a person decides what is. The judgements are the
 * product's (`MemoryWitnesses`, `recoverUnit`, `recoveryWaits`); here is only who asks whom, and when.
 */
export class GlobalRecovery {
  readonly #options: GlobalRecoveryOptions
  readonly #heard = new WeakMap<Session, Heard>()
  readonly #strangers = new Set<string>()
  readonly #witnesses: MemoryWitnesses
  #beganMs: number | undefined
  #patienceMs = 0
  #isHasty = false
  #applied = false
  #times = 0
  #questions = 0

  constructor(options: GlobalRecoveryOptions) {
    this.#options = options
    const { global } = options
    this.#witnesses = new MemoryWitnesses(global.store)
    global.store.onStranger((zone) => {
      if (!this.#sessions.some((session) => session.peer === zone && this.#heard.get(session)?.testimony !== undefined))
        this.#strangers.add(zone)
    })
    for (const process of global.siblings) {
      process.isHearing = () => this.#isHearing()
      process.mayReturn = (zone) =>
        global.store.image.state !== 'recovering' || unheardBeside(zone, this.#zones({ withMet: true })).length === 0
      process.onTestimony = (session, body) => this.#take(session, testimonyFrom(body))
    }
    this.#again()
  }

  #again(): void {
    const { clock, scope } = this.#options
    clock.after(lookEveryMs, scope, () => {
      this.#look()
      this.#again()
    })
  }

  get #sessions(): readonly Session[] {
    return this.#options.global.siblings.flatMap((process) =>
      process.running ? [...process.sessions.values()].filter((session) => session.state.phase === 'open') : [],
    )
  }

  #isHearing(): boolean {
    return this.#sessions.some(
      (session) => this.#strangers.has(session.peer) && this.#heard.get(session)?.testimony === undefined,
    )
  }

  #look(): void {
    const { store } = this.#options.global
    for (const session of this.#sessions) this.#hear(session)
    if (store.image.state !== 'recovering' || !this.#options.global.siblings.some((process) => process.running)) {
      if (store.image.state === 'ready') this.#beganMs = undefined
      return
    }
    this.#attempt(() => this.#judge())
  }

  #hear(session: Session): void {
    const { global, clock } = this.#options
    if (global.store.image.state === 'ready' && !this.#strangers.has(session.peer)) return
    const heard = this.#heard.get(session)
    if (heard?.testimony !== undefined || clock.nowMs - (heard?.askedAtMs ?? -answerTimeoutMs) < answerTimeoutMs) return
    this.#heard.set(session, { testimony: undefined, askedAtMs: clock.nowMs, conflicts: [] })
    session.say({ type: 'question', id: `${++this.#questions}`, what: 'remembered', body: '' })
  }

  #take(session: Session, testimony: Testimony): void {
    session.later(
      () => {
        const { conflicts } = this.#witnesses.remember(testimony)
        this.#witnesses.note({ zone: session.peer, heard: true, inStep: false, conflicts })
        this.#heard.set(session, { testimony, askedAtMs: 0, conflicts })
        this.#strangers.delete(session.peer)
        this.#leaseOwn()
        this.#options.tell(
          () =>
            `global has heard ${session.peer} as a witness${conflicts.length > 0 ? `: ${conflicts.join('; ')}` : ''}`,
        )
      },
      () => undefined,
    )
  }

  #judge(): void {
    const { global, clock, random, waitsOf = recoveryWaits, isCalm, zoneCount } = this.#options
    if (this.#beganMs === undefined) {
      this.#beganMs = clock.nowMs
      const person = random.fork(`operator ${this.#times++}`)
      this.#patienceMs = person.between(2_000, 40_000)
      this.#isHasty = person.chance(0.25)
      this.#applied = false
      this.#options.tell(() => `global recovers: ${global.store.image.reasons.join('; ')}`)
    }
    const zones = this.#zones()
    const isBack = zones.length > 0 && zones.every((zone) => zone.connected && zone.heard && zone.inStep)
    const items = isBack ? this.#items(false) : undefined
    const conflicts = this.#sessions.flatMap((session) => this.#heard.get(session)?.conflicts ?? [])
    const waits = waitsOf({ zones, conflicts, items })
    if (waits.length === 0) {
      this.#options.endsBy(zones.map(({ name }) => name))
      this.#finish('all is back')
      return
    }
    if (clock.nowMs - this.#beganMs < this.#patienceMs) return
    // Whoever is told that nobody remembers anything knows which zones there are, and starts them all.
    if (zones.length > 0 && zones.every(({ isKnown }) => !isKnown) && !(isBack && zones.length === zoneCount)) return
    if (items !== undefined && !this.#applied && openItems(items).length > 0) {
      this.#applied = true
      const done = this.#items(true)
      this.#options.tell(
        () => `an operator restores ${done.map((one) => `${one.action} ${one.type} ${one.name}`).join(', ')}`,
      )
      return
    }
    if (items === undefined && (isCalm() || !this.#isHasty)) return
    this.#options.gaveUp(items?.filter((item) => item.action !== 'keep'))
    this.#options.decided(conflicts)
    this.#finish(`an operator goes on without ${waits.map(({ what }) => what).join('; ')}`)
  }

  #items(apply: boolean): readonly RecoveryItem[] {
    const { store } = this.#options.global
    const testimonies = this.#sessions.flatMap((session) => this.#heard.get(session)?.testimony ?? [])
    const request = { testimonies, zone: undefined, actor: 'operator', history: store.logHistory() }
    return store.run(apply ? recoverUnit(request, store.options(store.nowMs())) : recoveryPlanUnit(request))
  }

  #finish(why: string): void {
    const { global, tell } = this.#options
    global.store.finishRecovery()
    tell(() => `global's recovery is over: ${why}`)
    this.#leaseOwn()
  }

  /** What global needs itself was waiting for the witnesses. */
  #leaseOwn(): void {
    for (const process of this.#options.global.siblings) process.initialised()
  }

  #attempt(act: () => void): void {
    const { global } = this.#options
    try {
      act()
    } catch (error) {
      if (!global.watch.isExpected(error)) throw error
    } finally {
      global.watch.changed(global)
    }
  }

  /** Every zone that holds a lease or was ever in step, or was only met and not heard, and those that are here, as global's runtime has it. */
  #zones({ withMet = false }: { readonly withMet?: boolean } = {}): readonly ReturningZone[] {
    const { image, identity } = this.#options.global.store
    const back = new Map(this.#sessions.map((session) => [session.peer, session]))
    const known = new Set([
      ...[...image.blocks.values()].filter(({ storeId }) => storeId !== identity.storeId).map(({ owner }) => owner),
      ...[...image.zones.values()]
        .filter((zone) => zone.everInStep && zone.storeId !== undefined)
        .map(({ name }) => name),
    ])
    const heard = new Set(
      this.#witnesses.within(Number.POSITIVE_INFINITY).flatMap((row) => (row.heard ? row.zone : [])),
    )
    const bound = [...image.zones.values()].filter(
      ({ name, storeId, decommissionedAtMs }) =>
        withMet && storeId !== undefined && decommissionedAtMs === undefined && !heard.has(name),
    )
    const names = new Set([...known, ...back.keys(), ...bound.map(({ name }) => name)])
    names.delete('')
    const living = new Set(
      [...image.rows.values()].flatMap((row) => (row.type === 'Zone' && !row.deleted ? row.name : [])),
    )
    return [...names]
      .filter((name) => living.has(name) || back.has(name))
      .sort()
      .map((name) => {
        const session = back.get(name)
        return {
          name,
          isKnown: known.has(name),
          connected: session !== undefined,
          heard: session !== undefined && this.#heard.get(session)?.testimony !== undefined,
          inStep: session === undefined || isInStep(session),
        }
      })
  }
}

const isInStep = ({ state }: Session): boolean =>
  (['up', 'status'] as const).every((channel) => {
    const machine = state.machines[channel]
    return machine.role === 'receiver' && machine.state.proven !== undefined
  })
