import type { Metadata } from '@grpc/grpc-js'
import { invariant, TokenBucket } from '@holdfast/model'
import { decodeFrame } from './codec/decode.js'
import { encodePlain, type PlainCodecContext } from './codec/plain.js'
import { encodeSession, type Frame, type SessionCodecContext } from './codec/session.js'
import type { LinkRole, StreamName } from './codec/streams.js'
import { inGrpcBytesMax, type LinkLimits } from './limits.js'
import type { Link, LinkCounters, LinkEvent, LinkPeer, Sendable } from './link.js'
import { affinityOf, featuresOf, isExtensionFeature } from './metadata.js'
import { createOutbox, type Outbox } from './outbox.js'
import type { LinkEnd } from './status.js'
import type { Wire } from './wire.js'
import { within } from './within.js'

export interface LinkParts {
  readonly role: LinkRole
  readonly zone: string
  readonly peer: LinkPeer
  readonly wires: readonly Wire[]
  readonly session: SessionCodecContext
  readonly plain: PlainCodecContext
  readonly limits: LinkLimits
  /** Called once, before the streams are opened. */
  readonly onStarted?: () => void
  /** Called once, when the peer turns out to be a plain Kuma. */
  readonly onPlain?: () => void
  /** Called once, at the moment of closing. */
  readonly onClosed?: () => void
  /** Called once, when every stream is over or given up. */
  readonly release?: () => void
}

/** Long enough to be a pause, and short enough that nobody is missed. */
const slowedMs = 100

interface Lane {
  readonly wire: Wire
  readonly outbox: Outbox
}

type Phase =
  | { readonly phase: 'new' }
  | { readonly phase: 'open'; readonly listener: (event: LinkEvent) => void }
  | { readonly phase: 'closed'; readonly closed: ClosedEvent; readonly released: Promise<void> }

type ClosedEvent = Extract<LinkEvent, { readonly type: 'closed' }>

/**
 * The link over any set of wires.
 *
 *   new ──start──▶ open ──peer ended · violation · overflow · close()──▶ closed ──flushed, told, released
 *    └──────────────────────────────close()─────────────────────────────▶┘
 */
