import type { Digest, Origin } from '@holdfast/model'
import type {
  BucketDigest,
  Channel,
  Cursor,
  Hello,
  KeyedEntry,
  Mark,
  Offer,
  Position,
  Refused,
  Removal,
  Settled,
  Standing,
  TypeDigest,
  Unreadable,
} from './messages.js'

/**
 * What the machines ask of a store, as data. The shell performs a read or a write and hands the result back as an event;
 * the simulation performs the same ones on a store in memory. All are bound to one session (peer, channel, fence).
 */

/** What the sender's store knows about a receiver's standing. */
export interface StandingFacts {
  /** Our head and the digest of the receiver's view at it, read together. */
  readonly head: Mark
  /**
   * `known`: the cursor's (revision, tag) is in our history and the log reaches back to it. `compacted`: in our history,
   * but the log no longer reaches back. `foreign-epoch`: another log. `contradiction`: our epoch, but a revision above our
   * head or another tag: our store is not what it was (restored), see decision on recovery. `none`: no cursor.
   * Revision 0 of our epoch is always in our history. Where there is a `partial`, it is from there that the log must reach.
   */
  readonly cursor: 'known' | 'compacted' | 'foreign-epoch' | 'contradiction' | 'none'
  readonly typeDigests: readonly TypeDigest[]
}

export interface LogItem {
  readonly type: string
  readonly position: Position
  readonly sizeBytes: number
  readonly change: { readonly offer: Offer } | { readonly removal: Removal }
}

/** A page of the log in range order. `head` is there exactly when the page reaches the head of the log. */
export interface LogPage {
  readonly items: readonly LogItem[]
  readonly epoch: string
  readonly through: Position
  readonly head?: Mark | undefined
}

export interface RepairParts {
  readonly offers: readonly Offer[]
  readonly removals: readonly Removal[]
  readonly absent: readonly string[]
}

/**
 * How far a receiver had followed a log of ours that is not ours any more, or not as it was. Every removal up to there it
 * had heard: what it has in spite of one is newer, and was lost here.
 */
export interface Followed {
  readonly epoch: string
  readonly revision: number
}

/** A batch for the receiver's store: one transaction for resources, VIPs, offered entries and cursor (DUR, VIP-5). */
export interface Batch {
  readonly type: string
  readonly offers: readonly Offer[]
  readonly removals: readonly Removal[]
  /** Refused one by one, with the reason; never absent. */
  readonly unreadable?: readonly Unreadable[] | undefined
  /** Learned by absence: a hold unless the epoch is the cursor's and the count is below the threshold. */
  readonly absent: readonly string[]
  /** Moves `partial`; with a mark the whole range is complete: cursor := mark.cursor, partial cleared, if the digest agrees. */
  readonly progress?:
    | {
        readonly cursorEpoch: string
        readonly through: Position
        readonly lastOfPage: boolean
        readonly mark?: Mark | undefined
      }
    | undefined
  /** A whole list of a peer without the extension: what is not in it is absent. */
  readonly wholeList?: boolean | undefined
  /** Said by a peer that speaks plain Kuma KDS: it carries statuses, and nothing about virtual IPs is meant by it. */
  readonly plain?: boolean | undefined
  /** Epoch that the sender speaks of, where known: absence in another epoch than the cursor's is always held. */
  readonly epoch?: string | undefined
  /** Said by an administrator in the peer's stead, before it has joined: what it writes goes into the audit log. */
  readonly importedBy?: { readonly actor: string; readonly source?: string | undefined } | undefined
}

export interface Applied {
  readonly refused: readonly Refused[]
  readonly warnings: readonly string[]
  readonly writtenRows: number
  readonly heldKeys: readonly string[]
  /** Of a plain peer's batch: it was taken while our store recovers, without the virtual IPs that it would get. */
  readonly recovering?: boolean | undefined
  /** Only where the batch carried a mark. */
  readonly verified?: boolean | undefined
  readonly offered?: Digest | undefined
}

/**
 * Level and prefixes, in `buckets` and `offered-buckets`: sums of exactly these prefixes, each the first 5 × level bits
 * of the 15-bit bucket. A prefix that is left out of the answer is empty. `changes` starts strictly after `from`; its
 * items come with upserts first, in dependency order, then removals in the reverse order.
 */
