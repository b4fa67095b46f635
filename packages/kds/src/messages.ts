import type { DescribedType, Digest, ExportedResource, Origin, Vips } from '@holdfast/model'

/**
 * The vocabulary of one KDS session, free of gRPC and protobuf. The transport turns it into delta xDS and back.
 * A channel is one stream of changes with a cursor of its own; `up` and `status` share ZoneToGlobalSync.
 */
export type Channel = 'down' | 'up' | 'status'
export const channels: readonly Channel[] = ['down', 'up', 'status']

/** Position in a store's change log. Epoch: 32 hex digits; tag: 16 hex digits, random per commit. */
export interface Cursor {
  readonly epoch: string
  readonly revision: number
  readonly tag: string
}

/** A place inside a range. Ranges are ordered by (revision, type order, mesh, export name). */
export interface Position {
  readonly revision: number
  readonly typeOrder: number
  readonly mesh: string
  readonly name: string
}

/** "With this everything up to the cursor has been said, and this is what it adds up to." */
export interface Mark {
  readonly cursor: Cursor
  readonly digest: Digest
}

/**
 * Where a receiver stands: its cursor, the proof over what it was offered, and how far an interrupted range got.
 * A first range that was interrupted has the cursor (epoch, 0, zeros): revision 0 is in every log's history.
 * Without a cursor a receiver that holds something asks to be compared.
 */
export interface Standing {
  readonly cursor?: Cursor | undefined
  readonly offered: Digest
  readonly partial?: Position | undefined
}

export interface TypeDigest {
  readonly type: string
  readonly digest: Digest
}

export interface BucketDigest {
  /** The first 5 × level bits of the bucket number. */
  readonly prefix: number
  readonly digest: Digest
}

/** One resource's digest entry, by wire key (`name.mesh`). Entry: 32 hex digits. */
export interface KeyedEntry {
  readonly key: string
  readonly entry: string
}

export interface Removal {
  readonly key: string
  readonly deletedAtMs: number
}

/** A resource that was refused, why, and what is remembered instead. */
export interface Refused {
  readonly key: string
  readonly reason: string
  readonly remembered?: string | undefined
}

/** How a sender goes on after it has seen where its receiver stands. */
export type Begin =
  | { readonly mode: 'in-step'; readonly mark: Mark }
  | { readonly mode: 'resume' }
  | { readonly mode: 'full' }
  | { readonly mode: 'repair'; readonly from: Cursor; readonly digests: readonly TypeDigest[] }

export interface Offer {
  /** Content hash, lowercase hex: `Resource.version` on the wire. */
  readonly version: string
  readonly resource: ExportedResource
}

/**
 * A resource of a message that could not be read. It is refused alone, under the name that stands beside its bytes; the
 * rest of the message is applied (ISO). What its sender says of it beside them is what it counts with as offered (EQ).
 */
export interface Unreadable {
  readonly key: string
  readonly reason: string
  /** Content hash as its sender says it; over the bytes themselves from a peer that says none. */
  readonly version: string
  /** Zone that owns it, where that is not the one who speaks; '' for global. */
  readonly origin?: string | undefined
  readonly vips?: Vips | undefined
  /** Status channel: the entry of the status that is in it, 32 hex digits. */
  readonly statusEntry?: string | undefined
}

/** A part of what a sender says about one type: at most one is in flight per type. */
export interface Delta {
  /** '' on a delta without items: it carries nothing but the mark. Its answer names '' as well. */
  readonly type: string
  readonly nonce: string
  readonly offers: readonly Offer[]
  readonly removals: readonly Removal[]
  /** As received only: nobody sends what it cannot say. */
  readonly unreadable?: readonly Unreadable[] | undefined
  /** Repair only: keys that the receiver named and the sender neither has nor has a tombstone of. */
  readonly absent: readonly string[]
  /** W3C `traceparent` of what has led to it, where both ends trace. The machines do not look at it. */
  readonly traces?: readonly string[] | undefined
  /** `range`: moves the position; `repair` and `asked`: answers that move none. */
  readonly purpose: DeltaPurpose
}

export type DeltaPurpose =
  | {
      readonly kind: 'range'
      readonly page: number
      readonly parts: number
      readonly cursorEpoch: string
      readonly through: Position
      readonly mark?: Mark | undefined
    }
  | { readonly kind: 'repair'; readonly more: boolean }
  | { readonly kind: 'asked' }

export interface Hello {
  readonly hashAlgorithm: number
  readonly typeSet: string
  /** Identity of the zone's store (UUID). */
  readonly storeId: string
  readonly state: StoreState
  readonly everInStep: boolean
  /** Deltas may say which traces they belong to. Said by whoever traces; the machines do not look at it. */
  readonly traces?: boolean | undefined
  readonly down: Standing
  readonly up: Mark
  readonly status: Mark
  readonly version: string
  /** The acceptor's type set that the dialer remembers, where it is not its own: nothing of it need be said again. */
  readonly knownTypeSet?: string | undefined
}

