import type { Offer, PlainMessage, PlainResponse } from '@holdfast/kds'
import { contentHash, type ExportedResource, hex, wireKey } from '@holdfast/model'
import { type Clock, Scope } from './clock.js'
import { KumaOwn } from './kuma-own.js'
import { type End, type Link, type Stream, streams } from './network.js'
import type { Random } from './random.js'

/** Of what a Kuma asks for, the types that occur here; it asks for 45. */
export const kumaAsksFor = ['Mesh', 'MeshTimeout', 'MeshService', 'MeshMultiZoneService'] as const
/** What global asks it for: of 32, what it has, and two of which it has nothing. */
export const kumaIsAskedFor = ['Dataplane', 'DataplaneInsight', 'MeshService', 'ZoneIngress'] as const

/** Sees what a Kuma zone does with what it is told. */
export interface KumaWatch {
  /** A response was obeyed, whatever it said. `undefined`: gone. */
  took(zone: KumaZone, type: string, changes: ReadonlyMap<string, Offer | undefined>): void
  /** It says this of its own; global may or may not hear it. */
  said(zone: KumaZone, type: string, offers: readonly Offer[]): void
  told(zone: KumaZone, line: () => string): void
}

export interface KumaZoneOptions {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly world: Scope
  readonly watch: KumaWatch
  /** Opens one of its streams to some process of global; undefined while there is no way. */
  readonly dial: (zone: KumaZone, stream: Stream, sessionId: string) => Link | undefined
}

/** What its restarts wait for: doubled each time, and from the beginning after a run that was longer than the longest. */
const backoffMs = 5_000
const backoffMaxMs = 60_000
/** A response is stored before the next one is looked at. */
/** A half-open stream is noticed by what the transport asks now and then: both ends hear that it is over. */
const noticesMs = [5_000, 20_000] as const
const storeMs = [2, 60] as const
const refusesChance = 0.04

/** Both streams of one run: when either ends, the run is over. */
interface Run {
  readonly scope: Scope
  readonly beganMs: number
  readonly links: Map<Stream, Link>
  /** Types that it has answered on this stream: before that, what comes is the whole list. */
  readonly answered: Set<string>
  readonly inbox: PlainResponse[]
  isStoring: boolean
  readonly subscriptions: Map<string, Subscription>
  nonce: number
}

interface Subscription {
  /** What it believes to be held there, for it has sent it. */
  readonly returned: Map<string, ExportedResource>
  /** It has been answered since the last response: a change may be sent. */
  armed: boolean
}

/**
 * A zone that speaks the original KDS as a Kuma does: without a proof and without a position, the full list of each type
 * first on each stream, whatever comes first is all that there is, and what was sent counts as delivered.
 */
export class KumaZone {
  readonly name: string
  readonly own: KumaOwn
  /** What it was told, by type and wire key; it outlives its processes. */
  readonly held = new Map<string, Map<string, Offer>>()
  readonly #options: KumaZoneOptions
  #process: Scope
  #run: Run | undefined
  #tries = 0
  #isCalm = false

  constructor(options: KumaZoneOptions) {
    this.name = options.name
    this.own = new KumaOwn(options.name)
    this.#options = options
    this.#process = new Scope(options.world)
    this.#process.close()
  }

  get running(): boolean {
    return !this.#process.closed
  }

