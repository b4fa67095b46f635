import { endOf } from '@holdfast/kds'
import { audienceOf, exportName, Problem, type Resource, type ResourceKey, typeOf } from '@holdfast/model'
import type {
  AuditRow,
  BlockRow,
  Booked,
  ControlPlaneStore,
  CursorRow,
  HistoryRow,
  HoldRow,
  LagRow,
  LedgerRow,
  ListQuery,
  LocalChange,
  LocalOutcome,
  PeerReportRow,
  RefusedRow,
  Row,
  ScrubState,
  SessionRecord,
  StoreStatus,
  VipQuery,
  ZoneRecord,
} from '@holdfast/store'

class Rows extends Map<string, Row> {
  readonly #onLost: () => void

  constructor(onLost: () => void) {
    super()
    this.#onLost = onLost
  }

  override delete(key: string): boolean {
    this.#onLost()
    return super.delete(key)
  }

  override clear(): void {
    this.#onLost()
    super.clear()
  }
}

type Put = Extract<LocalChange, { change: 'put' }>

/** A clock that tests can read in what they expect. */
export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5)

/**
 * What the API asks of a store, over plain maps: enough to answer requests, nothing of sync. Services get the next
 * address of 241.16.0.0/20 as long as `hasBlock`.
 */
export class FakeStore {
  /** A test may take rows away without a trace; then the log is another one. */
  readonly rows = new Rows(() => {
    this.#epoch++
  })
  readonly ledger: LedgerRow[] = []
  readonly history: HistoryRow[] = []
  readonly audits: AuditRow[] = []
  scrubState: ScrubState = { round: 0, rows: 0, findings: [] }
  sessionRecords: SessionRecord[] = []
  zoneRecords: ZoneRecord[] = []
  lagRows: readonly LagRow[] = []
  cursorRows: CursorRow[] = []
  refusedRows: RefusedRow[] = []
  holdRows: HoldRow[] = []
  reportRows: PeerReportRow[] = []
  findings: { readonly subject: string; readonly problem: string }[] = []
  hasBlock = true
  revision = 0
  #nextHost = 1
  #epoch = 0

  /** The next call of `apply` fails with it. */
  failure: Error | undefined
  readonly origin: string

  constructor(origin: string) {
    this.origin = origin
  }

  clear(): void {
    this.rows.clear()
    this.ledger.length = 0
    this.history.length = 0
    this.hasBlock = true
    this.#nextHost = 1
  }

  put(row: Partial<Row> & ResourceKey): void {
    const next = ++this.revision
    this.rows.set(keyText(row), {
      labels: {},
      typeUrl: '',
      spec: new Uint8Array(),
      origin: this.origin,
      exportName: row.name,
      displayName: row.labels?.['kuma.io/display-name'] ?? row.name,
      namespace: '',
      audience: 'all',
      deleted: false,
      createdAtMs: startMs,
      modifiedAtMs: startMs,
      statusRevision: 0,
      exposed: false,
      ...row,
      revision: row.revision ?? next,
    })
  }

  readonly #epochText = (): string => `${this.#epoch || ''}`.padStart(32, 'e')

