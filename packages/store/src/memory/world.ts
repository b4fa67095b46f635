import {
  type Channel,
  type ChannelContext,
  decide,
  endOf,
  type LogItem,
  type Mark,
  type StoreOp,
  type SyncChannelStore,
  startOfLog,
} from '@holdfast/kds'
import { computedLabels, meshServiceKind, typeOf, utf8 } from '@holdfast/model'
import { block, deleteOf, offerOf, putMesh, service, serviceKey } from '../conformance/fixtures.js'
import { entryOfOffer, type HookCover } from '../plan/index.js'
import type { MemoryStore, Planted } from './memory-store.js'
import { memoryStore } from './testing.js'

export type Zone = 'east' | 'west'

/** One step of a history: what people, links and machines do. */
export type Move =
  | { readonly move: 'put'; readonly zone: Zone; readonly name: string; readonly spec: number }
  | { readonly move: 'delete'; readonly zone: Zone; readonly name: string }
  | { readonly move: 'lease'; readonly zone: Zone }
  | { readonly move: 'sync'; readonly zone: Zone; readonly channel: 'up' | 'down'; readonly batches: number }
  | { readonly move: 'torn'; readonly zone: Zone; readonly channel: 'up' | 'down'; readonly batches: number }
  | { readonly move: 'mesh'; readonly there: boolean }
  | { readonly move: 'forge'; readonly zone: Zone; readonly name: string }
  | { readonly move: 'readdress'; readonly zone: Zone; readonly name: string }
  | { readonly move: 'supersede'; readonly zone: Zone }

/** Mistakes made on purpose. Each breaks one law, and the law's property has to notice. */
export interface Bugs {
  readonly global?: Planted
  readonly zone?: Planted
  /** What a channel of a receiver does instead. */
  readonly receiver?: (channel: SyncChannelStore, context: ChannelContext, store: MemoryStore) => SyncChannelStore
  /** What global publishes only with a hook's consent; no mistake. */
  readonly hooks?: HookCover
  /** Whether a session's fence is looked at. */
  readonly withoutFence?: boolean
}

/** Every batch that a range may have: more than any history here makes. */
export const allBatches = 1_000
const zones: readonly Zone[] = ['east', 'west']
const blockOf: Readonly<Record<Zone, string>> = { east: '241.16.0.0/28', west: '241.16.0.16/28' }

class Torn extends Error {}

