import { digestEquals } from '@holdfast/model'
import type { Channel, StoreState } from '../messages.js'
import { digestOf } from './toy.js'
import { type Side, sides, World } from './world.js'

/**
 * A golden conversation: lines that begin with `>` are commands, `#` are comments, and everything else is what came of
 * it, compared whole. Commands:
 *
 *   put|remove CHANNEL TYPE/NAME [TEXT]   at the sender of the channel; the sessions are told (`quietly` before it: not)
 *   many CHANNEL TYPE COUNT               so many at once, quietly
 *   pages CHANNEL COUNT                   pages of so many items
 *   connect [plain|late], cut, run, steps COUNT, tick SIDE, pass SECONDS, freeze SIDE, thaw SIDE
 *   types SIDE NAME+NAME (what it syncs), forget SIDE (what it was told)
 *   garble|mend TYPE/NAME (in transit), refuse|allow CHANNEL TYPE/NAME, lose CHANNEL TYPE/NAME, rot CHANNEL (loses each time it is looked at)
 *   snapshot CHANNEL, restore CHANNEL, epoch CHANNEL NAME, compact CHANNEL
 *   state SIDE STATE, entry REASON, stall SECONDS, headers, ack TYPE NONCE, say question|lease, count, show
 */
export function play(script: string): string {
  const world = new World()
  const player = new Player(world)
  const out: string[] = []
  for (const line of script.split('\n')) {
    if (line.startsWith('#')) out.push(line)
    if (!line.startsWith('>')) continue
    out.push(line)
    const before = world.lines.length
    const said = player.command(line.slice(1).trim().split(' '))
    out.push(...world.lines.slice(before), ...said.map((s) => `  ${s}`), '')
  }
  return `${out.join('\n').trimEnd()}\n`
}

class Player {
  private snapshots = new Map<string, () => void>()
  private countedFrom = 0

  constructor(private readonly world: World) {}

  command(words: readonly string[]): readonly string[] {
    const { world } = this
    const [verb = '', a = '', b = '', c = ''] = words
    switch (verb) {
      case 'quietly':
        this.change(words.slice(1))
        return []
      case 'put':
      case 'remove':
        world.hint(sendingSide(this.change(words)), channelOf(a))
        return []
      case 'many':
        for (let i = 0; i < Number(c); i++) this.log(a).put(b, `n${i}`, 'x')
        return []
      case 'pages':
        this.log(a).pageMax = Number(b) * 100
        return []
      case 'connect':
        world.connect(a === 'plain' || a === 'late' ? a : 'extension')
        return []
      case 'headers':
        world.feed('zone', { type: 'headers', extension: true, nowMs: world.nowMs })
        return []
      case 'cut':
        world.cut()
        return []
      case 'run':
        world.run()
        return []
      case 'steps':
        world.steps(Number(a))
        return []
      case 'tick':
        world.tick(sideOf(a))
        return []
      case 'pass':
        world.pass(Number(a) * 1000)
        return []
      case 'stall':
        world.nowMs += Number(a) * 1000
        return []
      case 'freeze':
        world.frozen.add(sideOf(a))
        return []
      case 'thaw':
        world.frozen.delete(sideOf(a))
        return []
      case 'types':
        world.types[sideOf(a)] = b.split('+')
        return []
      case 'forget':
        delete world.told[sideOf(a)]
        return []
      case 'garble':
        world.garbled.add(a)
        return []
      case 'mend':
        world.garbled.delete(a)
        return []
      case 'refuse':
        this.replica(a).refuses.add(b)
        return []
      case 'allow':
        this.replica(a).refuses.delete(b)
        return []
      case 'lose':
        this.replica(a).offered.delete(b)
        this.replica(a).held.delete(b)
        return []
      case 'rot':
        this.rot(a, b)
        return []
      default:
        return this.rare(verb, a, b, c)
    }
  }

