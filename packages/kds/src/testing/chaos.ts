import { digestEquals } from '@holdfast/model'
import fc from 'fast-check'
import type { Channel, Cursor, SessionMessage } from '../messages.js'
import { comparePositions, endOf } from '../position.js'
import type { Batch } from '../sync-store.js'
import { digestOf, entryOf, toyTypes } from './toy.js'
import { other, type Side, sides, World, type WorldOptions } from './world.js'

/** One thing that fate does to a zone and its global. */
export type Fate =
  | {
      readonly fate: 'change'
      readonly channel: Channel
      readonly id: string
      readonly text: string | undefined
      readonly hinted: boolean
    }
  | { readonly fate: 'move'; readonly choice: number; readonly count: number }
  | { readonly fate: 'cut' | 'connect' | 'wait' | 'compact' | 'epoch' }
  | { readonly fate: 'refuse' | 'allow' | 'lose' | 'ghost'; readonly channel: Channel; readonly id: string }
  /** Something that was said before arrives again. */
  | { readonly fate: 'replay'; readonly kind: 'ack' | 'delta'; readonly choice: number }

const channel = fc.constantFrom<Channel>('down', 'up', 'status')
const id = fc
  .tuple(fc.constantFrom(...toyTypes), fc.integer({ min: 0, max: 3 }))
  .map(([type, number]) => `${type}/n${number}`)
const fate = <T extends Fate['fate']>(name: T): fc.Arbitrary<T> => fc.constant(name)
const onRow = (name: 'refuse' | 'allow' | 'lose' | 'ghost'): fc.Arbitrary<Fate> =>
  fc.record({ fate: fate(name), channel, id })
const text = fc.option(fc.constantFrom('v1', 'v2', 'v3'), { nil: undefined })

export const fates: fc.Arbitrary<readonly Fate[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Fate>[]>(
    { weight: 12, arbitrary: fc.record({ fate: fate('change'), channel, id, text, hinted: fc.boolean() }) },
    {
      weight: 14,
      arbitrary: fc.record({ fate: fate('move'), choice: fc.nat(50), count: fc.integer({ min: 1, max: 12 }) }),
    },
    { weight: 2, arbitrary: fc.record({ fate: fate('cut') }) },
    { weight: 4, arbitrary: fc.record({ fate: fate('connect') }) },
    { weight: 2, arbitrary: fc.record({ fate: fate('wait') }) },
    { weight: 1, arbitrary: fc.record({ fate: fate('compact') }) },
    { weight: 1, arbitrary: fc.record({ fate: fate('epoch') }) },
    { weight: 2, arbitrary: onRow('refuse') },
    { weight: 1, arbitrary: onRow('allow') },
    { weight: 2, arbitrary: onRow('lose') },
    { weight: 1, arbitrary: onRow('ghost') },
    {
      weight: 6,
      arbitrary: fc.record({
        fate: fate('replay'),
        kind: fc.constantFrom('ack' as const, 'delta' as const),
        choice: fc.nat(50),
      }),
    },
  ),
  // Long ones: what is said again must have had time to become old.
  { minLength: 10, maxLength: 80, size: 'max' },
)

export interface ChaosOptions extends WorldOptions {
  readonly how?: 'extension' | 'plain'
  /** Kinds of fate that this world does not know. */
  readonly spared?: readonly Fate['fate'][]
}

/** Lives through a list of fates and notes every law that is broken on the way. */
export class Chaos {
  readonly world: World
  readonly broken: string[] = []
  private epochs = 1
  private readonly said: Record<Side, SessionMessage[]> = { zone: [], global: [] }
  private readonly stored = new Map<Channel, { epoch: string; revision: number }>()

  constructor(private readonly options: ChaosOptions = {}) {
    this.world = new World(options)
    for (const channel of ['down', 'up', 'status'] as const) {
      this.log(channel).pageMax = 300
      this.replica(channel).onApply = (batch) => this.look(channel, batch)
      this.log(channel).onAcked = (cursor) => this.believe(channel, cursor)
    }
  }

  log(channel: Channel) {
    return channel === 'down' ? this.world.global.down : this.world.zone[channel]
  }

  replica(channel: Channel) {
    return channel === 'down' ? this.world.zone.down : this.world.global[channel]
  }

  live(fates: readonly Fate[]): void {
    for (const fate of fates) {
      if (this.options.spared?.includes(fate.fate)) continue
      this.suffer(fate)
    }
  }

  private suffer(f: Fate): void {
    const { world } = this
    switch (f.fate) {
      case 'change': {
        const [type = '', name = ''] = f.id.split('/')
        if (f.text === undefined) this.log(f.channel).remove(type, name)
        else this.log(f.channel).put(type, name, f.text)
        if (f.hinted) world.hint(f.channel === 'down' ? 'global' : 'zone', f.channel)
        return
      }
      case 'move':
        for (let i = 0; i < f.count; i++) {
          const moves = world.moves()
          const move = moves[(f.choice + i) % Math.max(1, moves.length)]
          if (move !== undefined) this.watched(() => world.make(move))
        }
        return
      case 'connect':
        // As a zone does: only when it has no session. Conversations must become long enough to go wrong.
        if (!this.isUp()) this.connect()
        return
      case 'cut':
        world.cut()
        return
      case 'wait':
        this.watched(() => world.pass(5000, 5000))
        return
      case 'compact':
        for (const c of ['down', 'up', 'status'] as const) this.log(c).compact()
        return
      case 'epoch':
        this.epochs += 1
        this.log('down').newEpoch(`e${this.epochs}`)
        return
      case 'refuse':
        this.replica(f.channel).refuses.add(f.id)
        return
      case 'allow':
        this.replica(f.channel).refuses.delete(f.id)
        return
      case 'lose':
        this.replica(f.channel).offered.delete(f.id)
        this.replica(f.channel).held.delete(f.id)
        return
      case 'ghost': {
        const [type = '', name = ''] = f.id.split('/')
        this.replica(f.channel).offered.set(f.id, { type, name, entry: entryOf(type, name, 'ghost') })
        this.replica(f.channel).held.set(f.id, 'ghost')
        return
      }
      case 'replay':
        this.replay(f.kind, f.choice)
    }
  }

