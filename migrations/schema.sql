-- Written by scripts/schema-dump.mjs from the migrations beside it; never edited and never run.

create type digest_sum as (part text, type text, origin text, audience text, lane0 bigint, lane1 bigint, lane2 bigint, lane3 bigint, count bigint);

create type vip_delta as (block_id text, origin text, kind text, family smallint, used bigint, active bigint);

create table audit (
  id bigint not null generated always as identity,
  at timestamp with time zone not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail jsonb not null,
  revision bigint not null,
  chain bytea,
  constraint audit_pkey PRIMARY KEY (id),
  constraint audit_chain_check CHECK ((length(chain) = 32))
);

create table cursors (
  peer text collate "C" not null,
  channel text collate "C" not null,
  side text collate "C" not null,
  epoch text,
  revision bigint,
  tag text,
  partial_revision bigint,
  partial_type_order integer,
  partial_mesh text collate "C",
  partial_name text collate "C",
  proven_at timestamp with time zone,
  diverged_at timestamp with time zone,
  diverged_type text,
  diverged_types text[] not null default '{}'::text[],
  unsettled text[] not null default '{}'::text[],
  constraint cursors_pkey PRIMARY KEY (peer, channel, side),
  constraint cursors_channel_check CHECK ((channel = ANY (ARRAY['down'::text, 'up'::text, 'status'::text]))),
  constraint cursors_check CHECK ((((epoch IS NULL) = (revision IS NULL)) AND ((epoch IS NULL) = (tag IS NULL)))),
  constraint cursors_check1 CHECK (((partial_revision IS NULL) = (partial_name IS NULL))),
  constraint cursors_side_check CHECK ((side = ANY (ARRAY['received'::text, 'acked'::text, 'settled'::text])))
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table data_keys (
  id smallint not null,
  master_id text not null,
  wrapped bytea not null,
  created_at timestamp with time zone not null,
  active_from timestamp with time zone not null,
  constraint data_keys_pkey PRIMARY KEY (id),
  constraint data_keys_id_check CHECK ((id > 0))
);

create table digests (
  part text collate "C" not null,
  type text collate "C" not null,
  origin text collate "C" not null,
  audience text collate "C" not null,
  lane0 bigint not null,
  lane1 bigint not null,
  lane2 bigint not null,
  lane3 bigint not null,
  count bigint not null,
  constraint digests_pkey PRIMARY KEY (part, type, origin, audience),
  constraint digests_part_check CHECK ((part = ANY (ARRAY['held'::text, 'offered'::text, 'status'::text, 'offered_status'::text])))
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table heartbeats (
  session_id text not null,
  peer text collate "C" not null,
  at timestamp with time zone not null,
  acked_revision bigint not null,
  counters jsonb not null,
  constraint heartbeats_pkey PRIMARY KEY (session_id)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table holds (
  id text not null,
  peer text collate "C" not null,
  type text collate "C" not null,
  origin text collate "C" not null,
  reason text not null,
  key_count integer not null,
  since timestamp with time zone not null,
  state text not null,
  first_count integer not null default 0,
  returned_count integer not null default 0,
  deleted_count integer,
  ended_at timestamp with time zone,
  decided_by text,
  constraint holds_pkey PRIMARY KEY (id),
  constraint holds_deleted_count_check CHECK ((deleted_count >= 0)),
  constraint holds_first_count_check CHECK ((first_count >= 0)),
  constraint holds_key_count_check CHECK ((key_count >= 0)),
  constraint holds_returned_count_check CHECK ((returned_count >= 0)),
  constraint holds_state_check CHECK ((state = ANY (ARRAY['held'::text, 'approved'::text, 'rejected'::text, 'ended'::text])))
);

create table hook_forms (
  type text collate "C" not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  labels jsonb not null,
  type_url bytea not null,
  spec bytea not null,
  state text not null,
  published boolean not null,
  hook text collate "C",
  reason text,
  since timestamp with time zone not null,
  next_try timestamp with time zone,
  tries integer not null,
  row_entry bytea,
  constraint hook_forms_pkey PRIMARY KEY (type, mesh, name),
  constraint hook_forms_check CHECK (((hook IS NULL) = (next_try IS NULL))),
  constraint hook_forms_check1 CHECK ((published OR (state = ANY (ARRAY['waiting'::text, 'refused'::text])))),
  constraint hook_forms_row_entry_check CHECK ((length(row_entry) = 16)),
  constraint hook_forms_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'bypassed'::text, 'refused'::text, 'changed'::text]))),
  constraint hook_forms_tries_check CHECK ((tries >= 0)),
  constraint hook_forms_type_mesh_name_fkey FOREIGN KEY (type, mesh, name) REFERENCES resources(type, mesh, name) ON UPDATE CASCADE ON DELETE CASCADE
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table hook_health (
  hook text collate "C" not null,
  answers boolean not null,
  since timestamp with time zone not null,
  reason text,
  constraint hook_health_pkey PRIMARY KEY (hook)
);

