import type { Channel, Delta, LogPage, SessionMessage, StoreOp, StoreResults } from '@holdfast/kds'
import { isTraceparent, type Span, type TraceIds, type Tracing, traceIdsOf, tracesMax } from '@holdfast/tracing'

interface SessionTracesOptions {
  /** Undefined: nothing is traced, said or heard. */
  readonly tracing: Tracing | undefined
  readonly peer: string
}

/** What is stored under the traces that it came with. */
export interface Applying {
  /** What the store is told, for whoever sends it on. */
  readonly traces: readonly string[]
  /** For a log line. */
  readonly ids: TraceIds
  end(result: StoreResults['apply'] | undefined, failure?: string): void
}

const untraced: Applying = { traces: [], ids: {}, end: () => undefined }

/**
 * The traces of one session: a span from sending a delta to its answer, and one while a delta is stored. The machines know
 * nothing of it, and towards a peer that has not said that it traces not a byte is different.
 */
export class SessionTraces {
  readonly #tracing: Tracing | undefined
  readonly #peer: string
  #peerTraces = false
  /** Of the page that each channel sends, by type. */
  readonly #pages = new Map<Channel, ReadonlyMap<string, readonly string[]>>()
  /** Sent and not answered: one delta per type at most. */
  readonly #flights = new Map<string, readonly Span[]>()
  /** Received and not stored yet: one delta per type at most. */
  readonly #arrived = new Map<string, readonly string[]>()

  constructor({ tracing, peer }: SessionTracesOptions) {
    this.#tracing = tracing
    this.#peer = peer
  }

  /** A page of our log was read. What a page of before was written for is not asked for any more. */
  read(channel: Channel, page: LogPage): void {
    if (this.#tracing === undefined || channel === 'status') return
    const { revisions } = this.#tracing
    const items = revisions.size === 0 ? [] : page.items
    this.#pages.set(channel, revisions.of(items.map(({ type, position: { revision } }) => ({ type, revision }))))
  }

  /** The message as it goes over the link. */
  outgoing(message: SessionMessage): SessionMessage {
    if (this.#tracing === undefined) return message
    switch (message.type) {
      case 'hello':
        return { ...message, hello: { ...message.hello, traces: true } }
      case 'answer':
        return { ...message, answer: { ...message.answer, traces: true } }
      case 'to-receiver': {
        const said = message.message
        if (said.type !== 'delta') return message
        const traces = this.#depart(message.channel, said.delta)
        return traces.length === 0 ? message : { ...message, message: { ...said, delta: { ...said.delta, traces } } }
      }
      default:
        return message
    }
  }

  /** @returns for log lines: the trace that what was said belongs to */
  incoming(message: SessionMessage): TraceIds {
    if (this.#tracing === undefined) return {}
    switch (message.type) {
      case 'hello':
        this.#peerTraces = message.hello.traces === true
        return {}
      case 'answer':
        this.#peerTraces = message.answer.traces === true
        return {}
      case 'to-receiver': {
        const said = message.message
        if (said.type !== 'delta') return {}
        const { type, traces = [] } = said.delta
        const known = traces.filter(isTraceparent).slice(0, tracesMax)
        const key = `${message.channel} ${type}`
        if (known.length > 0) this.#arrived.set(key, known)
        else this.#arrived.delete(key)
        return traceIdsOf(known[0])
      }
      case 'to-sender': {
        const said = message.message
        if (said.type !== 'ack' && said.type !== 'nack') return {}
        const refused = said.type === 'nack' ? said.refused.length : 0
        return this.#land(`${message.channel} ${said.nonce}`, refused === 0 ? undefined : `${refused} refused`)
      }
      default:
        return {}
    }
  }

  /** A store operation begins. */
  applying(channel: Channel, op: StoreOp): Applying {
    if (this.#tracing === undefined || op.op !== 'apply') return untraced
    const key = `${channel} ${op.batch.type}`
    const parents = this.#arrived.get(key)
    if (parents === undefined) return untraced
    this.#arrived.delete(key)
    const attributes = {
      ...this.#attributes(channel, op.batch.type),
      'holdfast.offered': op.batch.offers.length,
      'holdfast.removed': op.batch.removals.length,
    }
    const spans = this.#spans('kds apply', 'consumer', parents, attributes)
    return {
      traces: traceparents(spans),
      ids: spans[0]?.ids ?? {},
      end: (result, failure) => {
        const [first] = result?.refused ?? []
        const refused = first === undefined ? undefined : `${result?.refused.length} refused: ${first.reason}`
        const written = result === undefined ? {} : { 'holdfast.written_rows': result.writtenRows }
        for (const span of spans) span.end(written, failure ?? refused)
      },
    }
  }

  end(reason: string): void {
    for (const key of [...this.#flights.keys()]) this.#land(key, `the session ended: ${reason}`)
    this.#arrived.clear()
    this.#pages.clear()
  }

  /** @returns what the peer is told; its own work is a child of our sending */
  #depart(channel: Channel, delta: Delta): readonly string[] {
    if (delta.purpose.kind !== 'range') return []
    const parents = this.#pages.get(channel)?.get(delta.type) ?? []
    if (parents.length === 0) return []
    const attributes = {
      ...this.#attributes(channel, delta.type),
      'holdfast.revision': delta.purpose.through.revision,
      'holdfast.offered': delta.offers.length,
      'holdfast.removed': delta.removals.length,
    }
    const spans = this.#spans('kds send', 'producer', parents, attributes)
    this.#flights.set(`${channel} ${delta.nonce}`, spans)
    return this.#peerTraces ? traceparents(spans) : []
  }

  #land(key: string, failure: string | undefined): TraceIds {
    const spans = this.#flights.get(key) ?? []
    for (const span of spans) span.end({}, failure)
    this.#flights.delete(key)
    return spans[0]?.ids ?? {}
  }

  #spans(
    name: string,
    kind: 'producer' | 'consumer',
    parents: readonly string[],
    attributes: Readonly<Record<string, string | number>>,
  ): readonly Span[] {
    return parents.flatMap((parent) => this.#tracing?.start(name, { kind, parent, attributes }) ?? [])
  }

  #attributes(channel: Channel, type: string) {
    return { 'holdfast.peer': this.#peer, 'holdfast.channel': channel, 'holdfast.type': type }
  }
}

const traceparents = (spans: readonly Span[]): readonly string[] =>
  spans.flatMap(({ traceparent }) => traceparent ?? [])
