import type { Channel, Cursor, Position } from '@holdfast/kds'
import type { Audience, Origin, Resource, ResourceKey, Vips } from '@holdfast/model'
import type { Form } from './forms.js'

/** A row of `resources` as plans see it. Tombstones stay as rows: the change log is an index over them. */
export interface Row extends Resource {
  readonly revision: number
  readonly deleted: boolean
  readonly deletedAtMs?: number | undefined
  readonly createdAtMs: number
  readonly modifiedAtMs: number
  readonly status?: Uint8Array | undefined
  readonly statusRevision: number
  /** What the status channel last offered of it (32 hex digits), see `statusEntry`; undefined when withdrawn or our own. */
  readonly offeredStatusEntry?: string | undefined
  /** Digest entry (32 hex digits) of what is kept; undefined on a tombstone. Computed by the database over the row's bytes. */
  readonly entry?: string | undefined
  /** What the sender last offered of it (32 hex digits); undefined when withdrawn, or when it is our own. */
  readonly offeredEntry?: string | undefined
  /** Once visible to anyone, its removal is said as well. */
  readonly exposed: boolean
  /** Why a service has no VIP (yet). */
  readonly pendingReason?: string | undefined
  readonly holdId?: string | undefined
  /** Missing since then without an explicit removal; on a tombstone: that is how it went, and it counts as vanished. */
  readonly absentSinceMs?: number | undefined
  /** As its author wrote it, where that is not what is published; the row's own content is always what is. */
  readonly form?: Form | undefined
}

export type Family = 4 | 6
export type Scope = 'canonical' | `zone:${string}`

/** Who owns an address: not a row id, not a stored name, not arrival order. */
export interface Owner {
  readonly kind: string
  readonly mesh: string
  readonly origin: Origin
  readonly namespace: string
  readonly displayName: string
}

/** A row of `vip_ledger`: the only source of truth for VIPs. Never updated by sync except by its tombstone and generation. */
export interface LedgerRow extends Owner {
  readonly scope: Scope
  readonly family: Family
  readonly address: string
  readonly generation: number
  readonly state: 'active' | 'tombstoned'
  /** Set on rows that this control plane allocated. */
  readonly blockId?: string | undefined
  readonly allocatedAtMs: number
  readonly tombstonedAtMs?: number | undefined
  /** Revision of our log in which the tombstone was set: the quarantine waits until every zone has acked it. */
  readonly tombstonedRevision?: number | undefined
}

export type HistoryEvent =
  | 'allocated'
  | 'witnessed'
  | 'tombstoned'
  | 'revived'
  | 'freed'
  | 'replaced'
  | 'aliased'
  | 'refused'

export interface HistoryRow extends Owner {
  readonly scope: Scope
  readonly family: Family
  readonly address: string
  readonly generation: number
  readonly event: HistoryEvent
  readonly atMs: number
  readonly revision: number
  readonly why: string
}

/** A block as the ledger needs it: a projection of the VipBlock resource, kept in the same transaction. */
export interface BlockRow {
  readonly id: string
  readonly kind: string
  readonly family: Family
  readonly cidr: string
  /** Zone name, or '' for global. */
  readonly owner: string
  readonly storeId: string
  readonly generation: number
  readonly createdAtMs: number
}

export interface RefusedRow extends ResourceKey {
  readonly peer: string
  readonly origin: Origin
  readonly exportName: string
  /** `status`: what was refused is a status; a resource otherwise. Part of what identifies the refusal. */
  readonly channel: Channel
  /** There is no row that could remember the offer, so it is this one that counts in the digest of what was offered. */
  readonly newcomer: boolean
  readonly entry: string
  readonly reason: string
  readonly remembered?: string | undefined
  readonly sinceMs: number
  readonly nextTryMs: number
  readonly tries: number
}

export interface HoldRow {
  readonly id: string
  readonly peer: string
  readonly type: string
  readonly origin: Origin
  readonly reason: string
  /** Rows that it keeps now, waiting for an operator or kept by one; an undecided hold ends with the last of them. */
  readonly keyCount: number
  /** Rows that it was raised for. */
  readonly firstCount: number
  /** Of these, how many the sender has offered again. The rest is kept, deleted by approval or removed explicitly. */
  readonly returnedCount: number
  readonly sinceMs: number
  /** `ended`: by itself, for nothing is missing any more. */
  readonly state: 'held' | 'approved' | 'rejected' | 'ended'
  /** When it was decided, or ended by itself; what was rejected may still be approved later. */
  readonly endedAtMs?: number | undefined
  /** Who decided, and how many rows an approval deleted. */
  readonly decidedBy?: string | undefined
  readonly deletedCount?: number | undefined
}

