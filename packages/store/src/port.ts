import type { Channel, ChannelContext, ChannelStore, Cursor, Demand, Position, StoreState } from '@holdfast/kds'
import type {
  Audience,
  ComputedFields,
  LearnedTypes,
  Problem,
  Resource,
  ResourceContent,
  ResourceKey,
  Violation,
  Vips,
} from '@holdfast/model'
import type { DiffReader } from './diff-port.js'
import type { GuardStore, PeerReportRow } from './guards.js'
import type { HeldLease, LeaseStore } from './lease-port.js'
import type { Pause, PauseRequest, ReadOnly, ReadOnlyRequest } from './plan/brakes.js'
import type { FormState, HookCover } from './plan/forms.js'
import type { ImportedVerdict, ImportVips } from './plan/import-vips.js'
import type { HookWork, Judged, Verdict } from './plan/judged.js'
import type { Learned, TypesOfPeer } from './plan/learned-types.js'
import type { PlainMeeting } from './plan/plain-zones.js'
import type { PoolAdded, PoolAddition } from './plan/pools.js'
import type {
  AuditRow,
  BlockRow,
  Brake,
  CursorRow,
  HistoryRow,
  HoldRow,
  LedgerRow,
  Owner,
  RefusedRow,
  RoleIdentity,
  Row,
  ZoneRow,
} from './plan/types.js'
import type { ZoneObject } from './plan/zone-objects.js'
import type { ZoneReturns } from './port-returns.js'
import type { RecoveryStore } from './recovery-port.js'
import type { ReplicaStore } from './replica-port.js'

/** Head of the change log and what the store is. */
export interface StoreStatus {
  readonly identity: RoleIdentity
  readonly state: StoreState
  /** Why it is not ready, in words for an operator. */
  readonly reasons: readonly string[]
  readonly head: Cursor
  /** Operators change nothing here. */
  readonly readOnly?: Brake | undefined
}

/** A change that an operator or a generator of this control plane makes to what it owns. */
export type LocalChange =
  | {
      readonly change: 'put'
      readonly key: ResourceKey
      /** As validated by the model; labels already computed. */
      readonly content: ResourceContent
      readonly namespace: string
      readonly displayName: string
      /** Asked-for addresses by family; undefined: none asked for. */
      readonly pins?: { readonly v4?: string | undefined; readonly v6?: string | undefined } | undefined
      /** A headless service gets no VIP. */
      readonly wantsVip: boolean
      /** True if the parsed value of both specs is the same: then the stored bytes stay. */
      readonly sameAs?: ((existing: Resource) => boolean) | undefined
      /** Made by this control plane itself: the computed fields of the spec are meant, and the status is written with it. */
      readonly generated?: ({ readonly status: Uint8Array | undefined } & IfRevision) | undefined
      /** Only over the row as its author has read it; 0: only if there is none. */
      readonly ifRevision?: number | undefined
    }
  | ({ readonly change: 'delete'; readonly key: ResourceKey } & Partial<IfRevision>)
  /** What is computed of a resource of ours, and nothing else of it. */
  | ({
      readonly change: 'compute'
      readonly key: ResourceKey
      readonly computed: ComputedFields
      readonly status: Uint8Array | undefined
    } & IfRevision)

/** Only over the row as it was read; anything else is `stale`. */
interface IfRevision {
  /** 0: there was none. */
  readonly ifRevision: number
}

export type LocalOutcome =
  | {
      readonly outcome: 'created' | 'updated' | 'unchanged'
      readonly vips?: Vips | undefined
      readonly pendingReason?: string | undefined
      /** Zones see it once this policy hook has let it through. */
      readonly waitsForHook?: string | undefined
      /** This store was never initialised: nobody is told of it before it is. */
      readonly waitsForInit?: true | undefined
      /** Of a dry run: the row as it is, and as it would be. */
      readonly before?: Row | undefined
      readonly row?: Row | undefined
    }
  | { readonly outcome: 'deleted' }
  /** It was made for a row that is another one by now: nothing was done. */
  | { readonly outcome: 'stale' }
  | { readonly outcome: 'refused'; readonly problem: Problem }