create table hook_sweep (
  one boolean not null default true,
  fingerprint text not null,
  type_order integer not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  done boolean not null,
  constraint hook_sweep_pkey PRIMARY KEY (one),
  constraint hook_sweep_one_check CHECK (one)
);

create table leases (
  name text collate "C" not null,
  holder text collate "C" not null,
  place text not null,
  token bigint not null,
  taken_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  constraint leases_pkey PRIMARY KEY (name),
  constraint leases_token_check CHECK ((token > 0))
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table lone_streams (
  session text collate "C" not null,
  instance_id text collate "C" not null,
  at timestamp with time zone not null,
  constraint lone_streams_pkey PRIMARY KEY (session)
);

create table migrations (
  id integer not null,
  name text not null,
  sha256 text not null,
  oldest_program text not null,
  applied_at timestamp with time zone not null default now(),
  applied_by text not null,
  constraint migrations_pkey PRIMARY KEY (id)
);

create table origin_visibility (
  origin text collate "C" not null,
  hidden boolean not null,
  revision bigint not null,
  constraint origin_visibility_pkey PRIMARY KEY (origin)
);

create table peer_reports (
  peer text not null,
  hash text not null,
  body text not null,
  at timestamp with time zone not null,
  constraint peer_reports_pkey PRIMARY KEY (peer)
);

create table recovery_witnesses (
  zone text collate "C" not null,
  epoch text not null,
  heard boolean not null,
  in_step boolean not null,
  conflicts text[] not null default '{}'::text[],
  open_waits jsonb,
  at timestamp with time zone not null,
  constraint recovery_witnesses_pkey PRIMARY KEY (zone)
) with (fillfactor=50);

create table refused (
  peer text collate "C" not null,
  channel text collate "C" not null,
  type text collate "C" not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  origin text collate "C" not null,
  export_name text collate "C" not null,
  bucket smallint not null,
  newcomer boolean not null,
  entry bytea not null,
  reason text not null,
  remembered text,
  since timestamp with time zone not null,
  next_try timestamp with time zone not null,
  tries integer not null,
  constraint refused_pkey PRIMARY KEY (peer, channel, type, mesh, name),
  constraint refused_bucket_check CHECK ((bucket >= 0)),
  constraint refused_channel_check CHECK ((channel = ANY (ARRAY['down'::text, 'up'::text, 'status'::text]))),
  constraint refused_entry_check CHECK ((length(entry) = 16))
);

create table repairs (
  peer text collate "C" not null,
  channel text collate "C" not null,
  type text collate "C" not null,
  epoch text not null,
  at timestamp with time zone not null,
  constraint repairs_pkey PRIMARY KEY (peer, channel, type),
  constraint repairs_channel_check CHECK ((channel = ANY (ARRAY['down'::text, 'up'::text, 'status'::text])))
);

create table replica_key (
  only_row boolean not null default true,
  key bytea not null,
  constraint replica_key_pkey PRIMARY KEY (only_row),
  constraint replica_key_key_check CHECK ((length(key) = 32)),
  constraint replica_key_only_row_check CHECK (only_row)
);

create table replicas (
  instance_id text collate "C" not null,
  address text not null,
  version text not null,
  draining boolean not null,
  started_at timestamp with time zone not null,
  heard_at timestamp with time zone not null,
  constraint replicas_pkey PRIMARY KEY (instance_id)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table resources (
  type text collate "C" not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  type_order integer not null,
  export_name text collate "C" not null,
  origin text collate "C" not null,
  namespace text collate "C" not null,
  display_name text collate "C" not null,
  audience text collate "C" not null,
  bucket smallint not null,
  identity bytea not null,
  labels jsonb not null,
  labels_canonical bytea not null,
  type_url bytea not null,
  spec bytea not null,
  vips bytea not null,
  key_id smallint,
  plain_content bytea,
  content bytea not null generated always as (COALESCE(plain_content, sha256((((((int4send(length(labels_canonical)) || labels_canonical) || int4send(length(type_url))) || type_url) || int4send(length(spec))) || spec)))) stored,
  entry bytea generated always as (CASE WHEN deleted THEN NULL::bytea ELSE SUBSTRING(sha256(((((int4send(length(identity)) || identity) || COALESCE(plain_content, sha256((((((int4send(length(labels_canonical)) || labels_canonical) || int4send(length(type_url))) || type_url) || int4send(length(spec))) || spec)))) || int4send(length(vips))) || vips)) FROM 1 FOR 16) END) stored,
  offered_entry bytea,
  revision bigint not null,
  deleted boolean not null default false,
  deleted_at timestamp with time zone,
  exposed boolean not null,
  created_at timestamp with time zone not null,
  modified_at timestamp with time zone not null,
  status bytea,
  status_revision bigint not null default 0,
  status_entry bytea generated always as (CASE WHEN (deleted OR (status IS NULL)) THEN NULL::bytea ELSE SUBSTRING(sha256((((int4send(length(identity)) || identity) || int4send(length(status))) || status)) FROM 1 FOR 16) END) stored,
  offered_status_entry bytea,
  pending_reason text,
  hold_id text,
  absent_since timestamp with time zone,
  constraint resources_pkey PRIMARY KEY (type, mesh, name),
  constraint resources_audience_check CHECK ((audience = ANY (ARRAY['none'::text, 'all'::text, 'suspended'::text]))),
  constraint resources_bucket_check CHECK ((bucket >= 0)),
  constraint resources_check CHECK ((deleted = (deleted_at IS NOT NULL))),
  constraint resources_check1 CHECK (((key_id IS NULL) = (plain_content IS NULL))),
  constraint resources_offered_entry_check CHECK ((length(offered_entry) = 16)),
  constraint resources_offered_status_entry_check CHECK ((length(offered_status_entry) = 16)),
  constraint resources_plain_content_check CHECK ((length(plain_content) = 32))
);

create table revisions (
  revision bigint not null,
  epoch text not null,
  tag text not null,
  committed_at timestamp with time zone not null,
  constraint revisions_pkey PRIMARY KEY (revision)
);

create table scrub (
  only_row boolean not null default true,
  type text collate "C" not null default ''::text,
  bucket integer not null default 0,
  ledger_after text[],
  round bigint not null default 0,
  round_started_at timestamp with time zone,
  round_ended_at timestamp with time zone,
  rows bigint not null default 0,
  ticked_at timestamp with time zone,
  constraint scrub_pkey PRIMARY KEY (only_row),
  constraint scrub_only_row_check CHECK (only_row)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table scrub_findings (
  subject text collate "C" not null,
  problem text not null,
  outcome text not null,
  since timestamp with time zone not null,
  last_at timestamp with time zone not null,
  round bigint not null,
  constraint scrub_findings_pkey PRIMARY KEY (subject),
  constraint scrub_findings_outcome_check CHECK ((outcome = ANY (ARRAY['asked'::text, 'mended'::text, 'alarm'::text])))
);

create table scrub_sums (
  part text collate "C" not null,
  type text collate "C" not null,
  origin text collate "C" not null,
  audience text collate "C" not null,
  lane0 bigint not null,
  lane1 bigint not null,
  lane2 bigint not null,
  lane3 bigint not null,
  count bigint not null,
  constraint scrub_sums_pkey PRIMARY KEY (part, type, origin, audience)
);

create table session_fence (
  peer text collate "C" not null,
  fence bigint not null,
  session_id text not null,
  constraint session_fence_pkey PRIMARY KEY (peer)
);

create table sessions (
  session_id text not null,
  peer text collate "C" not null,
  opened_at timestamp with time zone not null,
  closed_at timestamp with time zone,
  close_reason text,
  instance_id text not null,
  peer_instance_id text not null,
  peer_version text not null,
  extension boolean not null,
  stream text collate "C" not null default ''::text,
  constraint sessions_pkey PRIMARY KEY (session_id)
);

create table store_head (
  only_row boolean not null default true,
  store_id uuid not null,
  role text not null,
  name text collate "C" not null,
  state text not null,
  reasons text[] not null default '{}'::text[],
  epoch text not null,
  revision bigint not null,
  tag text not null,
  log_from bigint not null default 0,
  write_sequence bigint not null default 0,
  created_at timestamp with time zone not null,
  initialised_at timestamp with time zone,
  read_only_at timestamp with time zone,
  read_only_by text,
  read_only_reason text,
  constraint store_head_pkey PRIMARY KEY (only_row),
  constraint store_head_check CHECK (((role = 'global'::text) = (name = ''::text))),
  constraint store_head_check1 CHECK ((log_from <= revision)),
  constraint store_head_epoch_check CHECK ((epoch ~ '^[0-9a-f]{32}$'::text)),
  constraint store_head_only_row_check CHECK (only_row),
  constraint store_head_read_only_is_whole CHECK ((((read_only_at IS NULL) = (read_only_by IS NULL)) AND ((read_only_at IS NULL) = (read_only_reason IS NULL)))),
  constraint store_head_revision_check CHECK ((revision >= 0)),
  constraint store_head_role_check CHECK ((role = ANY (ARRAY['global'::text, 'zone'::text]))),
  constraint store_head_state_check CHECK ((state = ANY (ARRAY['uninitialised'::text, 'recovering'::text, 'ready'::text]))),
  constraint store_head_tag_check CHECK ((tag ~ '^[0-9a-f]{16}$'::text))
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table vip_blocks (
  id text collate "C" not null,
  kind text collate "C" not null,
  family smallint not null,
  cidr cidr not null,
  owner text collate "C" not null,
  store_id text not null,
  generation integer not null,
  created_at timestamp with time zone not null,
  used bigint not null default 0,
  constraint vip_blocks_pkey PRIMARY KEY (id),
  constraint vip_blocks_check CHECK ((family((cidr)::inet) = family)),
  constraint vip_blocks_disjoint EXCLUDE USING gist (cidr inet_ops WITH &&),
  constraint vip_blocks_family_check CHECK ((family = ANY (ARRAY[4, 6]))),
  constraint vip_blocks_id_cidr_key UNIQUE (id, cidr)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table vip_counts (
  origin text collate "C" not null,
  kind text collate "C" not null,
  family smallint not null,
  active bigint not null,
  constraint vip_counts_pkey PRIMARY KEY (origin, kind, family)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table vip_history (
  id bigint not null generated always as identity,
  kind text collate "C" not null,
  mesh text collate "C" not null,
  origin text collate "C" not null,
  namespace text collate "C" not null,
  display_name text collate "C" not null,
  scope text collate "C" not null,
  family smallint not null,
  address inet not null,
  generation integer not null,
  event text not null,
  at timestamp with time zone not null,
  revision bigint not null,
  why text not null,
  constraint vip_history_pkey PRIMARY KEY (id),
  constraint vip_history_event_check CHECK ((event = ANY (ARRAY['allocated'::text, 'witnessed'::text, 'tombstoned'::text, 'revived'::text, 'freed'::text, 'replaced'::text, 'aliased'::text, 'refused'::text])))
);

create table vip_ledger (
  scope text collate "C" not null,
  kind text collate "C" not null,
  mesh text collate "C" not null,
  origin text collate "C" not null,
  namespace text collate "C" not null,
  display_name text collate "C" not null,
  family smallint not null,
  address inet not null,
  generation integer not null,
  state text not null,
  block_id text collate "C",
  block_cidr cidr,
  allocated_at timestamp with time zone not null,
  tombstoned_at timestamp with time zone,
  tombstoned_revision bigint,
  constraint vip_ledger_pkey PRIMARY KEY (scope, kind, mesh, origin, namespace, display_name, family),
  constraint vip_ledger_block FOREIGN KEY (block_id, block_cidr) REFERENCES vip_blocks(id, cidr),
  constraint vip_ledger_check CHECK (((family(address) = family) AND (masklen(address) = CASE family WHEN 4 THEN 32 ELSE 128 END))),
  constraint vip_ledger_check1 CHECK (((block_id IS NULL) = (block_cidr IS NULL))),
  constraint vip_ledger_check2 CHECK (((state = 'tombstoned'::text) = (tombstoned_at IS NOT NULL))),
  constraint vip_ledger_family_check CHECK ((family = ANY (ARRAY[4, 6]))),
  constraint vip_ledger_generation_check CHECK ((generation >= 0)),
  constraint vip_ledger_in_block CHECK ((address <<= (block_cidr)::inet)),
  constraint vip_ledger_one_owner UNIQUE (scope, family, address),
  constraint vip_ledger_scope_check CHECK (((scope = 'canonical'::text) OR (scope ~~ 'zone:%'::text))),
  constraint vip_ledger_state_check CHECK ((state = ANY (ARRAY['active'::text, 'tombstoned'::text])))
);

create table zones (
  name text collate "C" not null,
  store_id text,
  ever_in_step boolean not null default false,
  lease_generation integer not null default 0,
  claimant_store_id text,
  claimed_at timestamp with time zone,
  adopted_at timestamp with time zone,
  owes_return boolean not null default false,
  decommissioned_at timestamp with time zone,
  paused_at timestamp with time zone,
  paused_by text,
  pause_reason text,
  constraint zones_pkey PRIMARY KEY (name),
  constraint zones_pause_is_whole CHECK ((((paused_at IS NULL) = (paused_by IS NULL)) AND ((paused_at IS NULL) = (pause_reason IS NULL))))
);

CREATE INDEX audit_chained ON public.audit USING btree (id) WHERE (chain IS NOT NULL);
CREATE INDEX holds_newest ON public.holds USING btree (since DESC);
CREATE INDEX holds_open ON public.holds USING btree (since) WHERE (state = 'held'::text);
CREATE INDEX hook_forms_due ON public.hook_forms USING btree (hook, next_try) WHERE (next_try IS NOT NULL);
CREATE INDEX refused_bucket ON public.refused USING btree (type, bucket) WHERE newcomer;
CREATE INDEX resources_absent ON public.resources USING btree (type, origin) WHERE ((NOT deleted) AND (absent_since IS NOT NULL));
CREATE INDEX resources_bucket ON public.resources USING btree (type, bucket);
CREATE UNIQUE INDEX resources_display_name ON public.resources USING btree (type, mesh, display_name, origin, namespace) WHERE (NOT deleted);
CREATE INDEX resources_exceptional ON public.resources USING btree (type, origin) WHERE 
CASE
    WHEN ((offered_entry IS DISTINCT FROM entry) AND ((offered_entry IS NOT NULL) OR (hold_id IS NOT NULL))) THEN true
    ELSE false
END;
CREATE INDEX resources_exceptions ON public.resources USING btree (type, origin) WHERE ((offered_entry IS DISTINCT FROM entry) AND ((offered_entry IS NOT NULL) OR (hold_id IS NOT NULL)));
CREATE UNIQUE INDEX resources_export_name ON public.resources USING btree (type, mesh, export_name) WHERE (NOT deleted);
CREATE INDEX resources_export_name_deleted ON public.resources USING btree (type, mesh, export_name) WHERE deleted;
CREATE INDEX resources_kept ON public.resources USING btree (hold_id) WHERE ((hold_id IS NOT NULL) AND (NOT deleted));
CREATE INDEX resources_log ON public.resources USING btree (revision, type_order, mesh, export_name);
CREATE INDEX resources_pending ON public.resources USING btree (type, origin) WHERE (pending_reason IS NOT NULL);
CREATE INDEX resources_status_log ON public.resources USING btree (status_revision, type_order, mesh, export_name) WHERE (status_revision > 0);
CREATE INDEX resources_vanished ON public.resources USING btree (type, origin, deleted_at) WHERE (deleted AND (absent_since IS NOT NULL));
CREATE INDEX revisions_epoch ON public.revisions USING btree (epoch);
CREATE INDEX sessions_peer ON public.sessions USING btree (peer, opened_at DESC);
CREATE INDEX vip_history_address ON public.vip_history USING btree (address, id);
CREATE INDEX vip_history_owner ON public.vip_history USING btree (kind, mesh, origin, namespace, display_name, id);
CREATE INDEX vip_ledger_address ON public.vip_ledger USING btree (address);
CREATE INDEX vip_ledger_aliases ON public.vip_ledger USING btree (scope) WHERE (scope <> 'canonical'::text);
CREATE INDEX vip_ledger_block_id ON public.vip_ledger USING btree (block_id) WHERE (block_id IS NOT NULL);
CREATE INDEX vip_ledger_owner ON public.vip_ledger USING btree (kind, mesh, origin, namespace, display_name);

CREATE STATISTICS public.resources_exceptional ON (CASE WHEN offered_entry IS DISTINCT FROM entry AND (offered_entry IS NOT NULL OR hold_id IS NOT NULL) THEN true ELSE false END) FROM resources;

CREATE OR REPLACE FUNCTION public.append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% is append-only', tg_table_name;
end
$function$;

CREATE OR REPLACE FUNCTION public.audit_is_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'the audit log is append-only: % is refused', lower(tg_op);
end
$function$;

CREATE OR REPLACE FUNCTION public.audit_line(id bigint, at timestamp with time zone, actor text, action text, subject text, detail jsonb, revision bigint)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (jsonb_build_array(id, ((EXTRACT(epoch FROM at) * (1000)::numeric))::bigint, actor, action, subject, detail, revision))::text;

CREATE OR REPLACE FUNCTION public.digest_add(sums digest_sum[])
 RETURNS void
 LANGUAGE sql
 SET search_path TO '$user', 'public'
BEGIN ATOMIC
 INSERT INTO digests AS d (part, type, origin, audience, lane0, lane1, lane2, lane3, count)  SELECT s.part,
             s.type,
             s.origin,
             s.audience,
             (s.lane0 & '4294967295'::bigint),
             (s.lane1 & '4294967295'::bigint),
             (s.lane2 & '4294967295'::bigint),
             (s.lane3 & '4294967295'::bigint),
             s.count
            FROM unnest(digest_add.sums) s(part, type, origin, audience, lane0, lane1, lane2, lane3, count)
           WHERE ((s.lane0 <> 0) OR (s.lane1 <> 0) OR (s.lane2 <> 0) OR (s.lane3 <> 0) OR (s.count <> 0))
           ORDER BY s.part, s.type, s.origin, s.audience ON CONFLICT(part, type, origin, audience) DO UPDATE SET lane0 = ((d.lane0 + excluded.lane0) & '4294967295'::bigint), lane1 = ((d.lane1 + excluded.lane1) & '4294967295'::bigint), lane2 = ((d.lane2 + excluded.lane2) & '4294967295'::bigint), lane3 = ((d.lane3 + excluded.lane3) & '4294967295'::bigint), count = (d.count + excluded.count);
END;

CREATE OR REPLACE FUNCTION public.digest_lane(entry bytea, lane integer)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (((((get_byte(entry, (4 * lane)))::bigint << 24) | ((get_byte(entry, ((4 * lane) + 1)))::bigint << 16)) | ((get_byte(entry, ((4 * lane) + 2)))::bigint << 8)) | (get_byte(entry, ((4 * lane) + 3)))::bigint);

CREATE OR REPLACE FUNCTION public.no_truncate()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'truncate of % is refused: digests follow rows; use delete', tg_table_name;
end
$function$;

CREATE OR REPLACE FUNCTION public.refused_digest()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO '$user', 'public'
AS $function$
declare
  sums digest_sum[];
begin
  if tg_op = 'INSERT' then
    select array_agg(s) into sums from (
      select row(case channel when 'status' then 'offered_status' else 'offered' end, type, origin, '',
        sum(digest_lane(entry, 0))::bigint, sum(digest_lane(entry, 1))::bigint,
        sum(digest_lane(entry, 2))::bigint, sum(digest_lane(entry, 3))::bigint, count(*))::digest_sum s
      from new_rows where newcomer
      group by case channel when 'status' then 'offered_status' else 'offered' end, type, origin
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(s) into sums from (
      select row(case channel when 'status' then 'offered_status' else 'offered' end, type, origin, '',
        -sum(digest_lane(entry, 0))::bigint, -sum(digest_lane(entry, 1))::bigint,
        -sum(digest_lane(entry, 2))::bigint, -sum(digest_lane(entry, 3))::bigint, -count(*))::digest_sum s
      from old_rows where newcomer
      group by case channel when 'status' then 'offered_status' else 'offered' end, type, origin
    ) x;
  else
    select array_agg(s) into sums from (
      select row(case channel when 'status' then 'offered_status' else 'offered' end, type, origin, '',
        sum(direction * digest_lane(entry, 0))::bigint, sum(direction * digest_lane(entry, 1))::bigint,
        sum(direction * digest_lane(entry, 2))::bigint, sum(direction * digest_lane(entry, 3))::bigint,
        sum(direction))::digest_sum s
      from (
        select channel, type, origin, entry, 1 direction from new_rows where newcomer
        union all
        select channel, type, origin, entry, -1 from old_rows where newcomer
      ) m
      group by case channel when 'status' then 'offered_status' else 'offered' end, type, origin
    ) x;
  end if;
  if sums is not null then
    perform digest_add(sums);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.resource_parts(audience text, entry bytea, offered_entry bytea, status_entry bytea, offered_status_entry bytea, OUT part text, OUT part_audience text, OUT part_entry bytea)
 RETURNS SETOF record
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
 SELECT p.part,
     p.audience,
     p.entry
    FROM ( VALUES ('held'::text,resource_parts.audience,resource_parts.entry), ('offered'::text,''::text,resource_parts.offered_entry), ('status'::text,resource_parts.audience,resource_parts.status_entry), ('offered_status'::text,''::text,resource_parts.offered_status_entry)) p(part, audience, entry)
   WHERE (p.entry IS NOT NULL);
END;

CREATE OR REPLACE FUNCTION public.resources_digest()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO '$user', 'public'
AS $function$
declare
  sums digest_sum[];
begin
  -- Each branch is planned only where its transition tables exist.
  if tg_op = 'INSERT' then
    select array_agg(s) into sums from (
      select row(p.part, n.type, n.origin, p.part_audience,
        sum(digest_lane(p.part_entry, 0))::bigint, sum(digest_lane(p.part_entry, 1))::bigint,
        sum(digest_lane(p.part_entry, 2))::bigint, sum(digest_lane(p.part_entry, 3))::bigint,
        count(*))::digest_sum s
      from new_rows n
      cross join lateral resource_parts(n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry) p
      group by p.part, n.type, n.origin, p.part_audience
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(s) into sums from (
      select row(p.part, o.type, o.origin, p.part_audience,
        -sum(digest_lane(p.part_entry, 0))::bigint, -sum(digest_lane(p.part_entry, 1))::bigint,
        -sum(digest_lane(p.part_entry, 2))::bigint, -sum(digest_lane(p.part_entry, 3))::bigint,
        -count(*))::digest_sum s
      from old_rows o
      cross join lateral resource_parts(o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry) p
      group by p.part, o.type, o.origin, p.part_audience
    ) x;
  else
    -- Most updates change one entry or none: only what differs is taken apart.
    with changed as (
      select o.type old_type, n.type new_type, o.origin old_origin, n.origin new_origin,
        o.audience old_audience, n.audience new_audience,
        o.entry old_entry, n.entry new_entry, o.offered_entry old_offered, n.offered_entry new_offered,
        o.status_entry old_status, n.status_entry new_status,
        o.offered_status_entry old_offered_status, n.offered_status_entry new_offered_status
      from old_rows o full join new_rows n
        on n.type = o.type and n.mesh = o.mesh and n.name = o.name
      where (o.type, o.origin, o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry)
        is distinct from (n.type, n.origin, n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry)
    ), moved as (
      select p.part, c.new_type as type, c.new_origin as origin, p.part_audience, p.part_entry, 1 as direction
      from changed c
      cross join lateral resource_parts(
        c.new_audience, c.new_entry, c.new_offered, c.new_status, c.new_offered_status) p
      union all
      select p.part, c.old_type, c.old_origin, p.part_audience, p.part_entry, -1
      from changed c
      cross join lateral resource_parts(
        c.old_audience, c.old_entry, c.old_offered, c.old_status, c.old_offered_status) p
    )
    select array_agg(s) into sums from (
      select row(m.part, m.type, m.origin, m.part_audience,
        sum(m.direction * digest_lane(m.part_entry, 0))::bigint, sum(m.direction * digest_lane(m.part_entry, 1))::bigint,
        sum(m.direction * digest_lane(m.part_entry, 2))::bigint, sum(m.direction * digest_lane(m.part_entry, 3))::bigint,
        sum(m.direction))::digest_sum s
      from moved m
      group by m.part, m.type, m.origin, m.part_audience
    ) x;
  end if;
  if sums is not null then
    perform digest_add(sums);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.resources_scrub()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO '$user', 'public'
AS $function$
declare
  at_type text;
  at_bucket integer;
  sums digest_sum[];
begin
  select s.type, s.bucket into at_type, at_bucket from scrub s where s.type <> '' and s.bucket > 0;
  if not found then
    return null;
  end if;
  -- Each branch is planned only where its transition tables exist.
  if tg_op = 'INSERT' then
    select array_agg(s) into sums from (
      select row(p.part, n.type, n.origin, p.part_audience,
        sum(digest_lane(p.part_entry, 0))::bigint, sum(digest_lane(p.part_entry, 1))::bigint,
        sum(digest_lane(p.part_entry, 2))::bigint, sum(digest_lane(p.part_entry, 3))::bigint,
        count(*))::digest_sum s
      from new_rows n
      cross join lateral resource_parts(n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry) p
      where n.type = at_type and n.bucket < at_bucket
      group by p.part, n.type, n.origin, p.part_audience
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(s) into sums from (
      select row(p.part, o.type, o.origin, p.part_audience,
        -sum(digest_lane(p.part_entry, 0))::bigint, -sum(digest_lane(p.part_entry, 1))::bigint,
        -sum(digest_lane(p.part_entry, 2))::bigint, -sum(digest_lane(p.part_entry, 3))::bigint,
        -count(*))::digest_sum s
      from old_rows o
      cross join lateral resource_parts(o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry) p
      where o.type = at_type and o.bucket < at_bucket
      group by p.part, o.type, o.origin, p.part_audience
    ) x;
  else
    with moved as (
      select p.part, n.type, n.origin, p.part_audience, p.part_entry, 1 as direction
      from new_rows n
      cross join lateral resource_parts(n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry) p
      where n.type = at_type and n.bucket < at_bucket
      union all
      select p.part, o.type, o.origin, p.part_audience, p.part_entry, -1
      from old_rows o
      cross join lateral resource_parts(o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry) p
      where o.type = at_type and o.bucket < at_bucket
    )
    select array_agg(s) into sums from (
      select row(m.part, m.type, m.origin, m.part_audience,
        sum(m.direction * digest_lane(m.part_entry, 0))::bigint, sum(m.direction * digest_lane(m.part_entry, 1))::bigint,
        sum(m.direction * digest_lane(m.part_entry, 2))::bigint, sum(m.direction * digest_lane(m.part_entry, 3))::bigint,
        sum(m.direction))::digest_sum s
      from moved m
      group by m.part, m.type, m.origin, m.part_audience
    ) x;
  end if;
  if sums is not null then
    perform scrub_add(sums);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.scrub_add(sums digest_sum[])
 RETURNS void
 LANGUAGE sql
 SET search_path TO '$user', 'public'
BEGIN ATOMIC
 INSERT INTO scrub_sums AS d (part, type, origin, audience, lane0, lane1, lane2, lane3, count)  SELECT s.part,
             s.type,
             s.origin,
             s.audience,
             (s.lane0 & '4294967295'::bigint),
             (s.lane1 & '4294967295'::bigint),
             (s.lane2 & '4294967295'::bigint),
             (s.lane3 & '4294967295'::bigint),
             s.count
            FROM unnest(scrub_add.sums) s(part, type, origin, audience, lane0, lane1, lane2, lane3, count)
           WHERE ((s.lane0 <> 0) OR (s.lane1 <> 0) OR (s.lane2 <> 0) OR (s.lane3 <> 0) OR (s.count <> 0))
           ORDER BY s.part, s.type, s.origin, s.audience ON CONFLICT(part, type, origin, audience) DO UPDATE SET lane0 = ((d.lane0 + excluded.lane0) & '4294967295'::bigint), lane1 = ((d.lane1 + excluded.lane1) & '4294967295'::bigint), lane2 = ((d.lane2 + excluded.lane2) & '4294967295'::bigint), lane3 = ((d.lane3 + excluded.lane3) & '4294967295'::bigint), count = (d.count + excluded.count);
END;

CREATE OR REPLACE FUNCTION public.vip_count(deltas vip_delta[])
 RETURNS void
 LANGUAGE sql
 SET search_path TO '$user', 'public'
BEGIN ATOMIC
 UPDATE vip_blocks b SET used = (b.used + d.used)
    FROM ( SELECT x.id,
             s.used
            FROM (( SELECT unnest.block_id,
                     (sum(unnest.used))::bigint AS used
                    FROM unnest(vip_count.deltas) unnest(block_id, origin, kind, family, used, active)
                   GROUP BY unnest.block_id
                  HAVING (sum(unnest.used) <> (0)::numeric)) s
              JOIN vip_blocks x ON ((x.id = s.block_id)))
           ORDER BY x.id
          FOR NO KEY UPDATE OF x) d
   WHERE (b.id = d.id);
 INSERT INTO vip_counts AS c (origin, kind, family, active)  SELECT unnest.origin,
             unnest.kind,
             unnest.family,
             (sum(unnest.active))::bigint AS sum
            FROM unnest(vip_count.deltas) unnest(block_id, origin, kind, family, used, active)
           GROUP BY unnest.origin, unnest.kind, unnest.family
          HAVING (sum(unnest.active) <> (0)::numeric)
           ORDER BY unnest.origin, unnest.kind, unnest.family ON CONFLICT(origin, kind, family) DO UPDATE SET active = (c.active + excluded.active);
END;

CREATE OR REPLACE FUNCTION public.vip_ledger_counts()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO '$user', 'public'
AS $function$
declare
  deltas vip_delta[];
begin
  -- Each branch is planned only where its transition tables exist.
  if tg_op = 'INSERT' then
    select array_agg(d) into deltas from (
      select row(block_id, origin, kind, family, count(block_id),
        count(*) filter (where state = 'active' and scope = 'canonical'))::vip_delta d
      from new_rows group by block_id, origin, kind, family
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(d) into deltas from (
      select row(block_id, origin, kind, family, -count(block_id),
        -count(*) filter (where state = 'active' and scope = 'canonical'))::vip_delta d
      from old_rows group by block_id, origin, kind, family
    ) x;
  elsif tg_op = 'UPDATE' then
    select array_agg(d) into deltas from (
      select row(block_id, origin, kind, family, sum(direction) filter (where block_id is not null),
        sum(direction) filter (where state = 'active' and scope = 'canonical'))::vip_delta d
      from (
        select block_id, origin, kind, family, state, scope, 1 direction from new_rows
        union all
        select block_id, origin, kind, family, state, scope, -1 from old_rows
      ) m
      group by block_id, origin, kind, family
    ) x;
  else
    update vip_blocks set used = 0 where used <> 0;
    delete from vip_counts;
  end if;
  if deltas is not null then
    perform vip_count(deltas);
  end if;
  return null;
end
$function$;

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER refused_digest_delete AFTER DELETE ON public.refused REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION refused_digest();
CREATE TRIGGER refused_digest_insert AFTER INSERT ON public.refused REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refused_digest();
CREATE TRIGGER refused_digest_update AFTER UPDATE ON public.refused REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refused_digest();
CREATE TRIGGER refused_no_truncate BEFORE TRUNCATE ON public.refused FOR EACH STATEMENT EXECUTE FUNCTION no_truncate();
CREATE TRIGGER resources_digest_delete AFTER DELETE ON public.resources REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resources_digest();
CREATE TRIGGER resources_digest_insert AFTER INSERT ON public.resources REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resources_digest();
CREATE TRIGGER resources_digest_update AFTER UPDATE ON public.resources REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resources_digest();
CREATE TRIGGER resources_no_truncate BEFORE TRUNCATE ON public.resources FOR EACH STATEMENT EXECUTE FUNCTION no_truncate();
CREATE TRIGGER resources_scrub_delete AFTER DELETE ON public.resources REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resources_scrub();
CREATE TRIGGER resources_scrub_insert AFTER INSERT ON public.resources REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resources_scrub();
CREATE TRIGGER resources_scrub_update AFTER UPDATE ON public.resources REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resources_scrub();
CREATE TRIGGER vip_history_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.vip_history FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER vip_ledger_counts_delete AFTER DELETE ON public.vip_ledger REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION vip_ledger_counts();
CREATE TRIGGER vip_ledger_counts_insert AFTER INSERT ON public.vip_ledger REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION vip_ledger_counts();
CREATE TRIGGER vip_ledger_counts_truncate AFTER TRUNCATE ON public.vip_ledger FOR EACH STATEMENT EXECUTE FUNCTION vip_ledger_counts();
CREATE TRIGGER vip_ledger_counts_update AFTER UPDATE ON public.vip_ledger REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION vip_ledger_counts();