export type StoreState = 'uninitialised' | 'recovering' | 'ready'

export interface Answer {
  readonly storeId: string
  readonly state: StoreState
  /** Absent while global's own store is not ready: nothing is sent, the session stays, a `begin` follows when it is. */
  readonly down?: Begin | undefined
  readonly upInStep: boolean
  readonly statusInStep: boolean
  /** As in the hello. */
  readonly traces?: boolean | undefined
  /** Where global stands in the zone's log, for the zone to check against its own history. */
  readonly upCursor?: Cursor | undefined
  /** Global keeps what an earlier store of this zone's name had written: it comes back before the zone says anything. */
  readonly owesReturn?: boolean | undefined
  readonly version: string
}

export interface Heartbeat {
  readonly sequence: number
  /** Of the channel that the speaker sends (`down` for global, `up` for a zone), when nothing of it is under way. */
  readonly mark?: Mark | undefined
  readonly statusMark?: Mark | undefined
  /** Revision through which the speaker has stored what it receives. */
  readonly ackedRevision: number
  readonly faults: readonly string[]
  /** Hash of the peer's report that the speaker has kept; absent or '': none, or an empty one. */
  readonly reportKept?: string | undefined
  /** What the speaker refuses and holds of what it is sent, while the peer has not kept this one. */
  readonly report?: GuardReport | undefined
  readonly settled?: Settled | undefined
}

/**
 * How far what is gone in the peer's log is gone at the speaker too, and where the speaker is global, in every other zone.
 * More than acked: proven, and nothing of it held or refused. A fact that does not become untrue.
 */
export interface Settled {
  readonly cursor: Cursor
  /** Origins of which the speaker keeps services that it was told are gone or otherwise: it does not speak for them. */
  readonly except: readonly Origin[]
}

/** What a receiver refuses and holds, for its sender's operators. The body is theirs; here only its hash counts. */
export interface GuardReport {
  /** 16 hex digits; '' for an empty one. */
  readonly hash: string
  readonly body: string
}

export interface Demand {
  readonly kind: string
  readonly active: number
  readonly pending: number
}

/** What a receiver (of the channel named) says to its sender. */
export type ReceiverMessage =
  | { readonly type: 'start'; readonly standing: Standing }
  | { readonly type: 'ack'; readonly resourceType: string; readonly nonce: string }
  | {
      readonly type: 'nack'
      readonly resourceType: string
      readonly nonce: string
      readonly refused: readonly Refused[]
    }
  | {
      readonly type: 'buckets'
      readonly resourceType: string
      readonly level: number
      readonly digests: readonly BucketDigest[]
    }
  | {
      readonly type: 'entries'
      readonly resourceType: string
      /** 15-bit bucket numbers; empty: the whole type. */
      readonly buckets: readonly number[]
      readonly entries: readonly KeyedEntry[]
    }
  | { readonly type: 'ask'; readonly resourceType: string; readonly keys: readonly string[] }

/** What a sender says to its receiver. */
export type SenderMessage =
  | { readonly type: 'begin'; readonly begin: Begin }
  | { readonly type: 'delta'; readonly delta: Delta }
  | {
      readonly type: 'bucket-answer'
      readonly resourceType: string
      readonly level: number
      readonly differing: readonly number[]
    }

/** Everything that travels between two Holdfast peers on a session's two streams, in order per stream. */
export type SessionMessage =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'answer'; readonly answer: Answer }
  | { readonly type: 'refused-entry'; readonly reason: string }
  | { readonly type: 'to-sender'; readonly channel: Channel; readonly message: ReceiverMessage }
  | { readonly type: 'to-receiver'; readonly channel: Channel; readonly message: SenderMessage }
  | { readonly type: 'heartbeat'; readonly heartbeat: Heartbeat }
  | { readonly type: 'lease'; readonly demands: readonly Demand[]; readonly wantedCidrs: readonly string[] }
  | { readonly type: 'lease-answer'; readonly refused: readonly string[] }
  /** All types that the speaker syncs, where the two sets differ; `wanted`: the other one's are to be said as well. */
  | {
      readonly type: 'types'
      readonly typeSet: string
      readonly types: readonly DescribedType[]
      readonly wanted: boolean
    }
  /** Zone: what global keeps of it, a page at a time, after this place; `done`: all of it is stored again. */
  | { readonly type: 'recall'; readonly after: string; readonly done: boolean }
  /** Global: the page, as text of its own; empty after `done`. */
  | { readonly type: 'recalled'; readonly body: string; readonly error: string }
  | { readonly type: 'question'; readonly id: string; readonly what: string; readonly body: string }
  | {
      readonly type: 'question-answer'
      readonly id: string
      readonly error: string
      readonly body: string
      readonly more: boolean
    }