export interface CursorRow {
  readonly peer: string
  readonly channel: Channel
  /**
   * `received`: where we stand in the peer's log; `acked`: where the peer stands in ours; `settled`: through where what is
   * gone in our log is gone at the peer too (and where the peer is global, in all zones).
   */
  readonly side: 'received' | 'acked' | 'settled'
  /** Of a `settled` position: origins for which it does not speak. */
  readonly except?: readonly Origin[] | undefined
  readonly cursor?: Cursor | undefined
  readonly partial?: Position | undefined
  readonly provenAtMs?: number | undefined
  /** A repair did not help; no types: the sums differ as a whole. Ended by a mark that agrees. */
  readonly diverged?: { readonly sinceMs: number; readonly types: readonly string[] } | undefined
}

/** A zone name and the store that it is bound to. */
export interface ZoneRow {
  readonly name: string
  /** Undefined: never met. */
  readonly storeId?: string | undefined
  readonly everInStep: boolean
  /** Another store that has asked for the name, and since when. */
  readonly claimantStoreId?: string | undefined
  readonly claimedAtMs?: number | undefined
  /** The name was given to its present store by an operator. */
  readonly adoptedAtMs?: number | undefined
  /** What the store of before had written has not gone back to the present one yet. */
  readonly owesReturn?: boolean | undefined
  /** Out of service for good: nobody waits for it, and its name is free. */
  readonly decommissionedAtMs?: number | undefined
  /** Global neither hears it nor tells it anything. */
  readonly paused?: Brake | undefined
}

/** Who has stopped something on purpose, and why. */
export interface Brake {
  readonly by: string
  readonly atMs: number
  /** '': none was given. */
  readonly reason: string
}