  private isUp(): boolean {
    return sides.every((side) => {
      const session = this.world.sessions[side]
      return session !== undefined && session.phase !== 'closed'
    })
  }

  connect(): void {
    this.said.zone = []
    this.said.global = []
    this.watched(() => this.world.connect(this.options.how ?? 'extension'))
  }

  /** Remembers what is said, so that it can be said again. */
  private watched(act: () => void): void {
    const from = this.world.effects.length
    act()
    for (const { side, effect } of this.world.effects.slice(from))
      if (effect.type === 'send') this.said[side].push(effect.message)
  }

  private replay(kind: 'ack' | 'delta', choice: number): void {
    const from = sides[choice % 2] ?? 'zone'
    const to = other(from)
    const old = this.said[from].filter((m) => (kind === 'ack' ? this.answersWhatFlies(to, m) : isWholePage(m)))
    const message = old[choice % Math.max(1, old.length)]
    if (message === undefined) return
    this.watched(() => this.world.feed(to, { type: 'received', message, nowMs: this.world.nowMs }))
  }

  /** An answer of before, about a type of which something else is on its way: the one that can be mistaken. */
  private answersWhatFlies(side: Side, m: SessionMessage): boolean {
    if (m.type !== 'to-sender' || (m.message.type !== 'ack' && m.message.type !== 'nack')) return false
    const machine = this.world.sessions[side]?.machines[m.channel]
    const flight = machine?.role === 'sender' ? machine.state.flights.get(m.message.resourceType) : undefined
    return flight !== undefined && flight.nonce !== m.message.nonce
  }

  /** MONO: within an epoch, nothing older than the cursor is applied. */
  private look(channel: Channel, { progress }: Batch): void {
    if (progress === undefined) return
    const { cursor } = this.replica(channel)
    const { cursorEpoch: epoch, through } = progress
    if (cursor?.epoch === epoch && comparePositions(through, endOf(cursor.revision)) < 0)
      this.broken.push(`MONO ${channel}: applied through ${through.revision}, the cursor was ${cursor.revision}`)
    if (progress.lastOfPage) this.stored.set(channel, { epoch, revision: through.revision })
  }

  /**
   * ACKED: when a sender begins to believe, what it believes is stored. Either the range through there is, or what the
   * receiver was offered is the view at exactly that revision (a proof, or a peer without positions).
   */
  private believe(channel: Channel, acked: Cursor): void {
    const known = [this.replica(channel).cursor, this.stored.get(channel)]
    if (known.some((c) => c?.epoch === acked.epoch && c.revision >= acked.revision)) return
    const view = this.log(channel).views.get(`${acked.epoch}@${acked.revision}`)
    if (view !== undefined && digestEquals(view, digestOf(this.replica(channel).entries()))) return
    this.broken.push(`ACKED ${channel}: believed through ${acked.revision}, which is not stored`)
  }

  /** Nothing bad happens any more: everything must come to rest, and stay. */
  calm(rounds = 3): void {
    for (let round = 0; round < rounds; round++) {
      if (!this.isUp()) this.connect()
      this.world.run()
      this.world.pass(65_000, 5000)
    }
  }

  /** EQ: what was offered is the view, and refusals are all that differs from what is kept. */
  differences(channels: readonly Channel[] = ['down', 'up', 'status']): readonly string[] {
    return channels.flatMap((channel) => {
      const [log, replica] = [this.log(channel), this.replica(channel)]
      const equal = digestEquals(digestOf(log.entries()), digestOf(replica.entries()))
      const wanted = [...log.rows].flatMap(([id, row]) => (row.text === undefined ? [] : [`${id}=${row.text}`]))
      const held = new Set([...replica.held].map(([id, text]) => `${id}=${text}`))
      const missing = wanted.filter((row) => !held.has(row) && !replica.refuses.has(row.split('=')[0] ?? ''))
      const surplus = [...replica.held.keys()].filter((id) => log.rows.get(id)?.text === undefined)
      return [
        ...(equal ? [] : [`EQ ${channel}: digests differ`]),
        ...missing.map((row) => `EQ ${channel}: ${row} is not held`),
        ...surplus.map((row) => `EQ ${channel}: ${row} is held but gone`),
      ]
    })
  }
}

const isWholePage = (m: SessionMessage): boolean =>
  m.type === 'to-receiver' &&
  m.message.type === 'delta' &&
  m.message.delta.purpose.kind === 'range' &&
  m.message.delta.purpose.parts === 1