  private rare(verb: string, a: string, b: string, c: string): readonly string[] {
    const { world } = this
    switch (verb) {
      case 'snapshot':
        this.snapshots.set(a, this.log(a).snapshot())
        return []
      case 'restore':
        this.snapshots.get(a)?.()
        return []
      case 'epoch':
        this.log(a).newEpoch(b)
        return []
      case 'compact':
        this.log(a).compact()
        return []
      case 'state':
        world.states[sideOf(a)] = stateOf(b)
        world.feed(sideOf(a), { type: 'storeState', state: stateOf(b), nowMs: world.nowMs })
        return []
      case 'entry':
        world.global.down.refusesEntry = a.replaceAll('_', ' ')
        return []
      case 'ack':
        // Of the zone, about `down`, whatever has been sent.
        world.feed('global', {
          type: 'received',
          message: { type: 'to-sender', channel: 'down', message: { type: 'ack', resourceType: a, nonce: b } },
          nowMs: world.nowMs,
        })
        return []
      case 'say':
        return this.say(a, b)
      case 'count':
        return this.count()
      case 'show':
        return this.show()
      default:
        throw new Error(`no such command: ${[verb, a, b, c].join(' ')}`)
    }
  }

  private say(what: string, body: string): readonly string[] {
    const { world } = this
    const { nowMs } = world
    if (what === 'question')
      world.feed('global', { type: 'say', message: { type: 'question', id: '1', what: 'vips', body }, nowMs })
    if (what === 'lease') {
      const demands = [{ kind: 'MeshService', active: 1, pending: 2 }]
      world.feed('zone', { type: 'say', message: { type: 'lease', demands, wantedCidrs: [] }, nowMs })
    }
    return []
  }

  private change([verb = '', channel = '', id = '', text = '']: readonly string[]): string {
    const [type = '', name = ''] = id.split('/')
    if (verb === 'put') this.log(channel).put(type, name, text)
    else this.log(channel).remove(type, name)
    return channel
  }

  /** A row that comes back and is lost again before anyone looks at the sum. */
  private rot(channel: string, id: string): void {
    const replica = this.replica(channel)
    const perform = replica.perform.bind(replica)
    replica.perform = (op) => {
      const lose = () => {
        replica.offered.delete(id)
        replica.held.delete(id)
      }
      if (op.op !== 'apply') lose()
      if (op.op === 'apply' && op.batch.progress !== undefined) lose()
      return perform(op)
    }
  }

  private log(channel: string) {
    return channel === 'down' ? this.world.global.down : this.world.zone[channel === 'up' ? 'up' : 'status']
  }

  private replica(channel: string) {
    return channel === 'down' ? this.world.zone.down : this.world.global[channel === 'up' ? 'up' : 'status']
  }

  private count(): readonly string[] {
    const since = this.world.effects.slice(this.countedFrom)
    this.countedFrom = this.world.effects.length
    return sides.map((side) => {
      const own = since.filter((e) => e.side === side).map((e) => e.effect)
      const sent = own.filter((e) => e.type === 'send' || e.type === 'sendPlain').length
      const writes = own.filter((e) => e.type === 'store' && e.op.op === 'apply').length
      return `${side}: ${sent} messages sent, ${writes} batches applied`
    })
  }

  private show(): readonly string[] {
    return (['down', 'up', 'status'] as const).map((channel) => {
      const [log, replica] = [this.log(channel), this.replica(channel)]
      const held = [...replica.held].map(([id, text]) => `${id}=${text}`).sort()
      const some = held.length > 8 ? `${held.length} rows` : held.join(' ')
      const same = digestEquals(digestOf(log.entries()), digestOf(replica.entries()))
      const { cursor } = replica
      const at = cursor === undefined ? 'no cursor' : `${cursor.epoch}@${cursor.revision}`
      return `${channel}: ${same ? 'in step' : 'DIFFERENT'} at ${at}, acked ${log.acked?.revision ?? 'nothing'}, held: ${some || 'nothing'}`
    })
  }
}

const channelOf = (word: string): Channel => (word === 'down' || word === 'up' ? word : 'status')
const sideOf = (word: string): Side => (word === 'zone' ? 'zone' : 'global')
const sendingSide = (channel: string): Side => (channel === 'down' ? 'global' : 'zone')
const stateOf = (word: string): StoreState => (word === 'recovering' || word === 'uninitialised' ? word : 'ready')
