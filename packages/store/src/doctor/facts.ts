import pg from 'pg'
import { migrationsFolder, readMigrations, tablesOf } from '../migrate/files.js'
import { writableUrl } from '../pg/hosts.js'
import { type Pooling, poolingOf } from '../pg/pooler.js'

/** What a database says of itself, read in one transaction that writes nothing: whether or not a program runs on it. */
export interface DatabaseFacts {
  /** As `server_version` says, and as a number (`170002`). */
  readonly version: string
  readonly versionNumber: number
  readonly nowMs: number
  /** How long the question took, there and back. */
  readonly roundTripMs: number
  readonly settings: Readonly<Record<string, string>>
  /** A standby, or a session in which nothing can be written. */
  readonly isStandby: boolean
  readonly canCreate: boolean
  /** What stands between us and the server. */
  readonly pooling: Pooling
  readonly connections: { readonly used: number; readonly max: number }
  readonly sizeBytes: number
  /** Undefined: nothing of ours is in sight. */
  readonly store: StoreFacts | undefined
}

export interface StoreFacts {
  readonly role: 'global' | 'zone'
  /** '' at global. */
  readonly name: string
  readonly state: string
  readonly reasons: readonly string[]
  readonly revision: number
  readonly newestMigration: number
  /** Of this program that the database lacks. */
  readonly dueMigrations: readonly string[]
  /** Version of the oldest program that may run on it. */
  readonly oldestProgram: string
  /** That it should have by its migrations. With any, nothing below is looked for. */
  readonly missingTables: readonly string[]
  readonly readOnlyBy: string | undefined
  readonly pausedZones: readonly string[]
  readonly blocks: readonly {
    readonly cidr: string
    readonly kind: string
    readonly owner: string
    readonly used: number
  }[]
  readonly pendingServices: number
  /** Of the last session of each peer. */
  readonly peers: readonly {
    readonly peer: string
    readonly version: string
    readonly extension: boolean
    readonly connected: boolean
  }[]
  /** Other processes of this store that lived a moment ago. */
  readonly replicas: readonly { readonly instanceId: string; readonly version: string }[]
  /** Tables with many rows that vacuum has not come to. */
  readonly bloated: readonly { readonly table: string; readonly dead: number; readonly live: number }[]
}

const wanted = [
  'search_path',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'autovacuum',
  'default_transaction_read_only',
  'server_encoding',
  'statement_timeout',
  'idle_in_transaction_session_timeout',
]

/** @throws what the driver throws where the database does not answer */
export async function readDatabaseFacts(url: string): Promise<DatabaseFacts> {
  const connectionString = await writableUrl(url)
  const pooling = await poolingOf(url)
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: 15_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    // Set in the transaction: what is said when a connection is made a pooler does not take.
    await client.query(
      "begin transaction isolation level repeatable read read only; set local statement_timeout = '10s'",
    )
    const one = async <T extends object>(text: string, values: readonly unknown[] = []): Promise<T> => {
      const [row] = (await client.query<T>(text, [...values])).rows
      if (row === undefined) throw new Error(`the database answered nothing to: ${text}`)
      return row
    }
    const asked = performance.now()
    const server = await one<{ version: string; number: string; now: string; standby: boolean }>(
      `select current_setting('server_version') as version, current_setting('server_version_num') as number,
         extract(epoch from clock_timestamp()) * 1000 as now, pg_is_in_recovery() as standby`,
    )
    const answered = performance.now()
    const roundTripMs = answered - asked
    const settings = await client.query<{ name: string; setting: string }>(
      'select name, setting from pg_settings where name = any($1::text[])',
      [wanted],
    )
    const about = await one<{ can: boolean; used: string; max: string; size: string; ours: string | null }>(
      `select coalesce(has_schema_privilege(current_schema(), 'create'), false) as can,
         (select count(*) from pg_stat_activity where backend_type = 'client backend') as used,
         current_setting('max_connections') as max, pg_database_size(current_database()) as size,
         to_regclass('store_head')::text as ours`,
    )
    const store = about.ours === null ? undefined : await storeFacts(client)
    return {
      version: server.version,
      versionNumber: Number(server.number),
      // Carried forward to the moment in which it is compared: the other questions took their time.
      nowMs: Number(server.now) + (performance.now() - answered),
      roundTripMs,
      settings: Object.fromEntries(settings.rows.map(({ name, setting }) => [name, setting])),
      isStandby: server.standby,
      canCreate: about.can,
      pooling,
      connections: { used: Number(about.used), max: Number(about.max) },
      sizeBytes: Number(about.size),
      store,
    }
  } finally {
    await client.end().catch(() => {})
  }
}

