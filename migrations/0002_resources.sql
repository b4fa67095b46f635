-- oldest program: 0.1.0
-- One row per resource, tombstones included: the change log is the index over `revision`. Revisions are in commit order,
-- for every commit holds the row of store_head while it writes.
--
-- What is hashed stands as bytes: jsonb and text cannot be hashed again as they came. `labels` is there for queries only.
-- `content`, `entry` and `status_entry` are computed here over the bytes beside them, so that an edit by hand shows in
-- the digests at once. length(x) is written out as four bytes before each part, as the programs do.

create table resources (
  type text collate "C" not null,
  mesh text collate "C" not null,
  -- Plain at its origin, the export name everywhere else.
  name text collate "C" not null,
  -- Place of the type in the dependency order.
  type_order integer not null,
  -- What every other control plane calls it.
  export_name text collate "C" not null,
  -- '' for global, else the name of a zone; from the connection, never from a payload.
  origin text collate "C" not null,
  namespace text collate "C" not null,
  display_name text collate "C" not null,
  -- Who may see it elsewhere.
  audience text collate "C" not null check (audience in ('none', 'all', 'suspended')),
  -- First 15 bits of the hash of (type, mesh, export name), for repair.
  bucket smallint not null check (bucket >= 0),
  -- type, mesh, export name, origin; length-prefixed.
  identity bytea not null,
  labels jsonb not null,
  labels_canonical bytea not null,
  type_url bytea not null,
  spec bytea not null,
  vips bytea not null,
  -- Key that `spec` is encrypted with; then `plain_content` is the hash over the plain text.
  key_id smallint,
  plain_content bytea check (length(plain_content) = 32),
  content bytea not null generated always as (
    coalesce(plain_content, sha256(
      int4send(length(labels_canonical)) || labels_canonical
      || int4send(length(type_url)) || type_url
      || int4send(length(spec)) || spec))
  ) stored,
  entry bytea generated always as (
    case when deleted then null else substring(sha256(
      int4send(length(identity)) || identity
      || coalesce(plain_content, sha256(
        int4send(length(labels_canonical)) || labels_canonical
        || int4send(length(type_url)) || type_url
        || int4send(length(spec)) || spec))
      || int4send(length(vips)) || vips) from 1 for 16) end
  ) stored,
  -- Entry of what the sender last offered of it; null when withdrawn, or when it is our own. Where it differs from
  -- `entry` the row is held back or its latest version was refused.
  offered_entry bytea check (length(offered_entry) = 16),
  revision bigint not null,
  deleted boolean not null default false,
  deleted_at timestamptz,
  -- Once visible to anyone, its removal is said as well.
  exposed boolean not null,
  created_at timestamptz not null,
  modified_at timestamptz not null,
  status bytea,
  -- 0: it never had one.
  status_revision bigint not null default 0,
  status_entry bytea generated always as (
    case when deleted or status is null then null else substring(sha256(
      int4send(length(identity)) || identity || int4send(length(status)) || status) from 1 for 16) end
  ) stored,
  offered_status_entry bytea check (length(offered_status_entry) = 16),
  pending_reason text,
  hold_id text,
  absent_since timestamptz,
  primary key (type, mesh, name),
  check (deleted = (deleted_at is not null)),
  check ((key_id is null) = (plain_content is null))
);

-- Each index is written for every row, so there is none that only a rare question would use.
create unique index resources_export_name on resources (type, mesh, export_name) where not deleted;
create index resources_export_name_deleted on resources (type, mesh, export_name) where deleted;
create unique index resources_display_name on resources (type, mesh, origin, namespace, display_name) where not deleted;
-- The change log, and that of status.
create index resources_log on resources (revision, type_order, mesh, export_name);
create index resources_status_log on resources (status_revision, type_order, mesh, export_name) where status_revision > 0;
create index resources_bucket on resources (type, bucket);
-- The list of what is held back or refused.
create index resources_exceptions on resources (type, origin)
  where offered_entry is distinct from entry and (offered_entry is not null or hold_id is not null);
create index resources_pending on resources (type, origin) where pending_reason is not null;
-- What a plain Kuma peer's whole list has left out: nearly always empty.
create index resources_absent on resources (type, origin) where not deleted and absent_since is not null;
create index resources_vanished on resources (type, origin, deleted_at) where deleted and absent_since is not null;
