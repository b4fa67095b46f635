import type { SessionMessage } from '@holdfast/kds'
import type { Link, LinkCounters, LinkEvent } from '@holdfast/transport'
import type { SessionMetrics } from './metrics.js'
import type { Reports } from './reports.js'

type PlainMessage = Extract<LinkEvent, { type: 'plain' }>['message']

const nothing: LinkCounters = { payloadBytesSent: 0, payloadBytesReceived: 0, messagesSent: 0, messagesReceived: 0 }

/** What passes over a link, for metrics and reports: bytes of messages, resources and removals by channel. */
export class Traffic {
  readonly #link: Link
  readonly #peer: string
  readonly #metrics: SessionMetrics
  readonly #reports: Reports
  readonly #plainChannels: { readonly sends: 'down' | 'up'; readonly receives: 'down' | 'up' }
  #counted = nothing

  constructor(options: {
    readonly link: Link
    readonly peer: string
    readonly role: 'dialer' | 'acceptor'
    readonly metrics: SessionMetrics
    readonly reports: Reports
  }) {
    this.#link = options.link
    this.#peer = options.peer
    this.#metrics = options.metrics
    this.#reports = options.reports
    this.#plainChannels =
      options.role === 'dialer' ? { sends: 'up', receives: 'down' } : { sends: 'down', receives: 'up' }
  }

  received(message: SessionMessage): void {
    if (message.type === 'to-receiver' && message.message.type === 'delta')
      this.#reports.received(message.channel, countOf(message.message.delta))
    if (message.type === 'to-sender' && message.message.type === 'ack')
      this.#reports.acked(message.message.resourceType)
  }

  sent(message: SessionMessage): void {
    if (message.type !== 'to-receiver' || message.message.type !== 'delta') return
    const { delta } = message.message
    this.#reports.sent(message.channel, delta.type, countOf(delta))
  }

  receivedPlain(message: PlainMessage): void {
    if (message.type === 'response') this.#reports.received(this.#plainChannels.receives, countOf(message))
    if (message.type === 'ack') this.#reports.acked(message.resourceType)
  }

  sentPlain(message: PlainMessage): void {
    if (message.type === 'response')
      this.#reports.sent(this.#plainChannels.sends, message.resourceType, countOf(message))
  }

  /** Brings the metrics up to what the link has counted. */
  count(): void {
    const now = this.#link.counters()
    const peer = this.#peer
    this.#metrics.payloadBytes.inc({ peer, direction: 'sent' }, now.payloadBytesSent - this.#counted.payloadBytesSent)
    this.#metrics.payloadBytes.inc(
      { peer, direction: 'received' },
      now.payloadBytesReceived - this.#counted.payloadBytesReceived,
    )
    this.#metrics.messages.inc({ peer, direction: 'sent' }, now.messagesSent - this.#counted.messagesSent)
    this.#metrics.messages.inc({ peer, direction: 'received' }, now.messagesReceived - this.#counted.messagesReceived)
    this.#counted = now
  }

  bytes(): number {
    const { payloadBytesSent, payloadBytesReceived } = this.#link.counters()
    return payloadBytesSent + payloadBytesReceived
  }
}

const countOf = ({
  offers,
  unreadable = [],
  removals,
}: {
  readonly offers: readonly unknown[]
  readonly unreadable?: readonly unknown[] | undefined
  readonly removals: readonly unknown[]
}) => offers.length + unreadable.length + removals.length
