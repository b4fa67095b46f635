import type { Cursor, StoreState } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import type { PeerReportRow } from '../guards.js'
import { isHeldByHook } from '../plan/forms.js'
import type {
  AuditRow,
  BlockRow,
  Brake,
  CursorRow,
  HistoryRow,
  HoldRow,
  LastRepair,
  LedgerRow,
  RefusedRow,
  Row,
  ZoneRow,
} from '../plan/index.js'
import { addressKeyText, displayText, keyText, ownerText } from '../plan/keys.js'
import type { HookHealth, SessionRecord } from '../port.js'
import type { Image, SeenWitness } from './image.js'
import { RevisionLog } from './revision-log.js'
import { RowSums } from './row-sums.js'
import { isKept } from './settled.js'
import { MemoryTable, TableIndex, UndoLog } from './table.js'

/** Hears of every change of a store, also of those that are taken back. */
export interface StoreListener {
  changed(table: WatchedTable, key: string): void
  /** Another image is there: anything may have changed. */
  replaced(): void
}
export type WatchedTable = 'rows' | 'ledger' | 'refused' | 'cursors' | 'visibility'

/**
 * - `held by a hook`: see `isHeldByHook`
 * - `pending`: has no VIP yet
 * - `kept of …`: what an origin has removed or changed and is still here, see `isKept`
 */
export type Marker = 'held by a hook' | 'pending' | `kept of ${Origin}`

function markersOf(row: Row): readonly Marker[] {
  if (row.deleted) return []
  const markers: Marker[] = []
  if (isHeldByHook(row)) markers.push('held by a hook')
  if (row.pendingReason !== undefined) markers.push('pending')
  if (isKept(row)) markers.push(`kept of ${row.origin}`)
  return markers
}

const deaf = { changed: () => undefined }
const exportText = (row: Pick<Row, 'type' | 'mesh' | 'exportName'>): string =>
  keyText({ type: row.type, mesh: row.mesh, name: row.exportName })

/** The image that a store works on: with indexes, and with an undo log instead of copies. */
export class LiveImage implements Image {
  state: StoreState
  reasons: readonly string[]
  head: Cursor
  logFrom: number
  initialised: boolean
  epochs: ReadonlySet<string>
  readonly tags: MemoryTable<string>
  readonly rows: MemoryTable<Row>
  readonly ledger: MemoryTable<LedgerRow>
  readonly blocks: MemoryTable<BlockRow>
  readonly refused: MemoryTable<RefusedRow>
  readonly holds: MemoryTable<HoldRow>
  readonly reports: MemoryTable<PeerReportRow>
  readonly cursors: MemoryTable<CursorRow>
  readonly zones: MemoryTable<ZoneRow>
  readonly visibility: MemoryTable<{ readonly hidden: boolean; readonly revision: number }>
  readonly repairs: MemoryTable<LastRepair>
  readonly fences: MemoryTable<{ readonly sessionId: string; readonly fence: number }>
  readonly sessions: MemoryTable<SessionRecord>
  readonly hookHealth: MemoryTable<HookHealth>
  readonly witnesses: MemoryTable<SeenWitness>
  hookSweep: string | undefined
  readOnly: Brake | undefined
  readonly history: HistoryRow[]
  readonly audit: AuditRow[]
  /** Grows with every change of rows, ledger or blocks: what was computed from them before is good while it stands. */
  version = 0

  /** Rows, tombstones too, by the name that they have elsewhere. */
  readonly rowsByExport: TableIndex
  /** Live rows by what makes them unique at their origin. */
  readonly rowsByDisplay: TableIndex
  readonly rowsByMesh: TableIndex
  /** Live rows. */
  readonly rowsByType: TableIndex
  /** Rows by the few things that somebody asks about again and again. */
  readonly rowsByMarker: TableIndex
  readonly rowsByRevision: RevisionLog
  readonly rowsByStatusRevision: RevisionLog
  readonly sums: RowSums
  readonly ledgerByOwner: TableIndex
  readonly ledgerByAddress: TableIndex
  readonly ledgerByBlock: TableIndex
  readonly #activeAddresses: Map<string, number>
  readonly #historyByOwner = new Map<string, HistoryRow[]>()
  readonly #undo = new UndoLog()

