import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  cidr,
  customType,
  inet,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

/**
 * The tables as programs see them. `migrations/` makes them, with their constraints, indexes and triggers; a test
 * compares this description with a migrated database, so neither can change alone.
 */
const bytea = customType<{ data: Uint8Array; driverData: Buffer }>({ dataType: () => 'bytea' })
const int8 = (name: string) => bigint(name, { mode: 'number' })
const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
/** The expression stands in the migration, over the bytes that are hashed everywhere. */
const computed = sql`computed by the database`

export const audit = pgTable('audit', {
  id: int8('id').notNull().primaryKey().generatedAlwaysAsIdentity(),
  at: instant('at').notNull(),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  subject: text('subject').notNull(),
  detail: jsonb('detail').notNull(),
  revision: int8('revision').notNull(),
  chain: bytea('chain'),
})

export const cursors = pgTable(
  'cursors',
  {
    peer: text('peer').notNull(),
    channel: text('channel').notNull(),
    side: text('side').notNull(),
    epoch: text('epoch'),
    revision: int8('revision'),
    tag: text('tag'),
    partialRevision: int8('partial_revision'),
    partialTypeOrder: integer('partial_type_order'),
    partialMesh: text('partial_mesh'),
    partialName: text('partial_name'),
    provenAt: instant('proven_at'),
    divergedAt: instant('diverged_at'),
    divergedType: text('diverged_type'),
    divergedTypes: text('diverged_types').array().notNull().default(sql`'{}'::text[]`),
    unsettled: text('unsettled').array().notNull().default(sql`'{}'::text[]`),
  },
  (t) => [primaryKey({ columns: [t.peer, t.channel, t.side] })],
)

export const dataKeys = pgTable('data_keys', {
  id: smallint('id').notNull().primaryKey(),
  masterId: text('master_id').notNull(),
  wrapped: bytea('wrapped').notNull(),
  createdAt: instant('created_at').notNull(),
  activeFrom: instant('active_from').notNull(),
})

export const digests = pgTable(
  'digests',
  {
    part: text('part').notNull(),
    type: text('type').notNull(),
    origin: text('origin').notNull(),
    audience: text('audience').notNull(),
    lane0: int8('lane0').notNull(),
    lane1: int8('lane1').notNull(),
    lane2: int8('lane2').notNull(),
    lane3: int8('lane3').notNull(),
    count: int8('count').notNull(),
  },
  (t) => [primaryKey({ columns: [t.part, t.type, t.origin, t.audience] })],
)

export const recoveryWitnesses = pgTable('recovery_witnesses', {
  zone: text('zone').notNull().primaryKey(),
  epoch: text('epoch').notNull(),
  heard: boolean('heard').notNull(),
  inStep: boolean('in_step').notNull(),
  conflicts: text('conflicts').array().notNull().default(sql`'{}'::text[]`),
  openWaits: jsonb('open_waits'),
  at: instant('at').notNull(),
})

export const heartbeats = pgTable('heartbeats', {
  sessionId: text('session_id').notNull().primaryKey(),
  peer: text('peer').notNull(),
  at: instant('at').notNull(),
  ackedRevision: int8('acked_revision').notNull(),
  counters: jsonb('counters').notNull(),
})

export const holds = pgTable('holds', {
  id: text('id').notNull().primaryKey(),
  peer: text('peer').notNull(),
  type: text('type').notNull(),
  origin: text('origin').notNull(),
  reason: text('reason').notNull(),
  keyCount: integer('key_count').notNull(),
  since: instant('since').notNull(),
  state: text('state').notNull(),
  firstCount: integer('first_count').notNull().default(0),
  returnedCount: integer('returned_count').notNull().default(0),
  deletedCount: integer('deleted_count'),
  endedAt: instant('ended_at'),
  decidedBy: text('decided_by'),
})