  port(): ControlPlaneStore {
    const unused = (): never => {
      throw new Error('the API does not ask this of a store')
    }
    const zone = this.origin !== ''
    const status: () => StoreStatus = () => ({
      identity: { role: zone ? 'zone' : 'global', name: this.origin, storeId: 'store-1' },
      state: 'ready',
      reasons: [],
      head: { epoch: this.#epochText(), revision: this.revision, tag: 'a'.repeat(16) },
    })
    return {
      status: async () => status(),
      initialise: unused,
      finishRecovery: unused,
      replicas: { beat: async () => [], leave: unused, key: unused, waits: unused, whereWaits: unused },
      leases: { take: unused, release: unused, list: async () => [] },
      types: { learn: unused, learned: async () => [] },
      local: {
        apply: async ({ changes, actor, dryRun }) => {
          if (this.failure !== undefined) throw this.failure
          const outcomes = changes.map((change) => this.#planned(change))
          if (dryRun === true) return outcomes.map(({ outcome }) => outcome)
          if (outcomes.every(({ outcome }) => outcome.outcome !== 'refused')) for (const { write } of outcomes) write()
          this.audits.push({ atMs: startMs, actor, action: 'apply', subject: `${changes.length}`, detail: {} })
          return outcomes.map(({ outcome }) => outcome)
        },
        writeStatus: unused,
      },
      read: {
        changes: async ({ types, after, limit }) => {
          const from = after?.position.revision ?? 0
          if (after !== undefined && (after.epoch !== this.#epochText() || from > this.revision)) return undefined
          const all = [...this.rows.values()]
            .filter((row) => types.includes(row.type) && row.revision > from)
            .sort((one, other) => one.revision - other.revision)
          const rows = all.slice(0, limit)
          const complete = rows.length === all.length
          const through = endOf(complete ? this.revision : (rows.at(-1)?.revision ?? 0))
          return { state: 'ready', epoch: this.#epochText(), rows, through, complete }
        },
        get: async (key) => this.rows.get(keyText(key)),
        shown: async (key) => ({
          row: this.rows.get(keyText(key)),
          head: status().head,
          reports: this.reportRows,
          aliases: [],
        }),
        byDisplayName: async (type, mesh, displayName, origin) =>
          this.#living().filter(
            (row) =>
              row.type === type &&
              row.mesh === mesh &&
              row.displayName === displayName &&
              (origin === undefined || row.origin === origin),
          ),
        list: async (query) => this.#list(query),
        counts: async () => ({ resources: [], refused: this.refusedRows.length, held: 0, pendingVips: 0 }),
        countsByMesh: async () => {
          const counts = new Map<string, { type: string; mesh: string; count: number }>()
          for (const { type, mesh } of this.#living()) {
            const key = `${type}\u0000${mesh}`
            counts.set(key, { type, mesh, count: (counts.get(key)?.count ?? 0) + 1 })
          }
          return [...counts.values()]
        },
        refused: async () => this.refusedRows,
        holds: async () => this.holdRows,
        cursors: async () => this.cursorRows,
        hasFollowed: unused,
        lag: async () => this.lagRows,
        scrub: async () => this.scrubState,
        audit: async (limit) => this.audits.slice(0, limit),
      },
      hooks: {
        claim: unused,
        settle: unused,
        noteHealth: unused,
        health: async () => [],
        sweep: unused,
        adopt: unused,
        counts: async () => [],
        onWaiting: unused,
        open: async () => [],
      },
      recovery: {
        remembered: unused,
        remember: unused,
        recover: unused,
        missingZones: async () => [],
        noteWitnesses: unused,
        witnesses: async () => [],
        rebuild: unused,
        release: unused,
        onStranger: unused,
      },
      guards: {
        holds: async (limit) => this.holdRows.slice(0, limit),
        hold: async (id) => this.holdRows.find((hold) => hold.id === id),
        heldKeys: async () => [],
        approve: unused,
        reject: unused,
        absent: async () => [],
        waitingForMeshes: async () => [],
        noteReport: unused,
        exceptions: unused,
        reports: async () => this.reportRows,
      },
      vip: {
        ledger: async (query) => this.#ledger(query),
        booked: async ({ after, limit }) => {
          const owners = new Map<string, Booked>()
          for (const { kind, mesh, origin, namespace, displayName, address, state, scope } of this.ledger) {
            if (state !== 'active' || scope !== 'canonical') continue
            const key = JSON.stringify([kind, mesh, origin, namespace, displayName])
            const addresses = [...(owners.get(key)?.addresses ?? []), address]
            owners.set(key, { kind, mesh, origin, namespace, displayName, addresses })
          }
          const behind = after === undefined ? '' : JSON.stringify(Object.values(after))
          const keys = [...owners.keys()].sort().filter((key) => key > behind)
          return keys.slice(0, limit).flatMap((key) => owners.get(key) ?? [])
        },
        standing: unused,
        served: async ({ kind, ...query }) =>
          this.#list({ ...query, type: kind }).items.map(({ mesh, origin, namespace, displayName, ...row }) => ({
            ...{ kind, mesh, origin, namespace, displayName, name: row.name, audience: row.audience },
            addresses: row.vips?.addresses ?? [],
          })),
        history: async (owner, limit) =>
          this.history.filter((row) => matches(row, { ...owner, displayName: owner.displayName })).slice(0, limit),
        blocks: async () => [{ ...block, used: this.ledger.length }],
        ownBlocks: unused,
        lease: unused,
        demand: unused,
        adoptBlocks: unused,
        addPool: unused,
        importAddresses: unused,
        aliases: async () => [],
        verifyLocal: async () => this.findings,
        freeQuarantined: unused,
      },
      returns: {
        page: unused,
        done: unused,
        begin: unused,
        take: unused,
        finish: unused,
        adopt: unused,
        decommission: unused,
        federate: unused,
        planJoin: unused,
      },
      sessions: {
        open: unused,
        heartbeats: unused,
        close: unused,
        list: async () => this.sessionRecords,
        zones: async () => this.zoneRecords,
        meetPlain: unused,
        deletedZones: async () => [],
        zoneObjects: async () => [],
        pausedZones: async () => [],
      },
      brakes: { pause: unused, readOnly: unused },
      channel: unused,
      upkeep: unused,
      scrub: unused,
      faults: () => [],
      diff: { types: unused, buckets: unused, entries: unused },
      onAdvanced: () => () => undefined,
      close: async () => undefined,
    }
  }

  #living(): readonly Row[] {
    const text = (row: Row) => `${row.mesh}\u0000${row.name}`
    return [...this.rows.values()].filter((row) => !row.deleted).sort((a, b) => (text(a) < text(b) ? -1 : 1))
  }