export type StoreRead =
  | { readonly op: 'compare'; readonly standing: Standing }
  | { readonly op: 'changes'; readonly from: Position; readonly limitBytes: number; readonly withRemovals: boolean }
  | {
      readonly op: 'buckets'
      readonly resourceType: string
      readonly level: number
      readonly prefixes: readonly number[]
    }
  | {
      readonly op: 'repair'
      readonly resourceType: string
      readonly buckets: readonly number[]
      readonly entries: readonly KeyedEntry[]
      /** Tombstones up to there take nothing away: to this receiver, what they speak of is absent (EMPTY). */
      readonly followed?: Followed | undefined
    }
  | { readonly op: 'keys'; readonly resourceType: string; readonly keys: readonly string[] }
  | { readonly op: 'mark' }
  | { readonly op: 'standing' }
  | { readonly op: 'offered-types' }
  | {
      readonly op: 'offered-buckets'
      readonly resourceType: string
      readonly level: number
      readonly prefixes: readonly number[]
    }
  | { readonly op: 'offered-entries'; readonly resourceType: string; readonly buckets: readonly number[] }
  | { readonly op: 'due-refusals'; readonly nowMs: number }
  /** How far what the peer has removed is gone here, and everywhere behind us: see `Settled`. */
  | { readonly op: 'settled' }
  /** Whole current list of one type for a peer without the extension. */
  | { readonly op: 'list'; readonly resourceType: string }

export type StoreWrite =
  | { readonly op: 'apply'; readonly batch: Batch; readonly nowMs: number }
  | { readonly op: 'verify'; readonly mark: Mark }
  | { readonly op: 'acked'; readonly cursor: Cursor }
  /** What the peer says of our own log. The newest word counts. */
  | { readonly op: 'peer-settled'; readonly settled: Settled }
  /** `instanceId`: the process that dials, as its connection says; added by the shell. */
  | { readonly op: 'admit'; readonly hello: Hello; readonly instanceId?: string | undefined; readonly nowMs: number }
  /** Before a repair of these types begins: whether a minute has passed since the last one in this log of the sender, whoever did it. */
  | { readonly op: 'repair-turns'; readonly epoch: string; readonly types: readonly string[]; readonly nowMs: number }
  /** These were repaired whole. One that was interrupted has not had its turn. */
  | { readonly op: 'repaired'; readonly epoch: string; readonly types: readonly string[]; readonly nowMs: number }
  /** A repair did not help, of these types; none named: the direction as a whole. A verified mark ends it. */
  | { readonly op: 'diverged'; readonly types: readonly string[]; readonly nowMs: number }

export type StoreOp = StoreRead | StoreWrite

/** Which repairs may begin now. Kept by the store, so that neither a new session nor a new process begins one sooner. */
export interface RepairTurns {
  readonly due: readonly string[]
  /** When the first of the others may; undefined: there are no others. */
  readonly retryAtMs?: number | undefined
}

export interface SettledFacts {
  /** Origins of which services are kept here that their sender has removed or changed: they are held or refused. */
  readonly except: readonly Origin[]
  /** Revision of our own log, and the lowest one that every other peer has settled for what is of this peer; global's. */
  readonly head: number
  readonly others: number
}

/** What each operation answers. */
export interface StoreResults {
  readonly compare: StandingFacts
  readonly changes: LogPage
  readonly buckets: readonly BucketDigest[]
  readonly repair: RepairParts
  readonly keys: RepairParts
  readonly mark: Mark
  readonly standing: Standing
  readonly 'offered-types': readonly TypeDigest[]
  readonly 'offered-buckets': readonly BucketDigest[]
  readonly 'offered-entries': readonly KeyedEntry[]
  readonly 'due-refusals': readonly { readonly resourceType: string; readonly keys: readonly string[] }[]
  readonly list: { readonly offers: readonly Offer[]; readonly head: Mark }
  readonly apply: Applied
  readonly verify: { readonly verified: boolean; readonly offered: Digest }
  readonly acked: null
  readonly settled: SettledFacts
  readonly 'peer-settled': null
  readonly admit:
    | {
        readonly admitted: true
        readonly owesReturn?: boolean | undefined
        /** What it has said of its types is remembered. */
        readonly typesKnown?: boolean | undefined
      }
    | { readonly admitted: false; readonly reason: string }
  readonly 'repair-turns': RepairTurns
  readonly repaired: null
  readonly diverged: null
}

export type StoreAnswer = {
  [K in keyof StoreResults]: { readonly op: K; readonly result: StoreResults[K] }
}[keyof StoreResults]

/** The store of one channel of one session, asynchronous (PostgreSQL). */
export interface ChannelStore {
  /** `traces`: W3C `traceparent` of what a batch belongs to, for whoever reads the revision that it is written with. */
  perform<O extends StoreOp>(
    op: O,
    options: { readonly signal: AbortSignal; readonly traces?: readonly string[] | undefined },
  ): Promise<StoreResults[O['op']]>
}

/** The same, synchronous (memory, for the simulation). */
export interface SyncChannelStore {
  perform<O extends StoreOp>(op: O): StoreResults[O['op']]
}

/** Who a channel's store speaks for. */
export interface ChannelContext {
  readonly channel: Channel
  /** Name of the peer: a zone, or '' for global. */
  readonly peer: string
  /**
   * The right to write. `key`: what is fenced where it is not the whole peer, but one stream of a plain Kuma zone, whose
   * streams may reach different replicas.
   */
  readonly fence?: { readonly sessionId: string; readonly fence: number; readonly key?: string | undefined } | undefined
}