export const leases = pgTable('leases', {
  name: text('name').notNull().primaryKey(),
  holder: text('holder').notNull(),
  place: text('place').notNull(),
  token: int8('token').notNull(),
  takenAt: instant('taken_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
})

export const migrations = pgTable('migrations', {
  id: integer('id').notNull().primaryKey(),
  name: text('name').notNull(),
  sha256: text('sha256').notNull(),
  oldestProgram: text('oldest_program').notNull(),
  appliedAt: instant('applied_at').notNull().default(sql`now()`),
  appliedBy: text('applied_by').notNull(),
})

export const originVisibility = pgTable('origin_visibility', {
  origin: text('origin').notNull().primaryKey(),
  hidden: boolean('hidden').notNull(),
  revision: int8('revision').notNull(),
})

export const peerReports = pgTable('peer_reports', {
  peer: text('peer').notNull().primaryKey(),
  hash: text('hash').notNull(),
  body: text('body').notNull(),
  at: instant('at').notNull(),
})

export const refused = pgTable(
  'refused',
  {
    peer: text('peer').notNull(),
    channel: text('channel').notNull(),
    type: text('type').notNull(),
    mesh: text('mesh').notNull(),
    name: text('name').notNull(),
    origin: text('origin').notNull(),
    exportName: text('export_name').notNull(),
    bucket: smallint('bucket').notNull(),
    newcomer: boolean('newcomer').notNull(),
    entry: bytea('entry').notNull(),
    reason: text('reason').notNull(),
    remembered: text('remembered'),
    since: instant('since').notNull(),
    nextTry: instant('next_try').notNull(),
    tries: integer('tries').notNull(),
  },
  (t) => [primaryKey({ columns: [t.peer, t.channel, t.type, t.mesh, t.name] })],
)

export const repairs = pgTable(
  'repairs',
  {
    peer: text('peer').notNull(),
    channel: text('channel').notNull(),
    type: text('type').notNull(),
    epoch: text('epoch').notNull(),
    at: instant('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.peer, t.channel, t.type] })],
)

export const replicas = pgTable('replicas', {
  instanceId: text('instance_id').notNull().primaryKey(),
  address: text('address').notNull(),
  version: text('version').notNull(),
  draining: boolean('draining').notNull(),
  startedAt: instant('started_at').notNull(),
  heardAt: instant('heard_at').notNull(),
})

export const replicaKey = pgTable('replica_key', {
  onlyRow: boolean('only_row').notNull().primaryKey().default(sql`true`),
  key: bytea('key').notNull(),
})

export const loneStreams = pgTable('lone_streams', {
  session: text('session').notNull().primaryKey(),
  instanceId: text('instance_id').notNull(),
  at: instant('at').notNull(),
})

export const resources = pgTable(
  'resources',
  {
    type: text('type').notNull(),
    mesh: text('mesh').notNull(),
    name: text('name').notNull(),
    typeOrder: integer('type_order').notNull(),
    exportName: text('export_name').notNull(),
    origin: text('origin').notNull(),
    namespace: text('namespace').notNull(),
    displayName: text('display_name').notNull(),
    audience: text('audience').notNull(),
    bucket: smallint('bucket').notNull(),
    identity: bytea('identity').notNull(),
    labels: jsonb('labels').notNull(),
    labelsCanonical: bytea('labels_canonical').notNull(),
    typeUrl: bytea('type_url').notNull(),
    spec: bytea('spec').notNull(),
    vips: bytea('vips').notNull(),
    keyId: smallint('key_id'),
    plainContent: bytea('plain_content'),
    content: bytea('content').notNull().generatedAlwaysAs(computed),
    entry: bytea('entry').generatedAlwaysAs(computed),
    offeredEntry: bytea('offered_entry'),
    revision: int8('revision').notNull(),
    deleted: boolean('deleted').notNull().default(sql`false`),
    deletedAt: instant('deleted_at'),
    exposed: boolean('exposed').notNull(),
    createdAt: instant('created_at').notNull(),
    modifiedAt: instant('modified_at').notNull(),
    status: bytea('status'),
    statusRevision: int8('status_revision').notNull().default(sql`0`),
    statusEntry: bytea('status_entry').generatedAlwaysAs(computed),
    offeredStatusEntry: bytea('offered_status_entry'),
    pendingReason: text('pending_reason'),
    holdId: text('hold_id'),
    absentSince: instant('absent_since'),
  },
  (t) => [primaryKey({ columns: [t.type, t.mesh, t.name] })],
)

export const revisions = pgTable('revisions', {
  revision: int8('revision').notNull().primaryKey(),
  epoch: text('epoch').notNull(),
  tag: text('tag').notNull(),
  committedAt: instant('committed_at').notNull(),
})

export const scrub = pgTable('scrub', {
  onlyRow: boolean('only_row').notNull().primaryKey().default(sql`true`),
  type: text('type').notNull().default(''),
  bucket: integer('bucket').notNull().default(sql`0`),
  ledgerAfter: text('ledger_after').array(),
  round: int8('round').notNull().default(sql`0`),
  roundStartedAt: instant('round_started_at'),
  roundEndedAt: instant('round_ended_at'),
  rows: int8('rows').notNull().default(sql`0`),
  tickedAt: instant('ticked_at'),
})

export const scrubFindings = pgTable('scrub_findings', {
  subject: text('subject').notNull().primaryKey(),
  problem: text('problem').notNull(),
  outcome: text('outcome').notNull(),
  since: instant('since').notNull(),
  lastAt: instant('last_at').notNull(),
  round: int8('round').notNull(),
})

export const scrubSums = pgTable(
  'scrub_sums',
  {
    part: text('part').notNull(),
    type: text('type').notNull(),
    origin: text('origin').notNull(),
    audience: text('audience').notNull(),
    lane0: int8('lane0').notNull(),
    lane1: int8('lane1').notNull(),
    lane2: int8('lane2').notNull(),
    lane3: int8('lane3').notNull(),
    count: int8('count').notNull(),
  },
  (t) => [primaryKey({ columns: [t.part, t.type, t.origin, t.audience] })],
)

export const sessionFence = pgTable('session_fence', {
  peer: text('peer').notNull().primaryKey(),
  fence: int8('fence').notNull(),
  sessionId: text('session_id').notNull(),
})

export const sessions = pgTable('sessions', {
  sessionId: text('session_id').notNull().primaryKey(),
  peer: text('peer').notNull(),
  openedAt: instant('opened_at').notNull(),
  closedAt: instant('closed_at'),
  closeReason: text('close_reason'),
  instanceId: text('instance_id').notNull(),
  peerInstanceId: text('peer_instance_id').notNull(),
  peerVersion: text('peer_version').notNull(),
  extension: boolean('extension').notNull(),
  stream: text('stream').notNull().default(''),
})

export const storeHead = pgTable('store_head', {
  onlyRow: boolean('only_row').notNull().primaryKey().default(sql`true`),
  storeId: uuid('store_id').notNull(),
  role: text('role').notNull(),
  name: text('name').notNull(),
  state: text('state').notNull(),
  reasons: text('reasons').array().notNull().default(sql`'{}'::text[]`),
  epoch: text('epoch').notNull(),
  revision: int8('revision').notNull(),
  tag: text('tag').notNull(),
  logFrom: int8('log_from').notNull().default(sql`0`),
  writeSequence: int8('write_sequence').notNull().default(sql`0`),
  createdAt: instant('created_at').notNull(),
  initialisedAt: instant('initialised_at'),
  readOnlyAt: instant('read_only_at'),
  readOnlyBy: text('read_only_by'),
  readOnlyReason: text('read_only_reason'),
})

export const hookForms = pgTable(
  'hook_forms',
  {
    type: text('type').notNull(),
    mesh: text('mesh').notNull(),
    name: text('name').notNull(),
    labels: jsonb('labels').notNull(),
    typeUrl: bytea('type_url').notNull(),
    spec: bytea('spec').notNull(),
    state: text('state').notNull(),
    published: boolean('published').notNull(),
    hook: text('hook'),
    reason: text('reason'),
    since: instant('since').notNull(),
    nextTry: instant('next_try'),
    tries: integer('tries').notNull(),
    rowEntry: bytea('row_entry'),
  },
  (t) => [primaryKey({ columns: [t.type, t.mesh, t.name] })],
)

export const hookHealth = pgTable('hook_health', {
  hook: text('hook').notNull().primaryKey(),
  answers: boolean('answers').notNull(),
  since: instant('since').notNull(),
  reason: text('reason'),
})

export const hookSweep = pgTable('hook_sweep', {
  one: boolean('one').notNull().primaryKey().default(sql`true`),
  fingerprint: text('fingerprint').notNull(),
  typeOrder: integer('type_order').notNull(),
  mesh: text('mesh').notNull(),
  name: text('name').notNull(),
  done: boolean('done').notNull(),
})

export const vipBlocks = pgTable('vip_blocks', {
  id: text('id').notNull().primaryKey(),
  kind: text('kind').notNull(),
  family: smallint('family').notNull(),
  cidr: cidr('cidr').notNull(),
  owner: text('owner').notNull(),
  storeId: text('store_id').notNull(),
  generation: integer('generation').notNull(),
  createdAt: instant('created_at').notNull(),
  used: int8('used').notNull().default(sql`0`),
})

export const vipCounts = pgTable(
  'vip_counts',
  {
    origin: text('origin').notNull(),
    kind: text('kind').notNull(),
    family: smallint('family').notNull(),
    active: int8('active').notNull(),
  },
  (t) => [primaryKey({ columns: [t.origin, t.kind, t.family] })],
)

export const vipHistory = pgTable('vip_history', {
  id: int8('id').notNull().primaryKey().generatedAlwaysAsIdentity(),
  kind: text('kind').notNull(),
  mesh: text('mesh').notNull(),
  origin: text('origin').notNull(),
  namespace: text('namespace').notNull(),
  displayName: text('display_name').notNull(),
  scope: text('scope').notNull(),
  family: smallint('family').notNull(),
  address: inet('address').notNull(),
  generation: integer('generation').notNull(),
  event: text('event').notNull(),
  at: instant('at').notNull(),
  revision: int8('revision').notNull(),
  why: text('why').notNull(),
})

export const vipLedger = pgTable(
  'vip_ledger',
  {
    scope: text('scope').notNull(),
    kind: text('kind').notNull(),
    mesh: text('mesh').notNull(),
    origin: text('origin').notNull(),
    namespace: text('namespace').notNull(),
    displayName: text('display_name').notNull(),
    family: smallint('family').notNull(),
    address: inet('address').notNull(),
    generation: integer('generation').notNull(),
    state: text('state').notNull(),
    blockId: text('block_id'),
    blockCidr: cidr('block_cidr'),
    allocatedAt: instant('allocated_at').notNull(),
    tombstonedAt: instant('tombstoned_at'),
    tombstonedRevision: int8('tombstoned_revision'),
  },
  (t) => [primaryKey({ columns: [t.scope, t.kind, t.mesh, t.origin, t.namespace, t.displayName, t.family] })],
)

export const zones = pgTable('zones', {
  name: text('name').notNull().primaryKey(),
  storeId: text('store_id'),
  everInStep: boolean('ever_in_step').notNull().default(sql`false`),
  leaseGeneration: integer('lease_generation').notNull().default(sql`0`),
  claimantStoreId: text('claimant_store_id'),
  claimedAt: instant('claimed_at'),
  adoptedAt: instant('adopted_at'),
  owesReturn: boolean('owes_return').notNull().default(sql`false`),
  decommissionedAt: instant('decommissioned_at'),
  pausedAt: instant('paused_at'),
  pausedBy: text('paused_by'),
  pauseReason: text('pause_reason'),
})