export class LinkCore implements Link {
  readonly role: LinkRole
  readonly streams: readonly StreamName[]
  readonly #parts: LinkParts
  readonly #lanes: readonly Lane[]
  #peer: LinkPeer
  #phase: Phase = { phase: 'new' }
  #plainKnown = false
  readonly #messages: TokenBucket
  #pausedByUser = false
  #slowing: NodeJS.Timeout | undefined
  #counters: LinkCounters = { payloadBytesSent: 0, payloadBytesReceived: 0, messagesSent: 0, messagesReceived: 0 }

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.role = parts.role
    this.streams = parts.wires.map(({ stream }) => stream)
    this.#peer = parts.peer
    const { messagesBurst, messagesPerSecond } = parts.limits
    this.#messages = new TokenBucket(messagesBurst, messagesPerSecond, performance.now())
    this.#lanes = parts.wires.map((wire) => ({
      wire,
      outbox: createOutbox({
        write: (bytes, written) => wire.write(bytes, written),
        max: parts.limits.bufferBytesMax,
        high: parts.limits.bufferBytesHigh,
        handedMax: inGrpcBytesMax,
      }),
    }))
  }

  get peer(): LinkPeer {
    return this.#peer
  }

  start(listener: (event: LinkEvent) => void): void {
    if (this.#phase.phase === 'closed') {
      const { closed } = this.#phase
      queueMicrotask(() => listener(closed))
      return
    }
    invariant(this.#phase.phase === 'new', 'a link is started once')
    this.#phase = { phase: 'open', listener }
    // Later, so that whoever starts the link has finished doing so before the first event.
    queueMicrotask(() => this.#open())
  }

  send(message: Sendable): void {
    invariant(this.#phase.phase !== 'new', 'a link is started before anything is sent')
    if (this.#phase.phase === 'closed') return
    if ('plain' in message) {
      this.#becomePlain()
      this.#enqueue(encodePlain(message.plain, this.#parts.plain))
    } else this.#enqueue(encodeSession(message, this.#parts.session))
  }

  writable(): boolean {
    return this.#lanes.every(({ outbox }) => outbox.waitingBytes() <= this.#parts.limits.bufferBytesHigh)
  }

  async drained(): Promise<void> {
    await Promise.all(this.#lanes.map(({ outbox }) => outbox.drained()))
  }

  pause(): void {
    this.#pausedByUser = true
    this.#steer()
  }

  resume(): void {
    this.#pausedByUser = false
    this.#steer()
  }

  #steer(): void {
    const reads = !this.#pausedByUser && this.#slowing === undefined
    for (const { wire } of this.#lanes)
      if (reads) wire.resume()
      else wire.pause()
  }

  /** Who says more than can be meant is heard later; HTTP/2's flow control holds it up at its own end. */
  #slowDown(): void {
    if (this.#messages.take(performance.now()) || this.#slowing !== undefined) return
    this.#slowing = setTimeout(() => {
      this.#slowing = undefined
      if (this.#phase.phase === 'open') this.#steer()
    }, slowedMs)
    this.#steer()
  }

  close(end: LinkEnd): Promise<void> {
    return this.#close({ type: 'closed', by: 'us', ...end }, 'flush')
  }

  counters(): LinkCounters {
    return this.#counters
  }

  /** Ends the link as if one of its streams had ended: what belongs to it outside of the streams is gone. */
  peerEnded(end: LinkEnd): void {
    void this.#close({ type: 'closed', by: 'peer', ...end }, 'drop')
  }

  #open(): void {
    if (this.#phase.phase !== 'open') return
    this.#parts.onStarted?.()
    const { extension, features } = this.#peer
    if (extension !== undefined) this.#emit({ type: 'headers', extension, features })
    if (extension === false) this.#becomePlain()
    for (const { wire } of this.#lanes) {
      if (this.#phase.phase !== 'open') return
      const { stream } = wire
      wire.open({
        headers: (metadata) => this.#headers(stream, metadata),
        data: (bytes) => this.#receive(stream, bytes),
        ended: (end) => void this.#close({ type: 'closed', by: 'peer', stream, ...end }, 'drop'),
      })
    }
  }

  /** Those of ZoneToGlobalSync count: a real Kuma sends them unprompted, the others only with its first answer. */
  #headers(stream: StreamName, metadata: Metadata): void {
    if (stream !== 'zoneToGlobal' || this.#phase.phase !== 'open') return
    const features = featuresOf(metadata)
    const extension = features.some(isExtensionFeature)
    const affinity = affinityOf(metadata)
    this.#peer = { ...this.#peer, extension, features, ...(affinity === undefined ? {} : { affinity }) }
    this.#emit({ type: 'headers', extension, features })
    if (!extension) this.#becomePlain()
  }

  #receive(stream: StreamName, bytes: Uint8Array): void {
    if (this.#phase.phase !== 'open') return
    const { payloadBytesReceived, messagesReceived } = this.#counters
    this.#counters = {
      ...this.#counters,
      payloadBytesReceived: payloadBytesReceived + bytes.length,
      messagesReceived: messagesReceived + 1,
    }
    this.#slowDown()
    const { role, zone } = this.#parts
    const received = decodeFrame(bytes, { role, zone, stream, extension: this.#peer.extension })
    if (received.kind === 'violation') {
      this.#emit({ type: 'violation', stream, reason: received.reason })
      void this.#close({ type: 'closed', by: 'us', stream, code: 'INVALID_ARGUMENT', reason: received.reason }, 'drop')
      return
    }
    const { node } = received
    if (node !== undefined) {
      const { version, instanceId } = node
      this.#peer = { ...this.#peer, instanceId, version: version === '' ? this.#peer.version : version }
      this.#emit({ type: 'node', stream, node })
    }
    if (received.kind === 'message') this.#emit({ type: 'message', message: received.message })
    else {
      this.#becomePlain()
      this.#emit({ type: 'plain', stream, message: received.message })
    }
  }

  #enqueue({ stream, bytes, resourceType }: Frame): void {
    const lane = this.#lanes.find(({ wire }) => wire.stream === stream)
    invariant(lane !== undefined, `this link has no ${stream}`)
    const { messageBytesMax, bufferBytesMax } = this.#parts.limits
    if (bytes.length > messageBytesMax) {
      const event: LinkEvent = {
        type: 'unsendable',
        resourceType: resourceType ?? '',
        sizeBytes: bytes.length,
        limitBytes: messageBytesMax,
      }
      queueMicrotask(() => this.#emit(event))
      return
    }
    if (lane.outbox.push(bytes) === 'overflow') {
      const reason = `${lane.outbox.waitingBytes()} bytes wait to be sent to ${this.#peer.name}, which does not read; the limit is ${bufferBytesMax}`
      void this.#close({ type: 'closed', by: 'us', stream, code: 'RESOURCE_EXHAUSTED', reason }, 'drop')
      return
    }
    const { payloadBytesSent, messagesSent } = this.#counters
    this.#counters = {
      ...this.#counters,
      payloadBytesSent: payloadBytesSent + bytes.length,
      messagesSent: messagesSent + 1,
    }
  }

  #emit(event: LinkEvent): void {
    if (this.#phase.phase === 'open') this.#phase.listener(event)
  }

  #becomePlain(): void {
    if (this.#plainKnown) return
    this.#plainKnown = true
    this.#parts.onPlain?.()
  }

  #close(closed: ClosedEvent, waiting: 'flush' | 'drop'): Promise<void> {
    if (this.#phase.phase === 'closed') return this.#phase.released
    const listener = this.#phase.phase === 'open' ? this.#phase.listener : undefined
    // A microtask later: whatever ends now must already find the link closed.
    const released = Promise.resolve().then(() => this.#release(closed, waiting))
    this.#phase = { phase: 'closed', closed, released }
    if (listener !== undefined) queueMicrotask(() => listener(closed))
    clearTimeout(this.#slowing)
    this.#parts.onClosed?.()
    return released
  }

  async #release(end: LinkEnd, waiting: 'flush' | 'drop'): Promise<void> {
    const halfMs = this.#parts.limits.closeTimeoutMs / 2
    if (waiting === 'flush') await within(halfMs, Promise.all(this.#lanes.map(({ outbox }) => outbox.flushed())))
    for (const { outbox, wire } of this.#lanes) {
      outbox.drop()
      if (waiting === 'flush') wire.finish(end)
      else wire.abort(end)
    }
    await within(halfMs, Promise.all(this.#lanes.map(({ wire }) => wire.over)))
    for (const { wire } of this.#lanes) wire.abort(end)
    this.#parts.release?.()
  }
}