export interface LocalRequest {
  readonly changes: readonly LocalChange[]
  /** All or nothing, in one transaction of any size. Otherwise each change stands alone. */
  readonly atomic: boolean
  readonly actor: string
  /** From where it was asked, for the audit log. */
  readonly source?: string | undefined
  /** It is refused while the control plane is read-only. What a control plane does by itself goes on then. */
  readonly heedsReadOnly?: boolean | undefined
  /** Done only while this is held. */
  readonly lease?: HeldLease | undefined
  /** W3C `traceparent` of who asks, for whoever reads the revision that this is written with. */
  readonly traces?: readonly string[] | undefined
  /** Everything is planned and checked as if it were written, and nothing is. Atomic requests only. */
  readonly dryRun?: boolean | undefined
}

export interface ListQuery {
  readonly type: string
  readonly mesh?: string | undefined
  readonly nameContains?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** The list begins behind it, in the order of mesh and name: whoever reads all of it counts nothing twice. `total` is of all. */
  readonly after?: { readonly mesh: string; readonly name: string } | undefined
  readonly offset: number
  readonly limit: number
}

export interface ChangesQuery {
  readonly types: readonly string[]
  readonly ownTypes: readonly string[]
  /** With rows of which the status alone has changed: each comes where the newer of its two revisions stands. */
  readonly statuses?: boolean | undefined
  /** Undefined: from the start of the log. */
  readonly after: { readonly epoch: string; readonly position: Position } | undefined
  readonly limit: number
}

export interface Changes {
  readonly state: StoreState
  readonly epoch: string
  readonly rows: readonly Row[]
  /** Where the last row stands (see `logRevision`), or the end of the log as it was then. */
  readonly through: Position
  /** There is nothing more. */
  readonly complete: boolean
}

export interface ShownRow {
  readonly row: Row | undefined
  readonly head: Cursor
  /** What peers have said of what they refuse; who has nothing to say is left out. */
  readonly reports: readonly Pick<PeerReportRow, 'peer' | 'body'>[]
  /** Active addresses of its owner in this zone alone, by family; global has none. */
  readonly aliases: readonly string[]
}

export interface VipQuery {
  readonly kind?: string | undefined
  readonly mesh?: string | undefined
  readonly origin?: string | undefined
  readonly displayName?: string | undefined
  readonly address?: string | undefined
  readonly includeTombstoned: boolean
  readonly after?: string | undefined
  readonly limit: number
}

/** An owner and what is in force of it: canonical addresses; where there are none, those that this zone has given it from blocks of its own. */
export interface Booked extends Owner {
  /** IPv4 before IPv6. */
  readonly addresses: readonly string[]
}

/** A living service, as far as it tells who serves which addresses. */
export interface Served extends Owner {
  readonly name: string
  readonly audience: Audience
  readonly addresses: readonly string[]
}

/** Of one service both sides of what `Booked` and `Served` tell of all. */
export interface ServiceStanding
  extends Pick<Row, 'type' | 'mesh' | 'name' | 'origin' | 'labels' | 'audience' | 'vips'> {
  /** What its owner has in the ledger. */
  readonly booked: readonly string[]
}

export interface ServedQuery {
  readonly kind: string
  readonly after?: { readonly mesh: string; readonly name: string } | undefined
  readonly offset: number
  readonly limit: number
}

/** A zone's name, and the store that it is bound to. */
export type ZoneRecord = ZoneRow

export interface SessionRecord {
  readonly sessionId: string
  readonly peer: string
  readonly openedAtMs: number
  readonly closedAtMs?: number | undefined
  readonly closeReason?: string | undefined
  readonly instanceId: string
  readonly peerInstanceId: string
  readonly peerVersion: string
  readonly extension: boolean
  readonly lastHeartbeatMs?: number | undefined
  /** Per channel, responses sent / acked / refused, by type. */
  readonly counters: Readonly<
    Record<string, { readonly sent: number; readonly acked: number; readonly refused: number }>
  >
}

/** Counts of rows by (type, origin), and of the ledger: what `inspect` and metrics show. */
export interface StoreCounts {
  readonly resources: readonly { readonly type: string; readonly origin: string; readonly count: number }[]
  readonly refused: number
  readonly held: number
  readonly pendingVips: number
}

/** Changes of one type that a peer has not stored yet. */
export interface LagRow {
  readonly peer: string
  readonly channel: Channel
  readonly type: string
  readonly changes: number
  /** When the oldest of them was committed. */
  readonly sinceMs: number
}

/** What is looked for in the audit log; everything that is said must hold. */
export interface AuditFilter {
  readonly actor?: string | undefined
  readonly action?: string | undefined
  /** Somewhere in the subject. */
  readonly subject?: string | undefined
  readonly sinceMs?: number | undefined
}

export interface MeshCount {
  readonly type: string
  readonly mesh: string
  readonly count: number
}