/** A global and two zones on stores in memory, and links that carry what the channels say. */
export class World {
  readonly global: MemoryStore
  readonly zones: Readonly<Record<Zone, MemoryStore>>
  /** Digest entries of everything that came in on a zone's own connection. */
  readonly said: Readonly<Record<Zone, Set<string>>> = { east: new Set(), west: new Set() }
  readonly #bugs: Bugs
  #nowMs = 1_700_000_000_000
  readonly #fences = new Map<Zone, { readonly sessionId: string; readonly fence: number }>()
  readonly #superseded: {
    readonly zone: Zone
    readonly fence: { readonly sessionId: string; readonly fence: number }
  }[] = []
  #sessions = 0

  constructor(bugs: Bugs = {}) {
    this.#bugs = bugs
    const nowMs = () => this.#nowMs
    this.global = memoryStore({ role: 'global', name: '', nowMs, hooks: bugs.hooks }, bugs.global)
    const zone = (name: Zone) => memoryStore({ role: 'zone', name, nowMs }, bugs.zone)
    this.zones = { east: zone('east'), west: zone('west') }
    for (const store of this.stores()) store.initialise({ actor: 'world', random: Uint8Array.of(1, 2, 3, 4, 5) })
    this.global.apply({ changes: [putMesh('default')], atomic: true, actor: 'world' })
    for (const name of zones) this.#openSession(name)
  }

  stores(): readonly MemoryStore[] {
    return [this.global, this.zones.east, this.zones.west]
  }

  /** Whether a move was one that nobody may see an effect of, and had one. */
  do(move: Move): void {
    this.#nowMs += 1_000
    switch (move.move) {
      case 'put':
        this.#put(move.zone, move.name, move.spec)
        return
      case 'delete':
        this.zones[move.zone].apply({ changes: [deleteOf(serviceKey(move.name))], atomic: true, actor: 'world' })
        return
      case 'lease': {
        const { storeId } = this.zones[move.zone].identity
        const leased = block({ cidr: blockOf[move.zone], owner: move.zone, storeId })
        this.zones[move.zone].channel({ channel: 'down', peer: '' }).perform({
          op: 'apply',
          batch: { type: 'VipBlock', offers: [offerOf(leased)], removals: [], absent: [] },
          nowMs: this.#nowMs,
        })
        return
      }
      case 'sync':
        this.sync(move.zone, move.channel, move.batches)
        return
      case 'torn': {
        const store = move.channel === 'up' ? this.global : this.zones[move.zone]
        let left = move.batches
        store.failCommits(() => (left-- > 0 ? undefined : new Torn('power was lost')))
        try {
          this.sync(move.zone, move.channel, allBatches)
        } catch (error) {
          if (!(error instanceof Torn)) throw error
        } finally {
          store.failCommits(undefined)
        }
        return
      }
      case 'mesh':
        this.global.apply({
          changes: [move.there ? putMesh('default') : deleteOf({ type: 'Mesh', mesh: '', name: 'default' })],
          atomic: true,
          actor: 'world',
        })
        return
      case 'forge': {
        const other = move.zone === 'east' ? 'west' : 'east'
        this.#offer(move.zone, service({ name: move.name, zone: other }))
        return
      }
      case 'readdress': {
        const vips = { addresses: ['241.16.0.31'], generation: 0 }
        this.#offer(move.zone, service({ name: move.name, zone: move.zone, vips }))
        return
      }
      case 'supersede':
        this.#openSession(move.zone)
        return
    }
  }

  #put(zone: Zone, name: string, spec: number): void {
    const type = typeOf('MeshService')
    this.zones[zone].apply({
      changes: [
        {
          change: 'put',
          key: serviceKey(name),
          content: { labels: computedLabels(type, 'default', name, 'zone', zone, {}), typeUrl: '', spec: specOf(spec) },
          namespace: '',
          displayName: name,
          wantsVip: true,
        },
      ],
      atomic: true,
      actor: 'world',
    })
  }

  #offer(zone: Zone, resource: ReturnType<typeof service>): void {
    this.receiver(zone, 'up').perform({
      op: 'apply',
      batch: { type: 'MeshService', offers: [offerOf(resource)], removals: [], absent: [] },
      nowMs: this.#nowMs,
    })
  }

  #openSession(zone: Zone): void {
    const before = this.#fences.get(zone)
    if (before !== undefined) this.#superseded.push({ zone, fence: before })
    this.#sessions++
    const sessionId = `session ${this.#sessions}`
    this.#fences.set(zone, { sessionId, ...this.global.openSession(zone, sessionId) })
  }

  /** Channels of sessions that were superseded: nothing that they write may stay. */
  ghosts(): readonly { readonly zone: Zone; readonly channel: SyncChannelStore }[] {
    return this.#superseded.map(({ zone, fence }) => ({
      zone,
      channel: this.global.channel({
        channel: 'up',
        peer: zone,
        fence: this.#bugs.withoutFence === true ? undefined : fence,
      }),
    }))
  }

  sender(zone: Zone, channel: Channel): SyncChannelStore {
    return channel === 'down'
      ? this.global.channel({ channel, peer: zone })
      : this.zones[zone].channel({ channel, peer: '' })
  }

  receiver(zone: Zone, channel: Channel): SyncChannelStore {
    const store = channel === 'down' ? this.zones[zone] : this.global
    const context: ChannelContext =
      channel === 'down' ? { channel, peer: '' } : { channel, peer: zone, fence: this.#fences.get(zone) }
    const receiver = this.#bugs.receiver?.(store.channel(context), context, store) ?? store.channel(context)
    if (channel !== 'up') return receiver
    return {
      perform: <O extends StoreOp>(op: O) => {
        if (op.op === 'apply')
          for (const { resource } of op.batch.offers) this.said[zone].add(entryOfOffer(resource, zone))
        return receiver.perform(op)
      },
    }
  }

  /** One connection, cut after so many batches. True if the receiver was in step at its end. */
  sync(zone: Zone, channel: Channel, batches: number): boolean {
    const [sender, receiver] = [this.sender(zone, channel), this.receiver(zone, channel)]
    for (let round = 0; round < 3; round++) {
      const standing = receiver.perform({ op: 'standing' })
      const begin = decide(standing, sender.perform({ op: 'compare', standing }))
      switch (begin.mode) {
        case 'in-step':
          return receiver.perform({ op: 'verify', mark: begin.mark }).verified
        case 'full':
        case 'resume': {
          const from =
            standing.partial ?? (standing.cursor === undefined ? startOfLog : endOf(standing.cursor.revision))
          const withRemovals = begin.mode === 'resume'
          const outcome = this.#range(sender, receiver, withRemovals ? from : startOfLog, withRemovals, batches)
          if (outcome !== 'differs') return outcome === 'in step'
          this.#repair(sender, receiver)
          break
        }
        case 'repair':
          this.#repair(sender, receiver)
          break
      }
    }
    return false
  }

  #range(
    sender: SyncChannelStore,
    receiver: SyncChannelStore,
    start: typeof startOfLog,
    withRemovals: boolean,
    batches: number,
  ): 'in step' | 'cut' | 'differs' {
    let from = start
    let left = batches
    for (;;) {
      const page = sender.perform({ op: 'changes', from, limitBytes: 700, withRemovals })
      const items: readonly (LogItem | undefined)[] = page.items.length === 0 ? [undefined] : page.items
      for (const [i, item] of items.entries()) {
        if (left-- <= 0) return 'cut'
        const last = i === items.length - 1
        const progress = {
          cursorEpoch: page.epoch,
          through: page.through,
          lastOfPage: last,
          ...(last && page.head !== undefined ? { mark: page.head } : {}),
        }
        const change = item?.change
        const { verified } = receiver.perform({
          op: 'apply',
          batch: {
            type: item?.type ?? '',
            offers: change !== undefined && 'offer' in change ? [change.offer] : [],
            removals: change !== undefined && 'removal' in change ? [change.removal] : [],
            absent: [],
            progress,
          },
          nowMs: this.#nowMs,
        })
        if (verified !== undefined) return verified ? 'in step' : 'differs'
      }
      from = page.through
    }
  }

  /** Whole types, as small ones are compared. */
  #repair(sender: SyncChannelStore, receiver: SyncChannelStore): void {
    const mark: Mark = sender.perform({ op: 'mark' })
    const standing = receiver.perform({ op: 'standing' })
    const { typeDigests } = sender.perform({ op: 'compare', standing: { offered: standing.offered } })
    const types = [...typeDigests, ...receiver.perform({ op: 'offered-types' })].map(({ type }) => type)
    for (const resourceType of new Set(types)) {
      const entries = receiver.perform({ op: 'offered-entries', resourceType, buckets: [] })
      const parts = sender.perform({ op: 'repair', resourceType, buckets: [], entries })
      receiver.perform({
        op: 'apply',
        batch: { type: resourceType, ...parts, epoch: mark.cursor.epoch },
        nowMs: this.#nowMs,
      })
    }
  }
}

/** Some specs carry a field of the future; some are none at all, and every receiver refuses them. */
function specOf(spec: number): Uint8Array {
  if (spec === 0) return utf8('not JSON')
  return utf8(`{"state":"Available","zz":{"b":${spec},"a":1},"ports":[{"port":${spec},"appProtocol":"tcp"}]}`)
}

/** What a receiver that thinks it knows the schema would make of a spec. */
export const schemaOnly = (spec: Uint8Array): Uint8Array => {
  const read = meshServiceKind.read(spec)
  return read === undefined ? spec : utf8(JSON.stringify({ ports: read.ports }))
}