export interface AuditRow {
  readonly atMs: number
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

/**
 * One transaction, completely planned. Rows carry the revision that the commit will take; no row stands in it twice.
 * Ledger statements run in the order freed, tombstones, replacements, revivals, inserts, so that an address is free
 * before it is taken; blocks before the ledger, block removals after it.
 */
export interface WritePlan {
  /** The time that rows get as created, modified and deleted. */
  readonly atMs: number
  readonly upserts: readonly RowWrite[]
  readonly tombstones: readonly TombstoneWrite[]
  /** After the tombstones, before the upserts: their names are taken by rows that are called otherwise elsewhere. */
  readonly movedTombstones: readonly MovedTombstone[]
  /** Only `offered_entry`, `hold_id`, `absent_since`: bookkeeping that takes no new position in the log of the row. */
  readonly offered: readonly OfferedWrite[]
  /** Authored forms, after the rows they belong to. They take no place in the log: nobody else sees them. */
  readonly forms: readonly FormWrite[]
  readonly formRemovals: readonly ResourceKey[]
  readonly statuses: readonly (ResourceKey & {
    readonly status: Uint8Array | undefined
    readonly offeredStatusEntry?: string | undefined
  })[]
  readonly ledgerInserts: readonly LedgerRow[]
  readonly ledgerTombstones: readonly (Owner & {
    readonly scope: Scope
    readonly family: Family
    readonly atMs: number
  })[]
  readonly ledgerRevivals: readonly (Owner & { readonly scope: Scope; readonly family: Family })[]
  /** A higher generation replaces the address; anything else is a planner's mistake. */
  readonly ledgerReplacements: readonly LedgerRow[]
  readonly ledgerFreed: readonly (Owner & { readonly scope: Scope; readonly family: Family })[]
  readonly history: readonly Omit<HistoryRow, 'revision'>[]
  readonly blocks: readonly BlockRow[]
  readonly blockRemovals: readonly string[]
  readonly refused: readonly RefusedRow[]
  readonly refusedCleared: readonly (ResourceKey & { readonly peer: string; readonly channel: Channel })[]
  readonly holds: readonly HoldRow[]
  readonly visibility: readonly { readonly origin: Origin; readonly hidden: boolean }[]
  /** Of Zone objects that come back from those who remember them: when an operator made and changed them. */
  readonly zoneTimes: readonly ZoneTimes[]
  readonly audit: readonly AuditRow[]
  readonly zones: readonly ZoneRow[]
  /** Takes no place in the log, and is kept with what was taken over beside it. */
  readonly named: readonly NamedConflicts[]
}

/** All that a zone has said against what is known here, since the present log began. */
export interface NamedConflicts {
  readonly zone: string
  readonly conflicts: readonly string[]
}

export interface ZoneTimes {
  readonly name: string
  readonly createdAtMs: number
  readonly modifiedAtMs: number
}

export interface RowWrite extends ResourceKey {
  readonly row: Omit<
    Row,
    'revision' | 'entry' | 'statusRevision' | 'status' | 'offeredStatusEntry' | 'createdAtMs' | 'modifiedAtMs' | 'form'
  >
  /** It enters or leaves the views, so its status does too: `status_revision` becomes the row's new revision. */
  readonly statusMoves: boolean
  /** Revision of the row that the plan was made on; undefined: there was none. A different one at commit means: plan again. */
  readonly expectedRevision?: number | undefined
}

/** Its `status_revision` becomes the new revision as well; `hold_id` and `pending_reason` become null. */
export interface TombstoneWrite extends ResourceKey {
  readonly expectedRevision: number
  readonly deletedAtMs: number
  /** The sender still offers it although we removed it (for example because its mesh is gone). */
  readonly offeredEntry?: string | undefined
  /** Set if it was learned by absence, not by an explicit removal. */
  readonly absentSinceMs?: number | undefined
  /** Only its mesh is gone: at its origin it is alive, and it comes back with the mesh. */
  readonly suspended?: boolean | undefined
}

/**
 * A tombstone gives up its stored name and keeps everything else, its place in the log and its export name too: the one
 * under which its removal is still to be said.
 */
export interface MovedTombstone extends ResourceKey {
  /** No name that anybody could give. */
  readonly to: string
}

export interface OfferedWrite extends ResourceKey {
  readonly offeredEntry?: string | undefined
  readonly holdId?: string | undefined
  readonly absentSinceMs?: number | undefined
}

export interface FormWrite extends ResourceKey {
  readonly form: Form
  /** Digest entry of the row as this commit leaves it. */
  readonly rowEntry?: string | undefined
}

/** What a plan has to read, asked for as a set so that it costs the same few statements for 1 or 10,000 resources. */
export interface Needs {
  readonly keys: readonly ResourceKey[]
  /** Rows by the name that they have elsewhere (`name` = export name), whatever their own is. */
  readonly exportNames: readonly ResourceKey[]
  /** Rows by what makes them unique at their origin. */
  readonly displayNames: readonly {
    readonly type: string
    readonly mesh: string
    readonly origin: Origin
    readonly namespace: string
    readonly displayName: string
    /** Of the row that should have it, where that is among `keys`: it need not be read twice. */
    readonly name?: string
  }[]
  readonly owners: readonly Owner[]
  /** Ledger rows that hold one of these addresses, in any scope. */
  readonly addresses: readonly string[]
  /** Ledger rows with an address in one of these CIDRs: asked instead of very many single addresses. */
  readonly takenIn: readonly string[]
  /** Ledger rows of scopes other than `canonical`: no block is leased over an alias. */
  readonly aliases: boolean
  readonly meshes: readonly string[]
  /** Every live row of these meshes, and tombstones that are still offered (mesh deletion, suspension, return). */
  readonly rowsOfMeshes: readonly string[]
  /** Own live rows with a pending reason, of these kinds. */
  readonly pendingOfKinds: readonly string[]
  /** Own live rows that have a VIP, but none of this family. */
  readonly lackingFamily: readonly { readonly type: string; readonly family: Family }[]
  /** All blocks that this control plane knows, with the number of ledger rows in each. */
  readonly blocks: boolean
  /** Live and recently vanished counts per (type, origin), for the HOLD threshold. */
  readonly vanishing: readonly { readonly type: string; readonly origin: Origin }[]
  /** Whole live set of a type and origin (whole lists of peers without the extension). */
  readonly wholeTypes: readonly { readonly type: string; readonly origin: Origin | 'foreign' }[]
  readonly refusedOf: readonly { readonly peer: string; readonly type: string }[]
  /** Holds by id. */
  readonly holds: readonly string[]
  /** Every row that is kept under one of these holds (ids). */
  readonly heldBy: readonly string[]
  /** All holds that keep a row: for what may take any of their rows away. */
  readonly openHolds: boolean
  readonly zones: readonly string[]
  readonly cursors: readonly { readonly peer: string; readonly channel: Channel }[]
  /** What is kept of these origins, counted; only of zones that have a quota. */
  readonly usage: readonly Origin[]
  /** Global: what these zones have said against what is known here, since the present log began. */
  readonly namedBy: readonly string[]
}

/** What is kept of a zone. */
export interface Usage {
  readonly origin: Origin
  /** Live ones. */
  readonly resources: number
  /** Of their specs together. */
  readonly bytes: number
  /** Live ones that were written within the window of the quota. */
  readonly changedLately: number
}

/** The role a store plays: '' and 'global', or the zone's name. */
export interface RoleIdentity {
  readonly role: 'global' | 'zone'
  /** Zone name; '' at global. Also the origin of everything that is ours. */
  readonly name: Origin
  readonly storeId: string
}

export interface OwnVips {
  readonly vips?: Vips | undefined
  readonly audience: Audience
}