/** Everything the product asks of a store. PostgreSQL implements it; the simulation's memory store implements its core. */
export interface ControlPlaneStore {
  status(): Promise<StoreStatus>
  /** `uninitialised` → `ready`, with the pools of decision; changes nothing on a store that was initialised before. */
  initialise(options: {
    readonly actor: string
    readonly pools?: readonly PoolSetting[]
    readonly random: Uint8Array
  }): Promise<{ readonly changed: boolean }>
  /** recovering → ready; `uninitialised` where the store never was ready and no zone has remembered its pools. */
  finishRecovery(reason: string, actor?: string): Promise<void>

  readonly local: {
    apply(request: LocalRequest, options: { readonly signal: AbortSignal }): Promise<readonly LocalOutcome[]>
    writeStatus(key: ResourceKey, status: Uint8Array): Promise<boolean>
  }
  readonly read: {
    /**
     * Rows of these types in the order of the log, tombstones included: at most `limit`. Foreign ones of `ownTypes` are
     * left out. Undefined: that position is not in the log any more; read from its start.
     */
    changes(query: ChangesQuery): Promise<Changes | undefined>
    get(key: ResourceKey): Promise<Row | undefined>
    /** A row as `get` gives it and all that it is shown with, as of one moment and in one statement. */
    shown(key: ResourceKey): Promise<ShownRow>
    /** Decision: the CLI says display name and zone; '' zone = global's or this zone's own. Several answers mean ambiguous. */
    byDisplayName(type: string, mesh: string, displayName: string, zone?: string): Promise<readonly Row[]>
    list(query: ListQuery): Promise<{ readonly total: number; readonly items: readonly Row[] }>
    counts(): Promise<StoreCounts>
    /** Living resources by type and mesh ('' for types of global scope), without what is our own bookkeeping. */
    countsByMesh(): Promise<readonly MeshCount[]>
    refused(): Promise<readonly RefusedRow[]>
    /** Those that wait for an operator. */
    holds(): Promise<readonly HoldRow[]>
    cursors(): Promise<readonly CursorRow[]>
    /** Whether a position in this peer's log was ever given to us. Asked by each session that begins, of its own peer alone. */
    hasFollowed(peer: string): Promise<boolean>
    /** What peers have not stored yet of what we send, by type; one statement, asked for when somebody looks. */
    lag(): Promise<readonly LagRow[]>
    /** Newest first. */
    audit(limit: number, filter?: AuditFilter): Promise<readonly AuditRow[]>
    scrub(): Promise<ScrubState>
    /** The audit log in its order, after a row of it. */
    auditAfter?: ((after: number, limit: number) => Promise<readonly AuditRecord[]>) | undefined
  }
  readonly guards: GuardStore
  readonly vip: {
    ledger(query: VipQuery): Promise<{ readonly items: readonly LedgerRow[]; readonly next?: string | undefined }>
    /** What the ledger says of each owner, in their order: for whoever reads all of it. */
    booked(query: { readonly after?: Owner | undefined; readonly limit: number }): Promise<readonly Booked[]>
    /** What services say of themselves, in the order of mesh and name, without all that is not about addresses. */
    served(query: ServedQuery): Promise<readonly Served[]>
    /** Both of some services, in one statement; those that are not there are left out. */
    standing(keys: readonly ResourceKey[]): Promise<readonly ServiceStanding[]>
    history(owner: Partial<Owner> & { readonly address?: string }, limit: number): Promise<readonly HistoryRow[]>
    blocks(): Promise<readonly (BlockRow & { readonly used: number })[]>
    /** Those of this control plane, without counting what lies in them: cheap enough for every reconnect. */
    ownBlocks(): Promise<readonly BlockRow[]>
    /** Global: plans and writes the blocks that a zone (or global itself, owner '') needs. Grants arrive as VipBlock resources. */
    lease(request: {
      readonly owner: string
      readonly storeId: string
      readonly demands: readonly Demand[]
      readonly wantedCidrs: readonly string[]
    }): Promise<{ readonly granted: readonly BlockRow[]; readonly refused: readonly string[] }>
    /** What this control plane would ask for now; empty when nothing is needed. */
    demand(): Promise<readonly Demand[]>
    /** Global: one more pool to lease from, when those before it are full. @throws Problem `invalid`, `conflict` */
    addPool(request: PoolAddition): Promise<PoolAdded>
    /** A block given by the operator before the first contact (`--vip-block`), to be confirmed or refused by global. */
    adoptBlocks(cidrs: readonly string[]): Promise<readonly Violation[]>
    /** Takes over addresses that services have in a zone of another control plane; a verdict for each, in their order. */
    importAddresses(request: ImportVips): Promise<readonly ImportedVerdict[]>
    /** Aliases of these owners that hold in a zone. */
    aliases(owners: readonly Owner[], zone: string): Promise<readonly LedgerRow[]>
    /** Ledger against resources, in the database: every active row has its service with the same addresses, and back. */
    verifyLocal(): Promise<readonly { readonly subject: string; readonly problem: string }[]>
    /** Frees what has served its quarantine, only in blocks above 75 % load. */
    freeQuarantined(nowMs: number): Promise<number>
  }
  readonly sessions: {
    /** Takes the fence: everything of an older session of this peer is void from here on. */
    open(session: {
      readonly sessionId: string
      readonly peer: string
      readonly instanceId: string
      readonly peerInstanceId: string
      readonly peerVersion: string
      readonly extension: boolean
      /** A plain Kuma zone: the one stream that this session is; it has a fence of its own, `peer/stream`. */
      readonly stream?: 'down' | 'up' | undefined
      /** Opened only while this is held: a process that was taken over must not void the session of its successor. */
      readonly lease?: HeldLease | undefined
    }): Promise<{ readonly fence: number }>
    heartbeats(
      beats: readonly {
        readonly sessionId: string
        readonly peer: string
        readonly ackedRevision: number
        readonly counters: SessionRecord['counters']
      }[],
    ): Promise<void>
    close(sessionId: string, reason: string): Promise<void>
    /** The last ten per peer, newest first. */
    list(): Promise<readonly SessionRecord[]>
    zones(): Promise<readonly ZoneRecord[]>
    /** Global: a zone that speaks plain Kuma KDS begins to. It gets its Zone object, or is told why it may not. */
    meetPlain(zone: string): Promise<PlainMeeting>
    /** Global: which of these were met and have no Zone object any more. */
    deletedZones(names: readonly string[]): Promise<readonly string[]>
    /** Global: its Zone objects that say more than that there is a zone, for its zones to remember. */
    zoneObjects(): Promise<readonly ZoneObject[]>
    /** Global: those of these that are paused, each with what it is told. */
    pausedZones(names: readonly string[]): Promise<readonly { readonly zone: string; readonly reason: string }[]>
  }
  /** What an operator stops on purpose, until he lets it go on. */
  readonly brakes: {
    /** Global: from the commit on, what is under way of that zone is void. Throws as `pauseUnit` does. */
    pause(request: PauseRequest): Promise<Pause>
    readOnly(request: ReadOnlyRequest): Promise<ReadOnly>
  }
  /** The processes of this database. */
  readonly replicas: ReplicaStore
  /** What only one of several processes does at a time. */
  readonly leases: LeaseStore
  /** Work of the policy hooks: a queue that follows from the forms, so it survives whoever works on it. */
  readonly hooks: HookStore
  /** What survives a loss, here or at global. */
  readonly recovery: RecoveryStore
  /** What a zone whose store was lost gets back, and whose name it is. */
  readonly returns: ZoneReturns
  /** What peers have told of types that this program does not know (UNKNOWN, SKEW). */
  readonly types: {
    learn(peer: string, said: TypesOfPeer): Promise<Learned>
    learned(): Promise<readonly LearnedTypes[]>
  }
  /** The store of one channel of one session; its writes are fenced. */
  channel(context: ChannelContext): ChannelStore
  /**
   * What has to be done now and then whatever happens, in bounded steps: old tombstones of the log are forgotten, addresses
   * that have served their quarantine are freed where they are needed, the grace of what plain Kuma peers left out ends.
   */
  upkeep(options?: { readonly lease?: HeldLease | undefined }): Promise<Upkeep>
  /** One bounded step of the scrub, which goes through everything again and again; see `ScrubPace`. */
  scrub(pace: ScrubPace): Promise<ScrubStep>
  /** How secrets are sealed; undefined: they are not. */
  readonly sealing?: SecretSealing | undefined
  /** Reads for `sync diff`. */
  readonly diff: DiffReader
  /** What the database lacks of what it should have, in words; while there is anything, nothing is sent or written. */
  faults(): readonly string[]
  /** A hint that the log may have grown; never carries data. Returns the way to stop listening. */
  onAdvanced(listener: () => void): () => void
  close(): Promise<void>
}

