import { type Channel, channels, deltasWaitingMax, type PlainMessage, type SessionMessage } from '@holdfast/kds'
import { typeOrder } from '@holdfast/model'
import type { MemoryStore } from '@holdfast/store'
import { holds } from './broken.js'
import type { Session } from './session.js'

interface Wire {
  /** Nonces of deltas that were said and not answered, by channel and type. */
  readonly unanswered: Map<string, readonly string[]>
  /** How far the page under way has come, by channel: upserts by the order of their types, then removals the other way. */
  readonly pages: Map<Channel, { readonly epoch: string; readonly page: number; readonly rank: number }>
}

/** Beyond every order of a type. */
const turn = 2 ** 40

/** What a session says, judged as it says it: FLOW, ORDER, and EMPTY of a store that may not be shown. */
export class WireLaws {
  readonly #wires = new WeakMap<Session, Wire>()
  /** Stores that were put back to an earlier state once. */
  readonly #putBacks = new WeakSet<MemoryStore>()

  /** From now on this store may be found to be another one while its sessions are under way. */
  putBack(store: MemoryStore): void {
    this.#putBacks.add(store)
  }

  sent(session: Session, message: SessionMessage, where: string): void {
    const { store } = session.node
    const { state } = store.image
    const speaks = message.type === 'to-receiver' || (message.type === 'answer' && message.answer.down !== undefined)
    // Of a store that was put back, others may find that out between the reading and the saying: its reading is judged.
    const mayBeFound = this.#putBacks.has(store)
    holds(
      !speaks || state === 'ready' || mayBeFound,
      'EMPTY',
      () => `${where}: says what it has while its store is ${state}`,
    )
    if (message.type !== 'to-receiver') return
    const { channel, message: inner } = message
    const { unanswered, pages } = this.#of(session)
    if (inner.type === 'begin') {
      // Whoever presents itself anew answers nothing of before.
      pages.delete(channel)
      for (const key of unanswered.keys()) if (key.startsWith(`${channel} `)) unanswered.delete(key)
    }
    if (inner.type !== 'delta') return
    const { type, nonce, offers, removals, purpose } = inner.delta
    const key = `${channel} ${type}`
    const waiting = [...(unanswered.get(key) ?? []), nonce]
    unanswered.set(key, waiting)
    holds(
      waiting.length <= 1,
      'FLOW',
      () => `${where}: ${waiting.length} deltas of ${type || 'a mark'} on ${channel}, none of them answered`,
    )
    if (purpose.kind !== 'range' || type === '') return
    const { page, cursorEpoch: epoch } = purpose
    const before = pages.get(channel)
    let rank = before?.page === page && before.epoch === epoch ? before.rank : 0
    const order = typeOrder(type)
    for (const next of [...(offers.length > 0 ? [order] : []), ...(removals.length > 0 ? [turn - order] : [])]) {
      holds(next >= rank, 'ORDER', () => `${where}: ${type} comes too late or too early in page ${page} of ${channel}`)
      rank = next
    }
    pages.set(channel, { epoch, page, rank })
  }

  received(session: Session, message: SessionMessage): void {
    if (message.type !== 'to-sender') return
    const { channel, message: inner } = message
    if (inner.type !== 'ack' && inner.type !== 'nack') return
    const { unanswered } = this.#of(session)
    const key = `${channel} ${inner.resourceType}`
    // An answer that is heard twice answers nothing that was said since.
    unanswered.set(
      key,
      (unanswered.get(key) ?? []).filter((nonce) => nonce !== inner.nonce),
    )
  }

  /** EMPTY and FLOW towards a zone that obeys any list. */
  sentPlain(session: Session, message: PlainMessage, where: string): void {
    if (message.type !== 'response') return
    const { store } = session.node
    const { resourceType: type, nonce } = message
    const { state } = store.image
    holds(
      state === 'ready' || this.#putBacks.has(store),
      'EMPTY',
      () => `${where}: says what it has of ${type} to a Kuma zone while its store is ${state}`,
    )
    const { unanswered } = this.#of(session)
    const waiting = [...(unanswered.get(type) ?? []), nonce]
    unanswered.set(type, waiting)
    holds(waiting.length <= 1, 'FLOW', () => `${where}: ${waiting.length} responses of ${type}, none of them answered`)
  }

  receivedPlain(session: Session, message: PlainMessage): void {
    if (message.type !== 'ack' && message.type !== 'nack') return
    const { unanswered } = this.#of(session)
    const { resourceType: type, nonce } = message
    unanswered.set(
      type,
      (unanswered.get(type) ?? []).filter((one) => one !== nonce),
    )
  }

  /** What waits in a session's memory has a bound. */
  stepped(session: Session, where: string): void {
    for (const channel of channels) {
      const machine = session.state.machines[channel]
      if (machine.role !== 'receiver') continue
      const waiting = machine.state.inbox.length
      holds(waiting <= deltasWaitingMax, 'FLOW', () => `${where}: ${waiting} deltas of ${channel} wait to be stored`)
    }
  }

  #of(session: Session): Wire {
    const known = this.#wires.get(session)
    if (known !== undefined) return known
    const made: Wire = { unanswered: new Map(), pages: new Map() }
    this.#wires.set(session, made)
    return made
  }
}
