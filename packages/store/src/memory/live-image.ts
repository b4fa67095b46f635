import type { Cursor, StoreState } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import type { PeerReportRow } from '../guards.js'
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
import type { Image } from './image.js'
import { MemoryTable, TableIndex, UndoLog } from './table.js'

/** Hears of every change of a store, also of those that are taken back. */
export interface StoreListener {
  changed(table: WatchedTable, key: string): void
  /** Another image is there: anything may have changed. */
  replaced(): void
}
export type WatchedTable = 'rows' | 'ledger' | 'refused' | 'cursors' | 'visibility'

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
  hookSweep: string | undefined
  readOnly: Brake | undefined
  readonly history: HistoryRow[]
  readonly audit: AuditRow[]
  /** Grows with every change of rows, ledger or blocks: what was computed from them before is good while it stands. */
  version = 0

  /** Rows, tombstones too, by the name that they have elsewhere. */
  readonly rowsByExport = new TableIndex()
  /** Live rows by what makes them unique at their origin. */
  readonly rowsByDisplay = new TableIndex()
  readonly rowsByMesh = new TableIndex()
  readonly ledgerByOwner = new TableIndex()
  readonly ledgerByAddress = new TableIndex()
  readonly ledgerByBlock = new TableIndex()
  readonly #historyByOwner = new Map<string, HistoryRow[]>()
  readonly #undo = new UndoLog()

  constructor(image: Image, listener: Pick<StoreListener, 'changed'> = deaf) {
    const told = (table: WatchedTable) => (key: string) => listener.changed(table, key)
    const table = <V>(from: ReadonlyMap<string, V>): MemoryTable<V> => filled(new MemoryTable<V>(this.#undo), from)
    this.state = image.state
    this.reasons = image.reasons
    this.head = image.head
    this.logFrom = image.logFrom
    this.initialised = image.initialised
    this.epochs = new Set(image.epochs)
    this.tags = table(image.tags)
    this.rows = filled(new MemoryTable<Row>(this.#undo, this.#indexRow), image.rows)
    this.ledger = filled(new MemoryTable<LedgerRow>(this.#undo, this.#indexLedger), image.ledger)
    this.blocks = filled(new MemoryTable<BlockRow>(this.#undo, this.#count), image.blocks)
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

  isHidden(origin: Origin): boolean {
    return this.visibility.get(origin)?.hidden ?? false
  }

  readonly #count = (): void => {
    this.version++
  }

  readonly #indexRow = (key: string, before: Row | undefined, after: Row | undefined): void => {
    this.version++
    if (before !== undefined && after !== undefined && sameIndexed(before, after)) return
    if (before !== undefined) {
      this.rowsByExport.remove(exportText(before), key)
      this.rowsByMesh.remove(before.mesh, key)
      if (!before.deleted) this.rowsByDisplay.remove(displayText(before), key)
    }
    if (after !== undefined) {
      this.rowsByExport.add(exportText(after), key)
      this.rowsByMesh.add(after.mesh, key)
      if (!after.deleted) this.rowsByDisplay.add(displayText(after), key)
    }
  }

  readonly #indexLedger = (key: string, before: LedgerRow | undefined, after: LedgerRow | undefined): void => {
    this.version++
    if (before !== undefined) {
      this.ledgerByOwner.remove(ownerText(before), key)
      this.ledgerByAddress.remove(before.address, key)
      if (before.blockId !== undefined) this.ledgerByBlock.remove(before.blockId, key)
    }
    if (after !== undefined) {
      this.ledgerByOwner.add(ownerText(after), key)
      this.ledgerByAddress.add(after.address, key)
      if (after.blockId !== undefined) this.ledgerByBlock.add(after.blockId, key)
    }
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