const nothing = {
  ...{ readOnlyBy: undefined, pausedZones: [], blocks: [], pendingServices: 0, peers: [], replicas: [], bloated: [] },
}

/** Columns that an older schema lacks are not asked for: how old it is, is what is told then. */
async function storeFacts(client: pg.Client): Promise<StoreFacts | undefined> {
  const rowsOf = async <T extends object>(text: string, values: readonly unknown[] = []): Promise<readonly T[]> =>
    (await client.query<T>(text, [...values])).rows
  const has = async (table: string, column: string): Promise<boolean> =>
    (
      await rowsOf(
        'select 1 from information_schema.columns where table_schema = current_schema() and table_name = $1 and column_name = $2',
        [table, column],
      )
    ).length > 0
  const [head] = await rowsOf<{
    role: 'global' | 'zone'
    name: string
    state: string
    reasons: readonly string[]
    revision: string
  }>('select role, name, state, reasons, revision from store_head')
  if (head === undefined) return undefined
  const applied = await rowsOf<{ id: number; oldest_program: string }>(
    'select id, oldest_program from migrations order by id',
  )
  const newest = applied.at(-1)
  const known = readMigrations(migrationsFolder())
  const about = {
    ...head,
    revision: Number(head.revision),
    newestMigration: newest?.id ?? 0,
    dueMigrations: known.flatMap(({ id, name }) => (id > (newest?.id ?? 0) ? [name] : [])),
    oldestProgram: newest?.oldest_program ?? '0.0.0',
  }
  const there = await rowsOf<{ name: string }>(
    'select tablename as name from pg_tables where schemaname = current_schema()',
  )
  // What another version of the program has made or dropped is not ours to miss.
  const missingTables =
    newest?.id === known.length
      ? tablesOf(migrationsFolder()).filter((name) => there.every((table) => table.name !== name))
      : []
  if (missingTables.length > 0) return { ...about, missingTables, ...nothing }
  const readOnly = (await has('store_head', 'read_only_by'))
    ? await rowsOf<{ by: string | null }>('select read_only_by as by from store_head')
    : []
  const paused = (await has('zones', 'paused_at'))
    ? await rowsOf<{ name: string }>('select name from zones where paused_at is not null order by name')
    : []
  const blocks = await rowsOf<{ cidr: string; kind: string; owner: string; used: string }>(
    `select b.cidr::text as cidr, b.kind, b.owner, (select count(*) from vip_ledger l where l.block_id = b.id) as used
     from vip_blocks b where family(b.cidr) = 4 order by b.cidr`,
  )
  const [pending] = await rowsOf<{ count: string }>(
    'select count(*) as count from resources where pending_reason is not null and not deleted',
  )
  const peers = await rowsOf<{ peer: string; version: string; extension: boolean; connected: boolean }>(
    `select distinct on (peer) peer, peer_version as version, extension, closed_at is null as connected
     from sessions order by peer, opened_at desc`,
  )
  const replicas = (await has('replicas', 'version'))
    ? await rowsOf<{ instance_id: string; version: string }>(
        "select instance_id, version from replicas where heard_at > now() - interval '30 seconds' order by 1",
      )
    : []
  const bloated = await rowsOf<{ table: string; dead: string; live: string }>(
    `select relname as table, n_dead_tup as dead, n_live_tup as live from pg_stat_user_tables
     where schemaname = current_schema() and n_dead_tup > 10000 and n_dead_tup > 2 * n_live_tup order by 1`,
  )
  return {
    ...about,
    missingTables,
    readOnlyBy: readOnly[0]?.by ?? undefined,
    pausedZones: paused.map(({ name }) => name),
    blocks: blocks.map((block) => ({ ...block, used: Number(block.used) })),
    pendingServices: Number(pending?.count ?? 0),
    peers,
    replicas: replicas.map(({ instance_id: instanceId, version }) => ({ instanceId, version })),
    bloated: bloated.map(({ table, dead, live }) => ({ table, dead: Number(dead), live: Number(live) })),
  }
}
