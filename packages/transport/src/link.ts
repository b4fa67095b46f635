import type { Credential } from '@holdfast/identity'
import type { PlainMessage, SessionMessage } from '@holdfast/kds'
import type { NodeDescription } from './codec/node.js'
import type { LinkRole, StreamName } from './codec/streams.js'
import type { LinkEnd, StatusName } from './status.js'

/** Who is at the other end, as far as it is known by now. */
export interface LinkPeer {
  /** Name of the zone as its connection says it; `global` where we dialled. */
  readonly name: string
  /** Whether it has the extension; `undefined`: dialled, and no headers yet. */
  readonly extension?: boolean | undefined
  /** Build version; '' while unknown. */
  readonly version: string
  /** New at every process start; '' until its first request with a described node. */
  readonly instanceId: string
  /** Ties the streams of a Holdfast session together. */
  readonly sessionId?: string | undefined
  /** `host:port`. */
  readonly remoteAddress: string
  /** Of the request metadata or the response headers, not of the node. */
  readonly features: readonly string[]
  /** Where we dialled: what is to be said with the next call, for load balancers. */
  readonly affinity?: string | undefined
  /** Where we serve: with which proof it was let in. Absent: none was asked for. */
  readonly credential?: Credential | undefined
}

export type LinkEvent =
  /** Whether the peer has the extension. Where we serve it is the first event, where we dial it comes with the headers. */
  | { readonly type: 'headers'; readonly extension: boolean; readonly features: readonly string[] }
  /** A request with a described node; `node.features` decide what a Kuma may be offered. Comes before its message. */
  | { readonly type: 'node'; readonly stream: StreamName; readonly node: NodeDescription }
  | { readonly type: 'message'; readonly message: SessionMessage }
  | { readonly type: 'plain'; readonly stream: StreamName; readonly message: PlainMessage }
  /** What we wanted to send is larger than any peer receives. It was not sent; everything else goes on (ISO). */
  | {
      readonly type: 'unsendable'
      readonly resourceType: string
      readonly sizeBytes: number
      readonly limitBytes: number
    }
  /** The peer said something malformed. Nothing more of it is delivered; unless closed at once the link closes itself. */
  | { readonly type: 'violation'; readonly stream: StreamName; readonly reason: string }
  /** Once, and last: all streams of the link have ended or are being ended. */
  | {
      readonly type: 'closed'
      readonly by: 'us' | 'peer'
      /** The stream that ended first, if one did. */
      readonly stream?: StreamName | undefined
      readonly code: StatusName
      readonly reason: string
    }

export interface LinkCounters {
  /** KDS messages alone, without gRPC framing and before compression; what waits to be sent counts as sent. */
  readonly payloadBytesSent: number
  readonly payloadBytesReceived: number
  readonly messagesSent: number
  readonly messagesReceived: number
}

export type Sendable = SessionMessage | { readonly plain: PlainMessage }

/**
 * One peer connection, whichever end dialled: both streams of a Holdfast session, or of a dialled Kuma global; a single
 * stream of a Kuma zone. The streams live and die together.
 */
export interface Link {
  /** Which end we are. */
  readonly role: LinkRole
  readonly peer: LinkPeer
  readonly streams: readonly StreamName[]
  /** Once. Events begin after it has returned; until then nothing is read and nothing is lost. */
  start(listener: (event: LinkEvent) => void): void
  /** Never waits. Without effect once closed. Throws only for what this end must not say: our own mistake. */
  send(message: Sendable): void
  /** Whether little enough waits to be sent that a sender should go on. */
  writable(): boolean
  /** Resolves once `writable`, or closed. */
  drained(): Promise<void>
  /** Stops and resumes reading; the peer is slowed by HTTP/2's flow control. */
  pause(): void
  resume(): void
  /**
   * Sends what waits, tells the peer, and releases everything; `closed` is emitted at once. Idempotent: the first end
   * counts, every call resolves when all is released, in `closeTimeoutMs` at most.
   */
  close(end: LinkEnd): Promise<void>
  counters(): LinkCounters
}
