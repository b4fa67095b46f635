import type { Channel, StoreState } from '@holdfast/kds'
import type { Origin, ResourceKey } from '@holdfast/model'
import { entryOfRow } from './entries.js'
import { isUnpublished } from './forms.js'
import { displayText, keyText, pairText } from './keys.js'
import { LedgerSet } from './ledger-set.js'
import type { Loaded, Vanishing, ZoneFacts } from './loaded.js'
import { shaped } from './row-shape.js'
import { Index, Journal, List, Table } from './table.js'
import type {
  AuditRow,
  Brake,
  CursorRow,
  HoldRow,
  NamedConflicts,
  RefusedRow,
  RoleIdentity,
  Row,
  Usage,
  WritePlan,
  ZoneRow,
  ZoneTimes,
} from './types.js'
import { hasFamily } from './vips.js'
import { writePlanOf } from './write-plan.js'

/** A row as a plan writes it; its digest entry follows from it. */
export type RowDraft = Omit<Row, 'entry'>

/**
 * What a group of units has read, as it stands after those planned so far. A unit reads and changes it; the next one
 * sees the effects. What differs from what was loaded, in the end, is the plan: each row at most once.
 */
export class WorkingSet {
  readonly identity: RoleIdentity
  readonly state: StoreState
  readonly epoch: string
  /** See `Loaded.hooks`. */
  readonly hooks: string | undefined
  /** See `Loaded.readOnly`. */
  readonly readOnly: Brake | undefined
  readonly ledger: LedgerSet
  readonly #journal = new Journal()
  readonly #byDisplay = new Index()
  readonly #byExport = new Index()
  readonly #byHold = new Index()
  readonly #byMesh = new Index()
  readonly #byOrigin = new Index()
  readonly #byType = new Index()
  readonly #rows = new Table<Row>(this.#journal, (key, before, after) => {
    if (before !== undefined && after !== undefined && isFoundAlike(before, after)) return
    for (const [row, act] of [[before, 'remove'] as const, [after, 'add'] as const]) {
      if (row === undefined) continue
      this.#byExport[act](keyText({ type: row.type, mesh: row.mesh, name: row.exportName }), key)
      if (row.holdId !== undefined) this.#byHold[act](row.holdId, key)
      this.#byMesh[act](row.mesh, key)
      this.#byOrigin[act](pairText(row.type, row.origin), key)
      this.#byType[act](row.type, key)
      if (!row.deleted) this.#byDisplay[act](displayText(row), key)
    }
  })
  readonly #refused = new Table<RefusedRow>(this.#journal)
  readonly #holds = new Table<HoldRow>(this.#journal)
  readonly #zones = new Table<ZoneFacts>(this.#journal)
  readonly #visibility = new Table<boolean>(this.#journal)
  readonly #zoneTimes = new Table<ZoneTimes>(this.#journal)
  readonly #everInStep: Table<boolean> = new Table(this.#journal)
  readonly #audit = new List<AuditRow>(this.#journal)
  #asked: { readonly actor: string; readonly source: string } | undefined
  readonly #cursors = new Map<string, CursorRow>()
  readonly #vanishing = new Table<Vanishing>(this.#journal)
  readonly #usage = new Table<Usage>(this.#journal)
  readonly #named = new Table<NamedConflicts>(this.#journal)

  constructor(identity: RoleIdentity, loaded: Loaded) {
    this.identity = identity
    this.state = loaded.state
    this.epoch = loaded.epoch
    this.hooks = loaded.hooks
    this.readOnly = loaded.readOnly
    this.ledger = new LedgerSet(this.#journal)
    this.#everInStep.load('', loaded.everInStep)
    this.load(loaded)
  }

  /** Adds what a second round has read. What has been planned on meanwhile stays. */
  load(loaded: Loaded): void {
    for (const row of loaded.rows) this.#rows.load(keyText(row), row)
    this.ledger.load(loaded)
    for (const row of loaded.refused) this.#refused.load(refusedText(row), row)
    for (const hold of loaded.holds) this.#holds.load(hold.id, hold)
    for (const zone of loaded.zones) this.#zones.load(zone.name, zone)
    for (const cursor of loaded.cursors) this.#cursors.set(cursorText(cursor), cursor)
    for (const usage of loaded.usage) this.#usage.load(usage.origin, usage)
    for (const named of loaded.named) this.#named.load(named.zone, named)
    for (const counts of loaded.vanishing) this.#vanishing.load(pairText(counts.type, counts.origin), counts)
  }

  /** Runs `act`; with `keep: false` (or an error) nothing of it stays. */
  attempt<T>(act: () => { readonly keep: boolean; readonly value: T }): T {
    return this.#journal.attempt(act)
  }

  /** Runs a unit's plan; what throws leaves nothing of it behind for the units after it. */
  wholly<T>(plan: () => T): T {
    return this.attempt(() => ({ keep: true, value: plan() }))
  }

  row(key: ResourceKey): Row | undefined {
    return this.#rows.get(keyText(key))
  }

  liveRow(key: ResourceKey): Row | undefined {
    const row = this.row(key)
    return row === undefined || row.deleted ? undefined : row
  }

  /** Whether an earlier change of this group has changed it. */
  isTouched(key: ResourceKey): boolean {
    return this.#rows.get(keyText(key)) !== this.#rows.loaded(keyText(key))
  }

  /** The live row of an origin that has this namespace and display name. */
  byDisplayName(row: Parameters<typeof displayText>[0]): Row | undefined {
    return this.#rowsOf(this.#byDisplay, displayText(row))[0]
  }

  /** Rows, tombstones too, that are called so elsewhere. */
  byExportName(key: ResourceKey): readonly Row[] {
    return this.#rowsOf(this.#byExport, keyText(key))
  }

  /** Rows of a mesh that were asked for with `rowsOfMeshes`, tombstones that are still offered included. */
  ofMesh(mesh: string): readonly Row[] {
    return this.#rowsOf(this.#byMesh, mesh)
  }

  /** Rows of a type and origin that were asked for with `wholeTypes`. */
  ofOrigin(type: string, origin: Origin): readonly Row[] {
    return this.#rowsOf(this.#byOrigin, pairText(type, origin))
  }

  /** Rows of a type, of any origin, that were asked for with `wholeTypes`. */
  ofType(type: string): readonly Row[] {
    return this.#rowsOf(this.#byType, type)
  }

  /** Own live services of these kinds that wait for a VIP. */
  pending(kinds: readonly string[]): readonly Row[] {
    return kinds
      .flatMap((kind) => this.ofOrigin(kind, this.identity.name))
      .filter((row) => !row.deleted && row.pendingReason !== undefined)
  }

  /** Own live services of these kinds that are served, but in one family only. */
  lackingFamily(kinds: readonly string[]): readonly Row[] {
    return kinds
      .flatMap((kind) => this.ofOrigin(kind, this.identity.name))
      .filter((row) => !row.deleted && row.vips !== undefined && !(hasFamily(row.vips, 4) && hasFamily(row.vips, 6)))
  }

  /** `provisional`: the mesh `default` of a zone that was never in step, which global will replace. */
  mesh(name: string): 'live' | 'deleted' | 'provisional' | 'unknown' {
    const row = this.row({ type: 'Mesh', mesh: '', name })
    if (row !== undefined && !row.deleted) return 'live'
    if (this.identity.role === 'zone' && !this.everInStep && name === 'default') return 'provisional'
    return row === undefined ? 'unknown' : 'deleted'
  }

  /** False for a mesh that was deleted, or that no hook has let through yet: what lives in it is seen by nobody. */
  isMeshSeen(name: string): boolean {
    return this.mesh(name) !== 'deleted' && !isUnpublished(this.row({ type: 'Mesh', mesh: '', name }))
  }

  /** @param knownEntry its digest entry, where it has been computed already over the same content */
  put(draft: RowDraft, knownEntry?: string): Row {
    const row = shaped(draft, draft.deleted ? undefined : (knownEntry ?? entryOfRow(draft)))
    const before = this.row(row)
    if (before !== undefined && before.holdId !== row.holdId) this.#endHoldOf(before, !row.deleted)
    this.#rows.set(keyText(row), row)
    return row
  }

  /** Takes a change back that was made in this group: the row as it was before it. */
  restore(key: ResourceKey, row: Row | undefined): void {
    this.#rows.set(keyText(key), row)
  }

  /** @param options.offeredEntry what its sender still offers although the row goes */
  tombstone(
    row: Row,
    options: {
      readonly atMs: number
      readonly offeredEntry?: string | undefined
      readonly absentSinceMs?: number | undefined
    },
  ): void {
    this.put({
      ...row,
      deleted: true,
      deletedAtMs: options.atMs,
      modifiedAtMs: options.atMs,
      offeredEntry: options.offeredEntry,
      absentSinceMs: options.absentSinceMs,
      pendingReason: undefined,
      holdId: undefined,
      // What is still offered may come back as it was authored.
      form: options.offeredEntry === undefined ? undefined : row.form,
    })
  }

  /** Bookkeeping of what was offered; the row keeps its content and its place in the log. */
  setOffered(row: Row, now: Pick<Row, 'offeredEntry' | 'holdId' | 'absentSinceMs'>): void {
    if (row.holdId !== now.holdId) this.#endHoldOf(row, true)
    const { offeredEntry, holdId, absentSinceMs } = now
    this.#rows.set(keyText(row), { ...row, offeredEntry, holdId, absentSinceMs })
  }

  setStatus(row: Row, status: Uint8Array | undefined, offeredStatusEntry?: string | undefined): void {
    this.#rows.set(keyText(row), { ...row, status, offeredStatusEntry })
  }

  refusal(of: Pick<RefusedRow, 'peer' | 'channel'> & ResourceKey): RefusedRow | undefined {
    return this.#refused.get(refusedText(of))
  }

  refuse(row: RefusedRow): void {
    this.#refused.set(refusedText(row), row)
  }

  clearRefusal(of: Pick<RefusedRow, 'peer' | 'channel'> & ResourceKey): void {
    if (this.refusal(of) !== undefined) this.#refused.set(refusedText(of), undefined)
  }

  hold(id: string): HoldRow | undefined {
    return this.#holds.get(id)
  }

  putHold(hold: HoldRow): void {
    this.#holds.set(hold.id, hold)
  }

  /** Rows of a hold that were asked for with `heldBy`. */
  heldBy(id: string): readonly Row[] {
    return this.#rowsOf(this.#byHold, id)
  }

  /** Ends its part in a hold: the last one ends the hold, unless somebody has decided before. */
  #endHoldOf(row: Row, isBack: boolean): void {
    const hold = row.holdId === undefined ? undefined : this.#holds.get(row.holdId)
    if (hold === undefined) return
    const keyCount = hold.keyCount - 1
    this.#holds.set(hold.id, {
      ...hold,
      keyCount,
      returnedCount: hold.returnedCount + (isBack ? 1 : 0),
      state: keyCount === 0 && hold.state === 'held' ? 'ended' : hold.state,
    })
  }

  zone(name: string): ZoneFacts | undefined {
    return this.#zones.get(name)
  }

  putZone(zone: ZoneRow): void {
    this.#zones.set(zone.name, { hasSession: false, ...this.#zones.get(zone.name), ...zone })
  }

  get everInStep(): boolean {
    return this.#everInStep.get('') ?? false
  }

  /** Zones: kept in the row of `zones` that has this zone's own name. */
  setEverInStep(): void {
    this.#everInStep.set('', true)
    this.putZone({ name: this.identity.name, storeId: this.identity.storeId, everInStep: true })
  }

  setHidden(origin: Origin, hidden: boolean): void {
    this.#visibility.set(origin, hidden)
  }

  /** A commit gives the rows that it writes its own time; this one was made and changed before. */
  setZoneTimes(times: ZoneTimes): void {
    this.#zoneTimes.set(times.name, times)
  }

  cursor(peer: string, channel: Channel): CursorRow | undefined {
    return this.#cursors.get(cursorText({ peer, channel, side: 'received' }))
  }

  vanishing(type: string, origin: Origin): Vanishing {
    return this.#vanishing.get(pairText(type, origin)) ?? { type, origin, live: 0, vanished: 0, kept: 0, keptLately: 0 }
  }

  /** What is kept of a zone that has a quota, as it stands after what was planned so far. */
  usage(origin: Origin): Usage {
    return this.#usage.get(origin) ?? { origin, resources: 0, bytes: 0, changedLately: 0 }
  }

  noteUsage(usage: Usage): void {
    this.#usage.set(usage.origin, usage)
  }

  /** Counts what goes by absence, so that the next unit of the group knows of it. */
  noteVanished(type: string, origin: Origin, count: number): void {
    const counts = this.vanishing(type, origin)
    const { live, vanished } = counts
    this.#vanishing.set(pairText(type, origin), { ...counts, live: live - count, vanished: vanished + count })
  }

  /** Counts what goes by an explicit removal: it has not vanished, and is not there any more either. */
  noteRemoved(type: string, origin: Origin): void {
    const counts = this.#vanishing.get(pairText(type, origin))
    if (counts !== undefined) this.#vanishing.set(pairText(type, origin), { ...counts, live: counts.live - 1 })
  }

  /** Counts what is held instead. */
  noteHeld(type: string, origin: Origin, count: number): void {
    const counts = this.vanishing(type, origin)
    const { kept, keptLately } = counts
    this.#vanishing.set(pairText(type, origin), { ...counts, kept: kept + count, keptLately: keptLately + count })
  }

  /** What a zone has said against what is known here, that was asked for with `namedBy`. */
  namedBy(zone: string): readonly string[] {
    return this.#named.get(zone)?.conflicts ?? []
  }

  nameConflicts(named: NamedConflicts): void {
    this.#named.set(named.zone, named)
  }

  /** Lines of the audit in the name of who has asked say from where, until `work` is done. */
  askedBy<T>(asked: { readonly actor: string; readonly source: string }, work: () => T): T {
    this.#asked = asked
    try {
      return work()
    } finally {
      this.#asked = undefined
    }
  }

  audit(row: AuditRow): void {
    const { actor, source } = this.#asked ?? {}
    this.#audit.push(
      source === undefined || row.actor !== actor ? row : { ...row, detail: { from: source, ...row.detail } },
    )
  }

  /** What is to be written so that the store becomes what this set is now. */
  toWritePlan(nowMs: number): WritePlan {
    return writePlanOf(
      {
        rows: this.#rows.changes(),
        refused: this.#refused.changes(),
        holds: this.#holds.changes(),
        zones: this.#zones.changes(),
        visibility: this.#visibility.changes(),
        zoneTimes: this.#zoneTimes.changes(),
        named: this.#named.changes(),
        audit: this.#audit.all(),
        ledger: this.ledger,
      },
      nowMs,
    )
  }

  #rowsOf(index: Index, property: string): readonly Row[] {
    return index.keys(property).flatMap((key) => this.#rows.get(key) ?? [])
  }
}

/** A change of what is in a row leaves it where it is found. */
const isFoundAlike = (before: Row, after: Row): boolean =>
  before.type === after.type &&
  before.mesh === after.mesh &&
  before.exportName === after.exportName &&
  before.origin === after.origin &&
  before.namespace === after.namespace &&
  before.displayName === after.displayName &&
  before.holdId === after.holdId &&
  before.deleted === after.deleted

const refusedText = (of: Pick<RefusedRow, 'peer' | 'channel'> & ResourceKey): string =>
  pairText(pairText(of.peer, of.channel), keyText(of))

const cursorText = (cursor: Pick<CursorRow, 'peer' | 'channel' | 'side'>): string =>
  pairText(pairText(cursor.peer, cursor.channel), cursor.side)