export interface Upkeep {
  readonly tombstonesForgotten: number
  readonly addressesFreed: number
  /** What plain Kuma peers had left out of their lists for the whole grace. */
  readonly absentDeleted: number
}

export interface HookClaim {
  /** What waits for this hook. */
  readonly hook: string
  readonly states: readonly FormState[]
  readonly limit: number
  /** Nobody else claims it for so long. */
  readonly claimMs: number
  /** See `HookCover`: of the hooks that are asked. */
  readonly fingerprint: string
}

export interface HookHealth {
  readonly hook: string
  readonly answers: boolean
  readonly sinceMs: number
  readonly reason?: string | undefined
}

/** How many resources have a form in a state, by type and the hook that it is about. */
export interface HookCount {
  readonly type: string
  readonly hook?: string | undefined
  readonly state: FormState
  readonly count: number
  readonly oldestMs: number
}

/** A line of the audit log with what proves it. */
export interface AuditRecord extends AuditRow {
  readonly id: number
  readonly revision: number
  /** As it is hashed. */
  readonly line: string
  /** On the last line of each commit: over its lines and the chain before. Absent on the others, and on those of before. */
  readonly chain: Uint8Array | undefined
}

export interface SecretSealing {
  /** A bounded step of bringing secrets under the active key. @returns how many were moved */
  reseal(limit: number): Promise<number>
  /** Makes a new data key, which becomes the active one a minute later. @returns its number */
  rotate(): Promise<number>
  /** Secrets by the data key that they are sealed with; 0: with none. */
  counts(): Promise<readonly { readonly keyId: number; readonly count: number }[]>
  activeKeyId(): number
}

