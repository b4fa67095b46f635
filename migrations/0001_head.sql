-- oldest program: 0.1.0
-- What this store is, where its change log stands, and every tag the log has had.

create table store_head (
  only_row boolean primary key default true check (only_row),
  store_id uuid not null,
  role text not null check (role in ('global', 'zone')),
  -- Zone name; '' at global. The origin of everything that is ours.
  name text collate "C" not null check ((role = 'global') = (name = '')),
  state text not null check (state in ('uninitialised', 'recovering', 'ready')),
  -- Why it is not ready, in words for an operator.
  reasons text[] not null default '{}',
  epoch text not null check (epoch ~ '^[0-9a-f]{32}$'),
  revision bigint not null check (revision >= 0),
  -- Random per commit: a restored store that wrote on has other tags at the same revisions.
  tag text not null check (tag ~ '^[0-9a-f]{16}$'),
  -- Tombstones at or below it are gone: a receiver that stood before it cannot resume.
  log_from bigint not null default 0 check (log_from <= revision),
  -- Moves with every planned commit, also with one that takes no revision: a plan made on an older one is planned again.
  write_sequence bigint not null default 0,
  created_at timestamptz not null,
  initialised_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- A cursor is (epoch, revision, tag); it is in our history exactly if it stands here.
create table revisions (
  revision bigint primary key,
  epoch text not null,
  tag text not null,
  committed_at timestamptz not null
);
create index revisions_epoch on revisions (epoch);

-- Hiding an origin, or showing it again, is an entry of the log: a zone that was away must not resume past it.
create table origin_visibility (
  origin text collate "C" primary key,
  hidden boolean not null,
  revision bigint not null
);
