-- oldest program: 0.1.0
-- The processes of one database, and how they reach each other. Times are the database's own.

create table replicas (
  instance_id text collate "C" primary key,
  -- HOST:PORT for the other ones; '' if it listens for nobody.
  address text not null,
  version text not null,
  -- It is about to go: zones are on their way to the others.
  draining boolean not null,
  started_at timestamptz not null,
  heard_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- With it they prove to each other that they share this database, and encrypt what they say.
create table replica_key (
  only_row boolean primary key default true check (only_row),
  key bytea not null check (length(key) = 32)
);

-- A stream whose partner has come to another replica, and where it waits. Written only where that happens.
create table lone_streams (
  session text collate "C" primary key,
  instance_id text collate "C" not null,
  at timestamptz not null
);