export interface HookStore {
  claim(claim: HookClaim): Promise<readonly HookWork[]>
  /** Answers about what has changed meanwhile are `outdated` and have no effect. */
  settle(verdicts: readonly Verdict[]): Promise<readonly Judged[]>
  /** @returns whether that is news; of a hook that answers again everything is due */
  noteHealth(health: HookHealth): Promise<boolean>
  health(): Promise<readonly HookHealth[]>
  /** Gives what waits for none of these hooks to those that cover it now, or publishes it. @returns how many; undefined: no hook was ever configured */
  adopt(cover: HookCover, limit: number): Promise<number | undefined>
  /**
   * A step of giving everything to be judged anew after the hooks have changed (`types`: what they may cover).
   * @returns whether there is more to do
   */
  sweep(
    cover: HookCover,
    types: readonly string[],
    limit: number,
  ): Promise<{ readonly more: boolean; readonly marked: number }>
  counts(): Promise<readonly HookCount[]>
  /** A hint that this process has written something that waits for a hook. Returns the way to stop listening. */
  onWaiting(listener: () => void): () => void
  /** Rows whose form waits, was refused, or is published without its hook; oldest first. */
  open(limit: number): Promise<readonly Row[]>
}

export interface PoolSetting {
  readonly kind: string
  readonly family: 4 | 6
  readonly cidr: string
}

export interface ScrubPace {
  /** Rows in one step, about. */
  readonly rows: number
  /** No sooner than this after the last step, whatever process did it. */
  readonly everyMs: number
  /** A round begins no sooner than this after the last one began. */
  readonly roundEveryMs: number
  /** Done only while this is held. */
  readonly lease?: HeldLease | undefined
}

/** What the scrub has found of one resource, sum or address. */
export interface ScrubFinding {
  readonly subject: string
  readonly problem: string
  /** `asked`: not believed until its origin offers it again. `alarm`: nobody but an operator can mend it. */
  readonly outcome: 'asked' | 'mended' | 'alarm'
  readonly sinceMs: number
  readonly lastAtMs: number
}

export interface ScrubStep {
  readonly rows: number
  readonly found: readonly Omit<ScrubFinding, 'sinceMs' | 'lastAtMs'>[]
  readonly roundEnded: boolean
}

export interface ScrubState {
  /** Where it stands: a type and the share of it that is done. Undefined between rounds. */
  readonly at?: { readonly part: string; readonly share: number } | undefined
  /** Whole rounds so far. */
  readonly round: number
  readonly roundStartedAtMs?: number | undefined
  readonly roundEndedAtMs?: number | undefined
  /** Rows looked at, ever. */
  readonly rows: number
  /** Until a whole round has not found them again. */
  readonly findings: readonly ScrubFinding[]
}

/** Of a store that was never scrubbed. */
export const scrubOff: ScrubState = { round: 0, rows: 0, findings: [] }
