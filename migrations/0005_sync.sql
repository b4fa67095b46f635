-- oldest program: 0.1.0
-- What one control plane knows of the others. `sessions`, `session_fence`, `heartbeats` and `cursors` are all that an
-- idle reconnect may write.

create table holds (
  id text primary key,
  peer text collate "C" not null,
  type text collate "C" not null,
  origin text collate "C" not null,
  reason text not null,
  key_count integer not null check (key_count >= 0),
  since timestamptz not null,
  state text not null check (state in ('held', 'approved', 'rejected', 'ended'))
);
create index holds_open on holds (since) where state = 'held';

create table cursors (
  peer text collate "C" not null,
  channel text collate "C" not null check (channel in ('down', 'up', 'status')),
  -- `received`: where we stand in the peer's log; `acked`: where the peer stands in ours.
  side text collate "C" not null check (side in ('received', 'acked')),
  epoch text,
  revision bigint,
  tag text,
  -- How far an interrupted range got, in the log of `epoch`.
  partial_revision bigint,
  partial_type_order integer,
  partial_mesh text collate "C",
  partial_name text collate "C",
  proven_at timestamptz,
  -- A repair did not help; a verified mark ends it.
  diverged_at timestamptz,
  diverged_type text,
  primary key (peer, channel, side),
  check ((epoch is null) = (revision is null) and (epoch is null) = (tag is null)),
  check ((partial_revision is null) = (partial_name is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Names of zones, each bound to the store that it first came with.
create table zones (
  name text collate "C" primary key,
  store_id text,
  ever_in_step boolean not null default false,
  lease_generation integer not null default 0
);

create table sessions (
  session_id text primary key,
  peer text collate "C" not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  close_reason text,
  instance_id text not null,
  peer_instance_id text not null,
  peer_version text not null,
  extension boolean not null,
  -- '' both; a plain Kuma zone's streams are sessions of their own: down, up.
  stream text collate "C" not null default ''
);
create index sessions_peer on sessions (peer, opened_at desc);

-- Written only when a session opens. Every transaction with effects compares; an older session's are dropped.
create table session_fence (
  peer text collate "C" primary key,
  fence bigint not null,
  session_id text not null
);

create table heartbeats (
  session_id text primary key,
  peer text collate "C" not null,
  at timestamptz not null,
  acked_revision bigint not null,
  counters jsonb not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null,
  revision bigint not null
);