  get links(): readonly Link[] {
    return [...(this.#run?.links.values() ?? [])]
  }

  start(): void {
    if (this.running) return
    this.#process = new Scope(this.#options.world)
    this.#tries = 0
    this.#again(this.#options.random.between(100, 1_000))
  }

  /** kill -9; what it has stored stays. */
  crash(): void {
    for (const link of this.links) link.die('zone')
    this.#run?.scope.close()
    this.#run = undefined
    this.#process.close()
  }

  /** It refuses nothing any more. */
  calm(): void {
    this.#isCalm = true
  }

  silence(link: Link, from: End): void {
    const { clock, random } = this.#options
    link.silence(from)
    clock.after(random.between(...noticesMs), link.scope, () => link.cut())
  }

  disconnect(): void {
    this.#over('asked to')
  }

  /** Its people do something. */
  act(random: Random): string {
    const meshes = [...(this.held.get('Mesh')?.values() ?? [])].map(({ resource }) => resource.name)
    const deed = this.own.act(random, meshes)
    const run = this.#run
    if (run !== undefined) for (const type of run.subscriptions.keys()) this.#offer(run, type, false)
    return deed
  }

  /** On its present streams it was told everything once, and has said everything that it has. */
  get isListed(): boolean {
    const run = this.#run
    if (run === undefined || run.isStoring || run.inbox.length > 0) return false
    return (
      kumaAsksFor.every((type) => run.answered.has(type)) &&
      kumaIsAskedFor.every((type) => run.subscriptions.get(type)?.armed === true && !this.#differs(run, type))
    )
  }

  /** Global has taken this stream. */
  opened(link: Link, stream: Stream): void {
    const run = this.#run
    if (run?.links.get(stream) !== link || stream !== 'GlobalToZoneSync') return
    for (const resourceType of kumaAsksFor)
      link.send('zone', { type: 'plain', message: { type: 'subscribe', resourceType, initialVersions: {} } })
  }

  #again(waitMs: number): void {
    const { clock, random, dial } = this.#options
    clock.after(waitMs, this.#process, () => {
      const run: Run = {
        ...{ scope: new Scope(this.#process), beganMs: clock.nowMs, links: new Map(), answered: new Set() },
        ...{ inbox: [], isStoring: false, subscriptions: new Map(), nonce: 0 },
      }
      this.#run = run
      for (const stream of streams) {
        const link = dial(this, stream, random.uuid())
        if (link === undefined) return this.#over('nobody answers')
        run.links.set(stream, link)
        link.attach('zone', {
          received: (message) => {
            if (message.type === 'plain') this.#received(run, link, message.message)
          },
          ended: (_, reason) => {
            if (this.#run === run) this.#over(reason)
          },
        })
      }
    })
  }

  #over(reason: string): void {
    const run = this.#run
    if (run === undefined) return
    const { clock, random, watch } = this.#options
    this.#run = undefined
    run.scope.close()
    for (const link of run.links.values()) link.close('zone', reason)
    if (clock.nowMs - run.beganMs > backoffMaxMs) this.#tries = 0
    const waitMs = Math.min(backoffMaxMs, backoffMs * 2 ** this.#tries++) * (0.95 + random.fraction() / 10)
    watch.told(this, () => `its streams are over: ${reason}; again in ${waitMs.toFixed(0)} ms`)
    this.#again(waitMs)
  }

  #received(run: Run, link: Link, message: PlainMessage): void {
    if (run.scope.closed) return
    if (message.type === 'response') {
      run.inbox.push(message)
      this.#store(run, link)
    } else this.#asked(run, message)
  }

  /** One after the other, whatever type it is of. */
  #store(run: Run, link: Link): void {
    const [response] = run.inbox
    if (response === undefined || run.isStoring) return
    const { clock, random } = this.#options
    run.isStoring = true
    clock.after(random.between(...storeMs), run.scope, () => {
      run.inbox.shift()
      run.isStoring = false
      const { resourceType, nonce } = response
      const refused = this.#isCalm || !random.chance(refusesChance) ? undefined : random.pick(response.offers)
      this.#obey(response, !run.answered.has(resourceType), refused)
      run.answered.add(resourceType)
      const message: PlainMessage =
        refused === undefined
          ? { type: 'ack', resourceType, nonce }
          : { type: 'nack', resourceType, nonce, message: `name: ${refused.resource.name} is not to my liking` }
      link.send('zone', { type: 'plain', message })
      this.#store(run, link)
    })
  }

  /** Of a whole list only what is refused keeps its older copy; what is not in it is gone. */
  #obey({ resourceType, offers, removals }: PlainResponse, isWhole: boolean, refused: Offer | undefined): void {
    const before = this.held.get(resourceType) ?? new Map<string, Offer>()
    const changes = new Map<string, Offer | undefined>()
    if (isWhole) for (const key of before.keys()) changes.set(key, undefined)
    for (const key of removals) changes.set(key, undefined)
    for (const offer of offers) changes.set(keyOf(offer.resource), offer)
    if (refused !== undefined) changes.delete(keyOf(refused.resource))
    const after = new Map(before)
    for (const [key, offer] of changes)
      if (offer === undefined) after.delete(key)
      else after.set(key, offer)
    this.held.set(resourceType, after)
    this.#options.watch.took(this, resourceType, changes)
  }

  #asked(run: Run, { type, resourceType }: Exclude<PlainMessage, PlainResponse>): void {
    const known = run.subscriptions.get(resourceType)
    const subscription = known ?? { returned: new Map<string, ExportedResource>(), armed: true }
    run.subscriptions.set(resourceType, subscription)
    subscription.armed = true
    this.#offer(run, resourceType, type === 'subscribe')
  }

  #ownOf(type: string): ReadonlyMap<string, ExportedResource> {
    return this.own.byType.get(type) ?? new Map()
  }

  #differs({ subscriptions }: Run, type: string): boolean {
    const returned = subscriptions.get(type)?.returned
    const own = this.#ownOf(type)
    return returned?.size !== own.size || [...own].some(([key, resource]) => returned.get(key) !== resource)
  }

  #offer(run: Run, resourceType: string, evenEmpty: boolean): void {
    const subscription = run.subscriptions.get(resourceType)
    const link = run.links.get('ZoneToGlobalSync')
    if (subscription?.armed !== true || link === undefined) return
    const { returned } = subscription
    const own = this.#ownOf(resourceType)
    const changed = [...own].filter(([key, resource]) => returned.get(key) !== resource)
    const removals = [...returned.keys()].filter((key) => !own.has(key))
    if (changed.length === 0 && removals.length === 0 && !evenEmpty) return
    subscription.armed = false
    for (const [key, resource] of changed) returned.set(key, resource)
    for (const key of removals) returned.delete(key)
    const offers = changed.map(([, resource]) => ({ version: hex(contentHash(resource)), resource }))
    this.#options.watch.said(this, resourceType, offers)
    const nonce = String(++run.nonce)
    link.send('zone', { type: 'plain', message: { type: 'response', resourceType, nonce, offers, removals } })
  }
}

const keyOf = ({ mesh, name }: ExportedResource): string => wireKey(mesh, name)