  #list(query: ListQuery): { readonly total: number; readonly items: readonly Row[] } {
    const found = this.#living().filter(
      (row) =>
        row.type === query.type &&
        (query.mesh === undefined || row.mesh === query.mesh) &&
        row.name.includes(query.nameContains ?? '') &&
        Object.entries(query.labels ?? {}).every(([key, value]) => row.labels[key] === value),
    )
    const { after } = query
    const from =
      after === undefined
        ? found
        : found.filter(({ mesh, name }) => mesh > after.mesh || (mesh === after.mesh && name > after.name))
    return { total: found.length, items: from.slice(query.offset, query.offset + query.limit) }
  }

  #ledger(query: VipQuery) {
    const found = this.ledger.filter(
      (row) => matches(row, query) && (query.includeTombstoned || row.state === 'active'),
    )
    const start = query.after === undefined ? 0 : Number(query.after)
    const end = start + query.limit
    return { items: found.slice(start, end), ...(end < found.length ? { next: String(end) } : {}) }
  }

  #planned(change: LocalChange): { readonly outcome: LocalOutcome; readonly write: () => void } {
    const existing = this.rows.get(keyText(change.key))
    const expected = change.ifRevision
    if (expected !== undefined && expected !== (existing?.deleted === false ? existing.revision : 0))
      return { outcome: { outcome: 'stale' }, write: () => undefined }
    if (change.change === 'delete')
      return {
        outcome: { outcome: 'deleted' },
        write: () => {
          if (existing !== undefined) this.put({ ...existing, deleted: true, revision: ++this.revision })
        },
      }
    if (change.change === 'compute') return { outcome: { outcome: 'stale' }, write: () => undefined }
    const pin = change.pins?.v4
    const holder = this.ledger.find((row) => row.address === pin && row.displayName !== change.displayName)
    if (holder !== undefined)
      return {
        outcome: {
          outcome: 'refused',
          problem: new Problem(
            'conflict',
            `${pin} belongs to ${holder.kind} "${holder.displayName}"; choose another address`,
          ),
        },
        write: () => undefined,
      }
    const same = existing !== undefined && !existing.deleted && change.sameAs?.(existing) === true
    if (same) return { outcome: { outcome: 'unchanged' }, write: () => undefined }
    const row = this.#rowOf(change, existing)
    if (existing === undefined && row.vips !== undefined) this.#nextHost++
    return {
      outcome: {
        outcome: existing === undefined ? 'created' : 'updated',
        ...(row.vips === undefined ? {} : { vips: row.vips }),
        ...(row.pendingReason === undefined ? {} : { pendingReason: row.pendingReason }),
      },
      write: () => {
        this.put(row)
        const stored = this.rows.get(keyText(row))
        if (stored !== undefined && existing === undefined)
          for (const address of stored.vips?.addresses ?? []) this.allot(stored, address)
      },
    }
  }

  /** Enters an address of a row into the ledger. */
  allot(row: Resource, address: string): void {
    const owner = {
      kind: row.type,
      mesh: row.mesh,
      origin: row.origin,
      namespace: row.namespace,
      displayName: row.displayName,
      scope: 'canonical' as const,
      family: address.includes(':') ? (6 as const) : (4 as const),
      address,
      generation: 0,
    }
    this.ledger.push({ ...owner, state: 'active', blockId: block.id, allocatedAtMs: startMs })
    this.history.push({ ...owner, event: 'allocated', atMs: startMs, revision: this.revision, why: '' })
  }

  #rowOf(change: Put, existing: Row | undefined): Partial<Row> & ResourceKey {
    const { key, content, pins } = change
    const type = typeOf(key.type)
    const next = `241.16.0.${this.#nextHost}`
    return {
      ...existing,
      ...key,
      ...content,
      deleted: false,
      exportName: exportName(type, key.mesh, key.name, content.labels),
      displayName: change.displayName,
      namespace: change.namespace,
      audience: audienceOf(type, content.labels, key.name, this.origin),
      ...(!change.wantsVip
        ? {}
        : this.hasBlock
          ? { vips: existing?.vips ?? { addresses: [pins?.v4 ?? next], generation: 0 } }
          : { pendingReason: 'no block yet: this zone has never met its global' }),
    }
  }
}

const block: BlockRow = {
  id: 'east-1',
  kind: 'MeshService',
  family: 4,
  cidr: '241.16.0.0/20',
  owner: 'east',
  storeId: 'store-1',
  generation: 1,
  createdAtMs: startMs,
}

const keyText = ({ type, mesh, name }: ResourceKey): string => `${type}\u0000${mesh}\u0000${name}`

/** Equal in everything that the query says. */
const matches = (row: LedgerRow | HistoryRow, query: Partial<VipQuery>): boolean =>
  (['kind', 'mesh', 'origin', 'displayName', 'address'] as const).every(
    (field) => query[field] === undefined || query[field] === row[field],
  )
