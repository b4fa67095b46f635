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
import type { HookHealth, SessionRecord } from '../port.js'
import type { WitnessRow } from '../recovery-port.js'

/** Everything that a store in memory keeps. Rows are never changed in place, so a copy of the maps is a snapshot. */
export interface Image {
  state: StoreState
  reasons: readonly string[]
  head: Cursor
  /** Tombstones at or below this revision are gone. */
  logFrom: number
  initialised: boolean
  /** Every revision that was taken, with its tag: the history that cursors are checked against. */
  readonly tags: Map<string, string>
  epochs: ReadonlySet<string>
  readonly rows: Map<string, Row>
  readonly ledger: Map<string, LedgerRow>
  readonly blocks: Map<string, BlockRow>
  readonly refused: Map<string, RefusedRow>
  readonly holds: Map<string, HoldRow>
  readonly reports: Map<string, PeerReportRow>
  readonly cursors: Map<string, CursorRow>
  readonly zones: Map<string, ZoneRow>
  readonly visibility: Map<Origin, { readonly hidden: boolean; readonly revision: number }>
  /** When a type was repaired last, by peer, channel and type. */
  readonly repairs: Map<string, LastRepair>
  readonly fences: Map<string, { readonly sessionId: string; readonly fence: number }>
  readonly sessions: Map<string, SessionRecord>
  readonly history: HistoryRow[]
  readonly audit: AuditRow[]
  readonly hookHealth: Map<string, HookHealth>
  /** Identity of the hooks that everything was last given to. */
  hookSweep: string | undefined
  /** Operators change nothing. */
  readOnly: Brake | undefined
  /** What the processes of a global that recovers see of its zones, by zone. */
  readonly witnesses: Map<string, SeenWitness>
}

export interface SeenWitness {
  readonly row: WitnessRow
  readonly atMs: number
  /** Of the log that is recovered into; what was seen of another one says nothing. */
  readonly epoch: string
}

export const emptyImage = (epoch: string): Image => ({
  state: 'uninitialised',
  reasons: ['it was never initialised'],
  head: { epoch, revision: 0, tag: '0'.repeat(16) },
  logFrom: 0,
  initialised: false,
  tags: new Map(),
  epochs: new Set([epoch]),
  rows: new Map(),
  ledger: new Map(),
  blocks: new Map(),
  refused: new Map(),
  holds: new Map(),
  reports: new Map(),
  cursors: new Map(),
  zones: new Map(),
  visibility: new Map(),
  repairs: new Map(),
  fences: new Map(),
  sessions: new Map(),
  history: [],
  audit: [],
  hookHealth: new Map(),
  hookSweep: undefined,
  readOnly: undefined,
  witnesses: new Map(),
})

/** A backup, as it is now. */
export const copyOf = (image: Image): Image => ({
  state: image.state,
  reasons: image.reasons,
  head: image.head,
  logFrom: image.logFrom,
  initialised: image.initialised,
  hookSweep: image.hookSweep,
  readOnly: image.readOnly,
  tags: new Map(image.tags),
  epochs: new Set(image.epochs),
  rows: new Map(image.rows),
  ledger: new Map(image.ledger),
  blocks: new Map(image.blocks),
  refused: new Map(image.refused),
  holds: new Map(image.holds),
  reports: new Map(image.reports),
  cursors: new Map(image.cursors),
  zones: new Map(image.zones),
  visibility: new Map(image.visibility),
  repairs: new Map(image.repairs),
  fences: new Map(image.fences),
  sessions: new Map(image.sessions),
  history: [...image.history],
  audit: [...image.audit],
  hookHealth: new Map(image.hookHealth),
  witnesses: new Map(image.witnesses),
})

export const tagText = (epoch: string, revision: number): string => `${epoch} ${revision}`
export const cursorText = ({ peer, channel, side }: Pick<CursorRow, 'peer' | 'channel' | 'side'>): string =>
  `${peer} ${channel} ${side}`
export const refusedText = (of: Pick<RefusedRow, 'peer' | 'channel' | 'type' | 'mesh' | 'name'>): string =>
  JSON.stringify([of.peer, of.channel, of.type, of.mesh, of.name])