  /** @param image a live one lies under this one from now on, so that both share it: it may not change any more */
  constructor(image: Image, listener: Pick<StoreListener, 'changed'> = deaf) {
    const told = (table: WatchedTable) => (key: string) => listener.changed(table, key)
    const table = <V>(from: ReadonlyMap<string, V>): MemoryTable<V> => filled(new MemoryTable<V>(this.#undo), from)
    const base = image instanceof LiveImage ? image : undefined
    this.rowsByExport = new TableIndex(base?.rowsByExport)
    this.rowsByDisplay = new TableIndex(base?.rowsByDisplay)
    this.rowsByMesh = new TableIndex(base?.rowsByMesh)
    this.rowsByType = new TableIndex(base?.rowsByType)
    this.rowsByMarker = new TableIndex(base?.rowsByMarker)
    this.rowsByRevision = new RevisionLog((key, at) => this.rows.get(key)?.revision === at, base?.rowsByRevision)
    this.rowsByStatusRevision = new RevisionLog(
      (key, at) => this.rows.get(key)?.statusRevision === at,
      base?.rowsByStatusRevision,
    )
    this.sums = new RowSums(base?.sums)
    this.ledgerByOwner = new TableIndex(base?.ledgerByOwner)
    this.ledgerByAddress = new TableIndex(base?.ledgerByAddress)
    this.ledgerByBlock = new TableIndex(base?.ledgerByBlock)
    this.#activeAddresses = new Map(base === undefined ? [] : base.#activeAddresses)
    this.state = image.state
    this.reasons = image.reasons
    this.head = image.head
    this.logFrom = image.logFrom
    this.initialised = image.initialised
    this.epochs = new Set(image.epochs)
    this.tags = table(image.tags)
    this.rows = new MemoryTable<Row>(this.#undo, [this.#indexRow], base?.rows)
    this.ledger = new MemoryTable<LedgerRow>(this.#undo, [this.#indexLedger], base?.ledger)
    if (base === undefined) {
      filled(this.rows, image.rows)
      filled(this.ledger, image.ledger)
    }
    this.blocks = filled(new MemoryTable<BlockRow>(this.#undo, [this.#count]), image.blocks)
    this.refused = table(image.refused)
    this.holds = table(image.holds)
    this.reports = table(image.reports)
    this.cursors = table(image.cursors)
    this.zones = table(image.zones)
    this.visibility = table(image.visibility)
    this.repairs = table(image.repairs)
    this.fences = table(image.fences)
    this.sessions = table(image.sessions)
    this.hookHealth = table(image.hookHealth)
    this.witnesses = table(image.witnesses)
    this.hookSweep = image.hookSweep
    this.readOnly = image.readOnly
    this.history = []
    this.audit = [...image.audit]
    this.addHistory(image.history)
    for (const name of ['rows', 'ledger', 'refused', 'cursors', 'visibility'] as const) this[name].listen(told(name))
  }

  /** Runs `act`; what it throws leaves everything as it was. */
  wholly<T>(act: () => T): T {
    const { state, reasons, head, logFrom, initialised, epochs, hookSweep, readOnly } = this
    const [historyLength, auditLength] = [this.history.length, this.audit.length]
    this.#undo.begin()
    try {
      const value = act()
      this.#undo.keep()
      return value
    } catch (error) {
      this.#undo.takeBack()
      Object.assign(this, { state, reasons, head, logFrom, initialised, epochs, hookSweep, readOnly })
      for (const row of this.history.splice(historyLength)) this.#historyByOwner.get(ownerText(row))?.pop()
      this.audit.length = auditLength
      throw error
    }
  }

  addHistory(rows: readonly HistoryRow[]): void {
    for (const row of rows) {
      this.history.push(row)
      const owner = ownerText(row)
      const of = this.#historyByOwner.get(owner)
      if (of === undefined) this.#historyByOwner.set(owner, [row])
      else of.push(row)
    }
  }

  historyOf(owner: string): readonly HistoryRow[] {
    return this.#historyByOwner.get(owner) ?? []
  }

  /** How many addresses of a family the services of an origin have, by their kind. */
  activeAddresses(origin: Origin, kind: string, family: 4 | 6): number {
    return this.#activeAddresses.get(`${origin} ${kind} ${family}`) ?? 0
  }

  /** Live rows of a type. */
  *ofType(type: string): Iterable<Row> {
    for (const key of this.rowsByType.keys(type)) yield this.rows.get(key) as Row
  }

  /** Rows that were marked so. */
  *marked(marker: Marker): Iterable<Row> {
    for (const key of this.rowsByMarker.keys(marker)) yield this.rows.get(key) as Row
  }

  isHidden(origin: Origin): boolean {
    return this.visibility.get(origin)?.hidden ?? false
  }

  readonly #count = (): void => {
    this.version++
  }

  readonly #indexRow = (key: string, before: Row | undefined, after: Row | undefined): void => {
    this.version++
    this.sums.changed(before, after)
    if (after !== undefined) {
      if (before?.revision !== after.revision) this.rowsByRevision.add(after.revision, key)
      if (before?.statusRevision !== after.statusRevision) this.rowsByStatusRevision.add(after.statusRevision, key)
    }
    for (const marker of before === undefined ? [] : markersOf(before)) this.rowsByMarker.remove(marker, key)
    for (const marker of after === undefined ? [] : markersOf(after)) this.rowsByMarker.add(marker, key)
    if (before !== undefined && after !== undefined && sameIndexed(before, after)) return
    if (before !== undefined) {
      this.rowsByExport.remove(exportText(before), key)
      this.rowsByMesh.remove(before.mesh, key)
      if (!before.deleted) {
        this.rowsByDisplay.remove(displayText(before), key)
        this.rowsByType.remove(before.type, key)
      }
    }
    if (after !== undefined) {
      this.rowsByExport.add(exportText(after), key)
      this.rowsByMesh.add(after.mesh, key)
      if (!after.deleted) {
        this.rowsByDisplay.add(displayText(after), key)
        this.rowsByType.add(after.type, key)
      }
    }
  }

  readonly #indexLedger = (key: string, before: LedgerRow | undefined, after: LedgerRow | undefined): void => {
    this.version++
    if (before !== undefined) {
      this.ledgerByOwner.remove(ownerText(before), key)
      this.ledgerByAddress.remove(before.address, key)
      if (before.blockId !== undefined) this.ledgerByBlock.remove(before.blockId, key)
      this.#countAddress(before, -1)
    }
    if (after !== undefined) {
      this.ledgerByOwner.add(ownerText(after), key)
      this.ledgerByAddress.add(after.address, key)
      if (after.blockId !== undefined) this.ledgerByBlock.add(after.blockId, key)
      this.#countAddress(after, 1)
    }
  }

  #countAddress({ origin, kind, family, state }: LedgerRow, by: 1 | -1): void {
    if (state !== 'active') return
    const of = `${origin} ${kind} ${family}`
    this.#activeAddresses.set(of, (this.#activeAddresses.get(of) ?? 0) + by)
  }

  /** What a database refuses whatever a program says: one owner per address. */
  sharedAddress(row: LedgerRow): LedgerRow | undefined {
    const address = addressKeyText(row.scope, row.family, row.address)
    for (const key of this.ledgerByAddress.keys(row.address)) {
      const other = this.ledger.get(key)
      if (other !== undefined && other !== row && addressKeyText(other.scope, other.family, other.address) === address)
        return other
    }
    return undefined
  }

  /** Another live row with the same display name or the same name elsewhere. */
  sharedName(row: Row): Row | undefined {
    for (const keys of [this.rowsByDisplay.keys(displayText(row)), this.rowsByExport.keys(exportText(row))])
      for (const key of keys) {
        const other = this.rows.get(key)
        if (other !== undefined && other !== row && !other.deleted) return other
      }
    return undefined
  }
}

function filled<V>(table: MemoryTable<V>, from: ReadonlyMap<string, V>): MemoryTable<V> {
  for (const [key, value] of from) table.set(key, value)
  return table
}

const sameIndexed = (a: Row, b: Row): boolean =>
  a.deleted === b.deleted &&
  a.exportName === b.exportName &&
  a.origin === b.origin &&
  a.namespace === b.namespace &&
  a.displayName === b.displayName &&
  a.type === b.type &&
  a.mesh === b.mesh
